//! The bodies of records: what is read is written and read again, also with what a newer version has added.

use bellwether::model::{Pool, SilenceId};
use bellwether::wire::record::{self, Kind, Stamped};
use bellwether::wire::rest::{rest, with_rest};

use crate::input::Input;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    // A beat and a debt have numbers of their own.
    let number = match input.byte() {
        129 => 129,
        byte if byte % 9 == 8 => 65,
        byte => byte % 9,
    };
    let body = input.rest();
    if let Ok(stamped) = Stamped::decode(body) {
        assert_eq!(Stamped::decode(&stamped.encode()).unwrap(), stamped);
    }
    let Some(kind) = Kind::from_number(number.into()) else { return };
    let pool = &mut Pool::default();
    let again = match kind {
        Kind::Alert => record::decode_alert(body, pool).ok().map(|read| {
            let again = record::encode_alert(&read);
            assert_eq!(record::decode_alert(&again, pool).unwrap(), read);
            again
        }),
        Kind::Silence => {
            let id = SilenceId::from_bits(7);
            record::decode_silence(id, body).ok().map(|read| {
                let again = record::encode_silence(&read);
                assert_eq!(record::decode_silence(id, &again).unwrap(), read);
                again
            })
        }
        Kind::Log => record::decode_log(body).ok().map(|(key, entry)| {
            let again = record::encode_log(&key, &entry);
            assert_eq!(record::decode_log(&again).unwrap(), (key, entry));
            again
        }),
        Kind::Group => record::decode_group(body).ok().map(|read| {
            let again = record::encode_group(&read);
            assert_eq!(record::decode_group(&again).unwrap(), read);
            again
        }),
        Kind::Claim => record::decode_claim(body).ok().map(|read| {
            let again = record::encode_claim(read.0, read.1, &read.2);
            assert_eq!(record::decode_claim(&again).unwrap(), read);
            again
        }),
        Kind::Identity => record::decode_identity(body).ok().map(|read| {
            let again = record::encode_identity(read.0, &read.1);
            assert_eq!(record::decode_identity(&again).unwrap(), read);
            again
        }),
        Kind::Beat | Kind::Sign => record::decode_beat(body).ok().map(|read| {
            let again = record::encode_beat(&read);
            assert_eq!(record::decode_beat(&again).unwrap(), read);
            again
        }),
        Kind::Debt => record::decode_debt(body).ok().map(|(key, since, counts)| {
            let again = record::encode_debt(&key, since, counts);
            assert_eq!(record::decode_debt(&again).unwrap(), (key, since, counts));
            again
        }),
        Kind::Member => record::decode_member(body).ok().map(|read| {
            let again = record::encode_member(&read);
            assert_eq!(record::decode_member(&again).unwrap(), read);
            again
        }),
        Kind::Past => record::decode_past(body).ok().map(|read| {
            let again = record::encode_past(read.0, read.1, read.2, &read.3);
            assert_eq!(record::decode_past(&again).unwrap(), read);
            again
        }),
    };
    if let (Some(again), Some(more)) = (again, rest(kind, body)) {
        let whole = with_rest(kind, &again, more);
        assert_eq!(rest(kind, &whole), Some(more));
    }
}
