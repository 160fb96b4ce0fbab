//! The kernel's messages on links, addresses and routes (`NETLINK_ROUTE`): whether a way out may be back.

/// A link has changed.
const RTM_NEWLINK: u16 = 16;
/// An address was added.
const RTM_NEWADDR: u16 = 20;
/// A route was added.
const RTM_NEWROUTE: u16 = 24;
/// Bytes of the header of a message, and of what follows it for a link.
const HEADER: usize = 16;
const LINK: usize = 16;
/// Flags of a link: it is the loopback; it can carry something.
const IFF_LOOPBACK: u32 = 0x8;
const IFF_RUNNING: u32 = 0x40;

/// Whether some of the messages of a datagram says that a link, an address or a route has come. A malformed one says
/// nothing.
pub fn has_come(mut messages: &[u8]) -> bool {
    while let Some((length, kind)) = header(messages) {
        let Some(message) = messages.get(HEADER..length) else { return false };
        match kind {
            RTM_NEWADDR | RTM_NEWROUTE => return true,
            RTM_NEWLINK if is_running(message) => return true,
            _ => {}
        }
        // Messages begin at multiples of four bytes.
        messages = messages.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    false
}

/// The length and the kind of the first message.
fn header(messages: &[u8]) -> Option<(usize, u16)> {
    let (length, rest) = messages.split_first_chunk()?;
    let kind = u16::from_ne_bytes(*rest.first_chunk()?);
    let length = usize::try_from(u32::from_ne_bytes(*length)).ok()?;
    (length >= HEADER).then_some((length, kind))
}

fn is_running(link: &[u8]) -> bool {
    let flags = link.get(8..LINK).and_then(|it| it.first_chunk()).map(|it| u32::from_ne_bytes(*it));
    flags.is_some_and(|flags| flags & (IFF_LOOPBACK | IFF_RUNNING) == IFF_RUNNING)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u16, flags: u32) -> Vec<u8> {
        let mut bytes = 32_u32.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 18]);
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes
    }

    #[test]
    fn new_links_are_distinguished_from_lost_ones() {
        for (kind, flags, comes) in [
            (RTM_NEWADDR, 0, true),
            (RTM_NEWROUTE, 0, true),
            (RTM_NEWLINK, IFF_RUNNING, true),
            (RTM_NEWLINK, 0, false),
            (RTM_NEWLINK, IFF_RUNNING | IFF_LOOPBACK, false),
            (RTM_NEWADDR + 1, 0, false),
        ] {
            assert_eq!(has_come(&message(kind, flags)), comes, "{kind} {flags}");
            let second = [message(17, 0), message(kind, flags)].concat();
            assert_eq!(has_come(&second), comes, "the second of two: {kind} {flags}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_say_something_or_nothing(bytes in any::<Vec<u8>>()) {
            has_come(&bytes);
        }
    }
}
