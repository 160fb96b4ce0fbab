//! The network interfaces, as sysfs tells them.

use std::fs;
use std::path::Path;

const UP: u32 = 0x1;
const LOOPBACK: u32 = 0x8;
const MULTICAST: u32 = 0x1000;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) index: u32,
}

/// Those that are up and can multicast, the loopback left out, by name. None where sysfs cannot be read.
pub(super) fn multicast() -> Vec<Interface> {
    let Ok(entries) = fs::read_dir("/sys/class/net") else { return Vec::new() };
    let mut found: Vec<_> = entries.flatten().filter_map(|entry| read(&entry.path())).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn read(folder: &Path) -> Option<Interface> {
    let name = folder.file_name()?.to_str()?.to_owned();
    let flags = fs::read_to_string(folder.join("flags")).ok()?;
    let index = fs::read_to_string(folder.join("ifindex")).ok()?;
    let index = index.trim_ascii().parse().ok()?;
    can_multicast(&flags)?.then_some(Interface { name, index })
}

/// `flags` is a number like `0x1003`.
fn can_multicast(flags: &str) -> Option<bool> {
    let flags = u32::from_str_radix(flags.trim_ascii().strip_prefix("0x")?, 16).ok()?;
    Some(flags & (UP | LOOPBACK | MULTICAST) == UP | MULTICAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_must_be_up_and_able_to_multicast() {
        assert_eq!(can_multicast("0x1003\n"), Some(true));
        assert_eq!(can_multicast("0x1002\n"), Some(false));
        assert_eq!(can_multicast("0x9\n"), Some(false));
        assert_eq!(can_multicast("0x81\n"), Some(false));
        assert_eq!(can_multicast("eth0\n"), None);
    }
}
