//! The bytes of bodies.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::core::testing::matchers;
use crate::limits::CLAIM_TIME_MAX;
use crate::limits::{LOG_FACT_BYTES_MAX, MEMBER_NAME_BYTES_MAX};
use crate::model::{
    Alert, Fingerprint, GroupKey, Labels, LogEntry, LogKey, Pool, Silence, SilenceId,
};
use crate::time::Wall;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn alert() -> Alert {
    Alert {
        labels: [("alertname", "A"), ("i", "1")].into_iter().collect(),
        annotations: [("s", "x")].into_iter().collect(),
        starts_at: Wall::from_ns(1),
        ends_at: Wall::from_ns(-2),
        updated_at: Wall::from_ns(3),
        timeout: true,
        generator_url: "u".into(),
    }
}

fn silence() -> Silence {
    Silence {
        id: SilenceId::from_bits(7),
        matchers: matchers(&["a=b", "c!~d|e"]),
        starts_at: Wall::from_ns(1),
        ends_at: Wall::from_ns(2),
        updated_at: Wall::from_ns(3),
        created_by: "me".into(),
        comment: "why".into(),
        annotations: Labels::empty(),
    }
}

fn log() -> (LogKey, LogEntry) {
    let key = LogKey::new(GroupKey::from_stored("{}:{}"), "r".into(), "webhook".into(), 1);
    let entry = LogEntry {
        timestamp: Wall::from_ns(1),
        firing: [Fingerprint(2)].into(),
        resolved: [Fingerprint(3), Fingerprint(4)].into(),
        expires_at: Wall::from_ns(5),
        notified_by: [(7, 2), (9, 1)].into(),
        facts: [].into(),
    };
    (key, entry)
}

fn group() -> GroupTimer {
    GroupTimer {
        path: "{}".into(),
        labels: [("a", "b")].into_iter().collect(),
        first: Wall::from_ns(9),
    }
}

fn beat() -> Beat {
    Beat { name: "expect/a".into(), at: Wall::from_ns(1), said: "x".into() }
}

fn member() -> Member {
    let addr = Some(([10, 0, 0, 1], 9094).into());
    Member { name: "a".into(), addr, gone: Some(Wall::from_ns(9)) }
}

#[test]
fn the_lifetime_of_a_claim_is_bounded() {
    for (said, held) in [
        (Duration::from_secs(2), Duration::from_secs(2)),
        (CLAIM_TIME_MAX, CLAIM_TIME_MAX),
        (CLAIM_TIME_MAX + Duration::from_millis(1), CLAIM_TIME_MAX),
        (Duration::MAX, CLAIM_TIME_MAX),
    ] {
        let body = encode_claim(said, false, &[]);
        assert_eq!(decode_claim(&body).unwrap().0, held, "{said:?}");
    }
}

/// These bytes stand on flash and travel: a change of them is a change of the format.
#[test]
fn golden_bytes() {
    let (key, entry) = log();
    let alone = LogEntry { notified_by: [].into(), ..entry.clone() };
    let known = LogEntry { facts: ["17.1".into(), "C1".into()].into(), ..alone.clone() };
    let stamped = Stamped { hlc: 1, node: 2, expires_at_ms: 3, body: vec![4] };
    let golden = [
        (encode_alert(&alert()), "878469616c6572746e616d656141616961318261736178012103f56175"),
        (encode_silence(&silence()), "87828361610061628361630363647c65010203626d656377687980"),
        (
            encode_log(&key, &alone),
            "88657b7d3a7b7d617267776562686f6f6b0101480000000000000002\
             500000000000000003000000000000000405",
        ),
        (
            encode_log(&key, &entry),
            "89657b7d3a7b7d617267776562686f6f6b0101480000000000000002\
             500000000000000003000000000000000405\
             82820702820901",
        ),
        (
            encode_log(&key, &known),
            "8a657b7d3a7b7d617267776562686f6f6b0101480000000000000002\
             500000000000000003000000000000000405\
             f6826431372e31624331",
        ),
        (
            encode_group(&group()),
            "83627b7d8261616162\
             09",
        ),
        (stamped.encode(), "840102034104"),
        (encode_claim(Duration::from_secs(2), true, &[]), "821907d0f5"),
        (encode_claim(Duration::from_secs(2), true, &[1, 2]), "831907d0f5820102"),
        (encode_identity(258, &[]), "81190102"),
        (encode_debt(&key, Wall::from_ns(1), (2, 0)), "86657b7d3a7b7d617267776562686f6f6b010102"),
        (encode_debt(&key, Wall::from_ns(1), (2, 3)), "87657b7d3a7b7d617267776562686f6f6b01010203"),
        (
            encode_beat(&beat()),
            "83686578706563\
             742f61016178",
        ),
        (encode_member(&member()), "8361616d31302e302e302e313a3930393409"),
        (encode_member(&Member::default()), "8160"),
        (
            encode_identity(1, &["[fe80::1%2]:9094".parse().unwrap()]),
            "820181705b666538303a3a3125325d3a39303934",
        ),
    ];
    for (bytes, expected) in golden {
        assert_eq!(hex(&bytes), expected);
    }
    assert_eq!(hex(&log_key(&key)), "75286370c4a44d2a6269da144d69d48f");
}

