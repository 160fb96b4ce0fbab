//! The bodies of records, each from its noun and back.

use std::net::SocketAddr;
use std::time::Duration;

use minicbor::{Decode, Encode};

use super::{Malformed, encode};
use crate::limits::{CLAIM_TIME_MAX, LOG_TELLERS_MAX, MEMBERS_MAX, MET_MAX};
use crate::model::matcher::bounded;
use crate::model::{
    Alert, Fingerprint, GroupKey, Labels, LogEntry, LogKey, MatchOp, Matcher, Matchers, Pool,
    Silence, SilenceId,
};
use crate::time::Wall;

/// The time at which a group is first flushed; the others follow at its interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTimer {
    /// The path of its route.
    pub path: String,
    /// The labels its alerts share.
    pub labels: Labels,
    /// Its first flush.
    pub first: Wall,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct AlertBody<'a> {
    #[b(0)]
    labels: Vec<&'a str>,
    #[b(1)]
    annotations: Vec<&'a str>,
    #[n(2)]
    starts: i64,
    #[n(3)]
    ends: i64,
    #[n(4)]
    updated: i64,
    #[n(5)]
    timeout: bool,
    #[b(6)]
    url: &'a str,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct SilenceBody<'a> {
    #[b(0)]
    matchers: Vec<MatcherBody<'a>>,
    #[n(1)]
    starts: i64,
    #[n(2)]
    ends: i64,
    #[n(3)]
    updated: i64,
    #[b(4)]
    by: &'a str,
    #[b(5)]
    comment: &'a str,
    #[b(6)]
    annotations: Vec<&'a str>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct MatcherBody<'a> {
    #[b(0)]
    name: &'a str,
    #[n(1)]
    op: u8,
    #[b(2)]
    value: &'a str,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct LogBody<'a> {
    #[b(0)]
    group: &'a str,
    #[b(1)]
    receiver: &'a str,
    #[b(2)]
    integration: &'a str,
    #[n(3)]
    index: u32,
    #[n(4)]
    timestamp: i64,
    #[cbor(n(5), with = "minicbor::bytes")]
    firing: Vec<u8>,
    #[cbor(n(6), with = "minicbor::bytes")]
    resolved: Vec<u8>,
    #[n(7)]
    expires: i64,
    #[n(8)]
    tellers: Option<Vec<(u64, u64)>>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct GroupBody<'a> {
    #[b(0)]
    path: &'a str,
    #[b(1)]
    labels: Vec<&'a str>,
    #[n(2)]
    first: i64,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct ClaimBody {
    #[n(0)]
    lifetime_ms: u64,
    #[n(1)]
    surrendered: bool,
    #[n(2)]
    given_up: Option<Vec<u64>>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct IdentityBody {
    #[n(0)]
    id: u64,
    #[n(1)]
    met: Option<Vec<String>>,
}

/// The body of an alert.
pub fn encode_alert(alert: &Alert) -> Vec<u8> {
    encode(AlertBody {
        labels: flat(&alert.labels),
        annotations: flat(&alert.annotations),
        starts: alert.starts_at.as_ns(),
        ends: alert.ends_at.as_ns(),
        updated: alert.updated_at.as_ns(),
        timeout: alert.timeout,
        url: &alert.generator_url,
    })
}

/// The alert of a body; its strings are shared with `pool`.
pub fn decode_alert(bytes: &[u8], pool: &mut Pool) -> Result<Alert, Malformed> {
    let body: AlertBody<'_> = minicbor::decode(bytes)?;
    let labels = labels(&body.labels, pool)?;
    if labels.is_empty() {
        return Err(Malformed("an alert without labels".to_owned()));
    }
    Ok(Alert {
        labels,
        annotations: self::labels(&body.annotations, pool)?,
        starts_at: Wall::from_ns(body.starts),
        ends_at: Wall::from_ns(body.ends),
        updated_at: Wall::from_ns(body.updated),
        timeout: body.timeout,
        generator_url: pool.intern(body.url),
    })
}

/// The body of a silence.
pub fn encode_silence(silence: &Silence) -> Vec<u8> {
    encode(SilenceBody {
        matchers: silence
            .matchers
            .iter()
            .map(|it| MatcherBody { name: it.name(), op: it.op() as u8, value: it.value() })
            .collect(),
        starts: silence.starts_at.as_ns(),
        ends: silence.ends_at.as_ns(),
        updated: silence.updated_at.as_ns(),
        by: &silence.created_by,
        comment: &silence.comment,
        annotations: flat(&silence.annotations),
    })
}

/// The silence of a body.
pub fn decode_silence(id: SilenceId, bytes: &[u8]) -> Result<Silence, Malformed> {
    let body: SilenceBody<'_> = minicbor::decode(bytes)?;
    let matcher = |it: &MatcherBody<'_>| {
        let op = match it.op {
            0 => MatchOp::Equal,
            1 => MatchOp::NotEqual,
            2 => MatchOp::Matches,
            3 => MatchOp::NotMatches,
            other => return Err(Malformed(format!("matcher operator {other}; known: 0 to 3"))),
        };
        Matcher::new(it.name, op, it.value).map_err(|error| Malformed(error.to_string()))
    };
    let matchers = bounded(body.matchers.iter().map(matcher), Malformed)?;
    let matchers: Matchers = matchers.into_iter().collect();
    if matchers.iter().all(Matcher::matches_empty) {
        return Err(Malformed("a silence that matches everything".to_owned()));
    }
    Ok(Silence {
        id,
        matchers,
        starts_at: Wall::from_ns(body.starts),
        ends_at: Wall::from_ns(body.ends),
        updated_at: Wall::from_ns(body.updated),
        created_by: body.by.into(),
        comment: body.comment.into(),
        annotations: labels(&body.annotations, &mut Pool::default())?,
    })
}

/// The body of a log entry.
pub fn encode_log(key: &LogKey, entry: &LogEntry) -> Vec<u8> {
    let bytes = |fingerprints: &[Fingerprint]| -> Vec<u8> {
        fingerprints.iter().flat_map(|it| it.0.to_be_bytes()).collect()
    };
    encode(LogBody {
        group: key.group.as_str(),
        receiver: &key.receiver,
        integration: &key.integration,
        index: key.index,
        timestamp: entry.timestamp.as_ns(),
        firing: bytes(&entry.firing),
        resolved: bytes(&entry.resolved),
        expires: entry.expires_at.as_ns(),
        tellers: Some(entry.tellers.to_vec()).filter(|it| !it.is_empty()),
    })
}

/// The log entry of a body.
pub fn decode_log(bytes: &[u8]) -> Result<(LogKey, LogEntry), Malformed> {
    let body: LogBody<'_> = minicbor::decode(bytes)?;
    let fingerprints = |bytes: &[u8]| {
        let (chunks, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(Malformed("fingerprints are 8 bytes each".to_owned()));
        }
        let mut found: Vec<_> =
            chunks.iter().map(|chunk| Fingerprint(u64::from_be_bytes(*chunk))).collect();
        // Searched by halves: an order that another node got wrong must not hide any.
        found.sort_unstable();
        Ok(found.into())
    };
    let key = LogKey {
        group: GroupKey::from_stored(body.group),
        receiver: body.receiver.into(),
        integration: body.integration.into(),
        index: body.index,
    };
    let entry = LogEntry {
        timestamp: Wall::from_ns(body.timestamp),
        firing: fingerprints(&body.firing)?,
        resolved: fingerprints(&body.resolved)?,
        expires_at: Wall::from_ns(body.expires),
        tellers: body.tellers.unwrap_or_default().into_iter().take(LOG_TELLERS_MAX).collect(),
    };
    Ok((key, entry))
}

/// The body of a group's timer.
pub fn encode_group(timer: &GroupTimer) -> Vec<u8> {
    encode(GroupBody { path: &timer.path, labels: flat(&timer.labels), first: timer.first.as_ns() })
}

/// The group's timer of a body.
pub fn decode_group(bytes: &[u8]) -> Result<GroupTimer, Malformed> {
    let body: GroupBody<'_> = minicbor::decode(bytes)?;
    Ok(GroupTimer {
        path: body.path.to_owned(),
        labels: labels(&body.labels, &mut Pool::default())?,
        first: Wall::from_ns(body.first),
    })
}

/// The body of a claim that holds for `lifetime` from when it is heard, or that gives the turn up; `given_up` are the
/// nodes that have done so.
pub fn encode_claim(lifetime: Duration, surrendered: bool, given_up: &[u64]) -> Vec<u8> {
    let lifetime_ms = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
    let given_up = Some(given_up.to_vec()).filter(|nodes| !nodes.is_empty());
    encode(ClaimBody { lifetime_ms, surrendered, given_up })
}

/// The lifetime of a claim, [`CLAIM_TIME_MAX`] at most, whether it gives the turn up, and who has.
pub fn decode_claim(bytes: &[u8]) -> Result<(Duration, bool, Vec<u64>), Malformed> {
    let body: ClaimBody = minicbor::decode(bytes)?;
    let mut given_up = body.given_up.unwrap_or_default();
    given_up.truncate(MEMBERS_MAX);
    let lifetime = Duration::from_millis(body.lifetime_ms).min(CLAIM_TIME_MAX);
    Ok((lifetime, body.surrendered, given_up))
}

/// The body of this node's identity: its id, and where it met members.
pub fn encode_identity(id: u64, met: &[SocketAddr]) -> Vec<u8> {
    let met: Vec<String> = met.iter().map(ToString::to_string).collect();
    encode(IdentityBody { id, met: Some(met).filter(|met| !met.is_empty()) })
}

/// The node id of a body, and where the node met members; addresses that make no sense are left out.
pub fn decode_identity(bytes: &[u8]) -> Result<(u64, Vec<SocketAddr>), Malformed> {
    let body: IdentityBody = minicbor::decode(bytes)?;
    let met = body.met.unwrap_or_default();
    Ok((body.id, met.iter().filter_map(|it| it.parse().ok()).take(MET_MAX).collect()))
}

fn flat(labels: &Labels) -> Vec<&str> {
    labels.iter().flat_map(|(name, value)| [name, value]).collect()
}

fn labels(flat: &[&str], pool: &mut Pool) -> Result<Labels, Malformed> {
    let (pairs, rest) = flat.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Malformed("a label without a value".to_owned()));
    }
    Ok(pool.labels(pairs.iter().map(|[name, value]| (*name, *value))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{
        Kind, Stamped, alert_key, fingerprint_of, log_key, silence_id_of, silence_key,
    };
    use super::*;
    use crate::core::testing::matchers;

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
        let key = LogKey {
            group: GroupKey::from_stored("{}:{}"),
            receiver: "r".into(),
            integration: "webhook".into(),
            index: 1,
        };
        let entry = LogEntry {
            timestamp: Wall::from_ns(1),
            firing: [Fingerprint(2)].into(),
            resolved: [Fingerprint(3), Fingerprint(4)].into(),
            expires_at: Wall::from_ns(5),
            tellers: [(7, 2), (9, 1)].into(),
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

    #[test]
    fn a_claim_holds_no_longer_than_the_longest_legal_one() {
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
    fn bodies_are_golden() {
        let (key, entry) = log();
        let alone = LogEntry { tellers: [].into(), ..entry.clone() };
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
                encode_group(&group()),
                "83627b7d8261616162\
                 09",
            ),
            (stamped.encode(), "840102034104"),
            (encode_claim(Duration::from_secs(2), true, &[]), "821907d0f5"),
            (encode_claim(Duration::from_secs(2), true, &[1, 2]), "831907d0f5820102"),
            (encode_identity(258, &[]), "81190102"),
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
    fn what_is_written_is_read_again() {
        let mut pool = Pool::default();
        assert_eq!(decode_alert(&encode_alert(&alert()), &mut pool), Ok(alert()));
        assert_eq!(decode_silence(silence().id, &encode_silence(&silence())), Ok(silence()));
        let (key, entry) = log();
        assert_eq!(decode_log(&encode_log(&key, &entry)), Ok((key, entry)));
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
    fn what_makes_no_sense_is_refused() {
        let nameless = Alert { labels: Labels::empty(), ..alert() };
        assert!(decode_alert(&encode_alert(&nameless), &mut Pool::default()).is_err());
        let greedy = Silence { matchers: matchers(&["a=~.*"]), ..silence() };
        assert!(decode_silence(greedy.id, &encode_silence(&greedy)).is_err());
        assert!(fingerprint_of(&[0; 7]).is_err());
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
        })
    }

    proptest! {
        #[test]
        fn what_damage_leaves_readable_means_one_thing(
            number in 1_u16..=6, damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4), cut in 0_usize..200
        ) {
            let kind = Kind::from_number(number).unwrap();
            let (key, entry) = log();
            let mut bytes = match kind {
                Kind::Alert => encode_alert(&alert()),
                Kind::Silence => encode_silence(&silence()),
                Kind::Log => encode_log(&key, &entry),
                Kind::Group => encode_group(&group()),
                Kind::Claim => encode_claim(Duration::from_secs(2), true, &[1, 2]),
                Kind::Identity => encode_identity(258, &["10.0.0.1:9094".parse().unwrap()]),
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
        fn any_bytes_are_a_noun_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(decode_alert(&bytes, &mut Pool::default()));
            drop(decode_silence(SilenceId::from_bits(0), &bytes));
            drop(decode_log(&bytes));
            drop(decode_group(&bytes));
            drop(decode_claim(&bytes));
            drop(decode_identity(&bytes));
            drop(Stamped::decode(&bytes));
        }
    }
}
