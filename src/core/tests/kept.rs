//! A receiver whose service gives out tokens: one is fetched, used again, and fetched anew when it is refused or old.

use super::attempts::{reply, world};
use super::*;
use crate::notify::testing;

fn answer(w: &mut World, body: &str) {
    let id = w.open[0];
    let body = body.to_owned();
    reply(w, id, &Reply::Http { status: 200, retry_after: None, body });
}

/// The last request, without its time-out.
fn last(w: &World) -> &str {
    w.told.last().unwrap().1.split(' ').next().unwrap()
}

#[test]
fn a_token_is_used_again_until_it_is_refused_or_old() {
    const GET: &str = "http://w/gettoken?corpid=c&corpsecret=s";
    let send = |token: &str| format!("http://w/message/send?access_token={token}");
    let mut config = config(route("r", &[]));
    let wechat = "wechat_configs: [{api_secret: s, corp_id: c, api_url: 'http://w/', message: m}]";
    let wechat = testing::integration("", wechat).unwrap();
    Arc::get_mut(&mut config.receivers[0]).unwrap().integrations = vec![wechat];
    let mut w = world(config, &[]);
    w.post("A", "1", Some(36_000));
    w.pass(1);
    assert_eq!(last(&w), GET);
    answer(&mut w, r#"{"errcode":0,"access_token":"T1"}"#);
    assert_eq!(last(&w), send("T1"));
    answer(&mut w, r#"{"errcode":0}"#);
    w.post("B", "1", Some(36_000));
    w.pass(1);
    assert_eq!(last(&w), send("T1"), "no other is fetched");
    for (code, token) in [(42_001, "T2"), (40_014, "T3")] {
        answer(&mut w, &format!(r#"{{"errcode":{code},"errmsg":"x"}}"#));
        w.pass(5);
        assert_eq!(last(&w), GET, "{code}");
        answer(&mut w, &format!(r#"{{"errcode":0,"access_token":"{token}"}}"#));
        assert_eq!(last(&w), send(token));
    }
    answer(&mut w, r#"{"errcode":0}"#);
    w.answers = true;
    w.pass(2 * 3600);
    w.answers = false;
    w.told.clear();
    w.post("C", "1", Some(36_000));
    w.pass(1);
    assert_eq!(last(&w), GET, "the service gives one for two hours");
}
