//! The elements of a body that only a newer version knows: those after ours. Such a record is used as far as it is
//! understood, and stored and passed on whole.

use minicbor::{Decoder, Encoder};

use crate::wire::record::Kind;

/// The elements of a body that only a newer version knows, one after the other; nothing if there are none.
pub fn rest(kind: Kind, body: &[u8]) -> Option<&[u8]> {
    let mut decoder = Decoder::new(body);
    let count = decoder.array().ok()??;
    let more = count.checked_sub(kind.elements()).filter(|more| *more > 0)?;
    skip(&mut decoder, kind.elements())?;
    let from = decoder.position();
    skip(&mut decoder, more)?;
    body.get(from..decoder.position())
}

/// A body as this version writes it, followed by the [`rest`] that came with it.
pub fn with_rest(kind: Kind, body: &[u8], rest: &[u8]) -> Vec<u8> {
    joined(kind, body, rest).unwrap_or_else(|| body.to_vec())
}

fn joined(kind: Kind, body: &[u8], rest: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = Decoder::new(body);
    let ours = decoder.array().ok()??;
    let elements = body.get(decoder.position()..)?;
    let mut more = 0;
    let mut decoder = Decoder::new(rest);
    while decoder.position() < rest.len() {
        skip(&mut decoder, 1)?;
        more += 1;
    }
    let mut whole = Encoder::new(Vec::with_capacity(body.len() + rest.len() + 8));
    whole.array(kind.elements() + more).ok()?;
    whole.writer_mut().extend_from_slice(elements);
    // Optional ones that are not there were left out at the end, which it no longer is.
    for _ in ours..kind.elements() {
        whole.null().ok()?;
    }
    whole.writer_mut().extend_from_slice(rest);
    Some(whole.into_writer())
}

fn skip(decoder: &mut Decoder<'_>, elements: u64) -> Option<()> {
    for _ in 0..elements {
        decoder.skip().ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Labels;
    use crate::time::Wall;
    use crate::wire::record::{GroupTimer, encode_claim, encode_group, encode_identity};

    fn group() -> Vec<u8> {
        let labels: Labels = [("a", "b")].into_iter().collect();
        encode_group(&GroupTimer { path: "{}".into(), labels, first: Wall::from_ns(9) })
    }

    #[test]
    fn a_body_of_this_version_has_no_rest() {
        assert_eq!(rest(Kind::Group, &group()), None);
        assert_eq!(rest(Kind::Claim, &encode_claim(std::time::Duration::ZERO, false, &[])), None);
        assert_eq!(rest(Kind::Identity, &encode_identity(1, &[])), None);
        assert_eq!(rest(Kind::Group, b"no array"), None);
    }

    #[test]
    fn bodies_of_this_version_have_all_elements() {
        let met = ["10.0.0.1:9094".parse().unwrap()];
        let claim = encode_claim(std::time::Duration::ZERO, true, &[1]);
        let bodies = [
            (Kind::Group, group()),
            (Kind::Claim, claim),
            (Kind::Identity, encode_identity(1, &met)),
        ];
        for (kind, body) in bodies {
            assert_eq!(Decoder::new(&body).array().unwrap(), Some(kind.elements()), "{kind:?}");
        }
    }

    #[test]
    fn optional_elements_are_null_before_the_rest() {
        let claim = encode_claim(std::time::Duration::from_secs(2), true, &[]);
        // [2000, true, null, 7]
        assert_eq!(with_rest(Kind::Claim, &claim, &[7]), b"\x84\x19\x07\xd0\xf5\xf6\x07");
    }

    proptest! {
        #[test]
        fn a_rest_that_is_joined_is_found_again(more in proptest::collection::vec(any::<Vec<u64>>(), 1..40)) {
            let added: Vec<u8> = more.iter().flat_map(|it| minicbor::to_vec(it).unwrap()).collect();
            let whole = with_rest(Kind::Group, &group(), &added);
            prop_assert_eq!(rest(Kind::Group, &whole), Some(added.as_slice()));
            prop_assert_eq!(Decoder::new(&whole).array().unwrap(), Some(3 + more.len() as u64));
            prop_assert_eq!(crate::wire::record::decode_group(&whole), crate::wire::record::decode_group(&group()));
        }

        #[test]
        fn any_bytes_have_a_rest_or_none(body in any::<Vec<u8>>(), added in any::<Vec<u8>>(), number in 1_u16..=6) {
            let kind = Kind::from_number(number).unwrap();
            if let Some(rest) = rest(kind, &body) {
                prop_assert!(body.windows(rest.len()).any(|window| window == rest));
            }
            drop(with_rest(kind, &body, &added));
        }
    }
}