#[test]
fn bodies_read_back() {
    let mut pool = Pool::default();
    assert_eq!(decode_alert(&encode_alert(&alert()), &mut pool), Ok(alert()));
    assert_eq!(decode_silence(silence().id, &encode_silence(&silence())), Ok(silence()));
    let (key, entry) = log();
    assert_eq!(decode_log(&encode_log(&key, &entry)), Ok((key.clone(), entry.clone())));
    let known = LogEntry { facts: ["17.1".into()].into(), ..entry.clone() };
    assert_eq!(decode_log(&encode_log(&key, &known)), Ok((key.clone(), known)));
    let long = "x".repeat(LOG_FACT_BYTES_MAX + 1);
    let known = LogEntry { facts: [long.into()].into(), ..entry.clone() };
    assert_eq!(decode_log(&encode_log(&key, &known)), Ok((key, entry)));
    assert_eq!(decode_group(&encode_group(&group())), Ok(group()));
    assert_eq!(fingerprint_of(&alert_key(Fingerprint(5))), Ok(Fingerprint(5)));
    assert_eq!(silence_id_of(&silence_key(silence().id)), Ok(silence().id));
}

#[test]
fn elements_of_a_newer_version_are_skipped() {
    let mut newer = encode_group(&group());
    newer[0] += 1;
    newer.push(0xf6);
    assert_eq!(decode_group(&newer), Ok(group()));
}

#[test]
fn malformed_bodies_are_refused() {
    let nameless = Alert { labels: Labels::empty(), ..alert() };
    assert!(decode_alert(&encode_alert(&nameless), &mut Pool::default()).is_err());
    let greedy = Silence { matchers: matchers(&["a=~.*"]), ..silence() };
    assert!(decode_silence(greedy.id, &encode_silence(&greedy)).is_err());
    assert!(fingerprint_of(&[0; 7]).is_err());
    assert!(member_of(&[0; 7]).is_err());
    let long = Member { name: "x".repeat(MEMBER_NAME_BYTES_MAX + 1), ..member() };
    assert!(decode_member(&encode_member(&long)).is_err());
}

/// Reads a body of a kind and writes what was read.
fn again(kind: Kind, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    Ok(match kind {
        Kind::Alert => encode_alert(&decode_alert(bytes, &mut Pool::default())?),
        Kind::Silence => encode_silence(&decode_silence(SilenceId::from_bits(0), bytes)?),
        Kind::Log => decode_log(bytes).map(|(key, entry)| encode_log(&key, &entry))?,
        Kind::Group => encode_group(&decode_group(bytes)?),
        Kind::Claim => decode_claim(bytes).map(|(a, b, c)| encode_claim(a, b, &c))?,
        Kind::Identity => decode_identity(bytes).map(|(id, met)| encode_identity(id, &met))?,
        Kind::Beat | Kind::Sign => encode_beat(&decode_beat(bytes)?),
        Kind::Debt => {
            decode_debt(bytes).map(|(key, since, counts)| encode_debt(&key, since, counts))?
        }
        Kind::Past => decode_past(bytes).map(|(a, b, c, text)| encode_past(a, b, c, &text))?,
        Kind::Member => encode_member(&decode_member(bytes)?),
    })
}

proptest! {
    #[test]
    fn a_damaged_body_that_can_be_read_has_one_meaning(
        kind in proptest::sample::select(&KINDS[..]), damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4), cut in 0_usize..200
    ) {
        let (key, entry) = log();
        let mut bytes = match kind {
            Kind::Alert => encode_alert(&alert()),
            Kind::Silence => encode_silence(&silence()),
            Kind::Log => encode_log(&key, &entry),
            Kind::Group => encode_group(&group()),
            Kind::Claim => encode_claim(Duration::from_secs(2), true, &[1, 2]),
            Kind::Identity => encode_identity(258, &["10.0.0.1:9094".parse().unwrap()]),
            Kind::Beat | Kind::Sign => encode_beat(&beat()),
            Kind::Debt => encode_debt(&key, Wall::from_ns(1), (2, 3)),
            Kind::Past => encode_past(1, 2, Wall::from_ns(3), "{}"),
            Kind::Member => encode_member(&member()),
        };
        prop_assert_eq!(again(kind, &bytes).unwrap(), bytes.clone());
        for (at, by) in &damage {
            let at = at % bytes.len();
            bytes[at] ^= by;
        }
        bytes.truncate(if cut < bytes.len() * 2 { cut.max(1) } else { bytes.len() });
        if let Ok(read) = again(kind, &bytes) {
            prop_assert_eq!(again(kind, &read).unwrap(), read);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(decode_alert(&bytes, &mut Pool::default()));
        drop(decode_silence(SilenceId::from_bits(0), &bytes));
        drop(decode_log(&bytes));
        drop(decode_group(&bytes));
        drop(decode_claim(&bytes));
        drop(decode_identity(&bytes));
        drop(decode_beat(&bytes));
        drop(decode_debt(&bytes));
        drop(decode_member(&bytes));
        drop(Stamped::decode(&bytes));
    }
}

#[test]
fn a_kind_is_found_by_its_number() {
    for kind in KINDS {
        assert_eq!(Kind::from_number(kind.number().into()), Some(kind));
    }
    assert_eq!((Kind::from_number(0), Kind::from_number(64)), (None, None));
}
