//! `bellwether flock`: the flock as one node sees it. `cluster show`: the same in amtool's words.

use std::io::{self, Write as _};
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::screen::Screen;
use super::table::{Dates, heads, text};
use super::words::{json_line, shown};
use super::{Cx, Outcome};
use crate::model::duration::Spelled;

pub(super) fn run(cx: &mut Cx<'_>) -> Outcome {
    shown(cx, "/api/v2/status", print)
}

fn print(out: &mut Screen<'_>, status: &Value, _: &TimeZone) -> io::Result<()> {
    members(out, status.get("cluster").unwrap_or(&Value::Null))?;
    write!(out, "{}{}", troubles(status), used(status))
}

pub(super) fn cluster(cx: &mut Cx<'_>) -> Outcome {
    let format = Dates::of(cx)?.format;
    let status = cx.agent()?.get("/api/v2/status")?;
    let cluster = status.get("cluster").unwrap_or(&Value::Null);
    if format == "json" {
        return json_line(cx, cluster);
    }
    let name = cluster.get("name").and_then(Value::as_str).unwrap_or_default();
    writeln!(cx.out, "Cluster Status:  {}\nNode Name:       {name}", text(cluster.get("status")))?;
    let peers = cluster.get("peers").and_then(Value::as_array).into_iter().flatten();
    if format == "extended" {
        let mut rows = heads("Address,Name");
        rows.extend(peers.map(|it| vec![text(it.get("address")), text(it.get("name"))]));
        // Of amtool's tables, this one is not filled with spaces.
        cx.out.is_padded = false;
        cx.out.write_all(b"\n")?;
        cx.out.table(&rows)?;
    }
    Ok(0)
}

/// `cluster` of the status.
fn members(out: &mut Screen<'_>, cluster: &Value) -> io::Result<()> {
    let state = text(cluster.get("status"));
    let Some(flock) = cluster.get("flock") else {
        if let Some(fault) = cluster.get("fault") {
            return writeln!(out, "no flock, and no port is open: {}", text(Some(fault)));
        }
        return out.write_all(match state.as_str() {
            "disabled" => b"alone, as configured: --cluster.listen-address is empty\n",
            _ => b"alone: no peers, no multicast configured\n",
        });
    };
    let names = |key: &str| {
        let items = flock.get(key).and_then(Value::as_array).into_iter().flatten();
        items.map(|item| text(Some(item))).collect::<Vec<_>>().join(", ")
    };
    let sealed = match names("keys") {
        keys if keys.is_empty() => "NO: whoever reaches the port can take part".to_owned(),
        keys => format!("with key {keys}"),
    };
    let drops = flock.get("drops").and_then(Value::as_object).into_iter().flatten();
    let drops = drops.filter(|(_, count)| count.as_u64() != Some(0));
    let word = |cause: &String| match cause.as_str() {
        // Each member's first words are not heard until it has joined.
        "stranger" => "before joining".to_owned(),
        cause => cause.replace('_', " "),
    };
    let drops = drops.map(|(cause, count)| format!("{} {count}", word(cause))).collect::<Vec<_>>();
    let or_none = |list: String| if list.is_empty() { "none".to_owned() } else { list };
    let duplicate = flock.get("duplicate").filter(|duplicate| !duplicate.is_null()).map(|duplicate| {
        let (address, ago) = (text(duplicate.get("address")), text(duplicate.get("heardSecondsAgo")));
        format!(
            "OUR ID      is also that of {address}, heard {ago} s ago: flash was copied. Stop one of the two, empty its \
             --storage.path and start it\n"
        )
    });
    write!(
        out,
        "this node   {} ({}), {state}, clock {}\nsealed      {sealed}\nmulticast   {}\n\
         records     {}, digest {}\ndropped     {}\n{}\n",
        text(cluster.get("name")),
        text(flock.get("id")),
        if is(flock.get("synced")) { "known" } else { "NOT KNOWN" },
        or_none(names("interfaces")),
        text(flock.get("records")),
        text(flock.get("digest")),
        or_none(drops.join(", ")),
        duplicate.unwrap_or_default()
    )?;
    let mut rows = heads("MEMBER,ADDRESS,STATE,UNICAST,MULTICAST,HEARS OURS,CLOCK,RECORDS,KEY");
    let members = flock.get("members").and_then(Value::as_array).into_iter().flatten();
    rows.extend(members.map(row));
    out.table(&rows)
}

/// The present troubles, a line each.
fn troubles(status: &Value) -> String {
    let troubles = status.get("bellwether").and_then(|it| it.get("troubles"));
    let line = |it: &Value| {
        let of = |key: &str| text(it.get(key));
        let seconds = it.get("seconds").and_then(Value::as_u64).unwrap_or(0);
        let (name, what, why) = (of("alertname"), of("what"), of("why"));
        let times = match of("times").as_str() {
            "1" => String::new(),
            times => format!(", {times} times"),
        };
        let age = Spelled(Duration::from_secs(seconds));
        format!("{name}  {what}  for {age}{times}: {why}\n")
    };
    let lines: String =
        troubles.and_then(Value::as_array).into_iter().flatten().map(line).collect();
    if lines.is_empty() { lines } else { format!("\nTROUBLES\n{lines}") }
}

/// The use of each integration of a receiver today, a line each.
fn used(status: &Value) -> String {
    let receivers = status.get("bellwether").and_then(|it| it.get("receivers"));
    let line = |it: &Value| {
        let of = |key: &str| text(it.get(key));
        let budget = it.get("budget").and_then(Value::as_str);
        let budget = budget.map(|part| format!(", budget: {part}")).unwrap_or_default();
        let (receiver, integration) = (of("receiver"), of("integration"));
        let (bytes, messages) = (of("bytesToday"), of("messagesToday"));
        format!("{receiver}/{integration}  {bytes} bytes, {messages} messages{budget}\n")
    };
    let lines: String =
        receivers.and_then(Value::as_array).into_iter().flatten().map(line).collect();
    if lines.is_empty() { lines } else { format!("\nRECEIVERS, TODAY\n{lines}") }
}

fn row(member: &Value) -> Vec<String> {
    let ago = |key| match member.get(key).and_then(Value::as_u64) {
        Some(seconds) => format!("{seconds} s ago"),
        None => "never".to_owned(),
    };
    let clock = match member.get("clockOffsetMs").and_then(Value::as_i64) {
        Some(ms) => format!("{:+}.{:03} s", ms / 1000, ms.unsigned_abs() % 1000),
        None => "unknown".to_owned(),
    };
    let synced = if is(member.get("synced")) { "" } else { ", not set" };
    let agreed = match member.get("agreed").and_then(Value::as_bool) {
        Some(true) => "same",
        Some(false) => "comparing",
        None => "not compared",
    };
    vec![
        text(member.get("name")),
        text(member.get("address")),
        text(member.get("state")),
        ago("heardUnicastSecondsAgo"),
        ago("heardMulticastSecondsAgo"),
        match member.get("heardMulticastSecondsAgo") {
            None | Some(Value::Null) if !is(member.get("hearsMulticast")) => "-".to_owned(),
            _ => if is(member.get("hearsMulticast")) { "yes" } else { "no" }.to_owned(),
        },
        format!("{clock}{synced}"),
        agreed.to_owned(),
        match text(member.get("key")) {
            key if key == "0000" => "none".to_owned(),
            key => key,
        },
    ]
}

fn is(value: Option<&Value>) -> bool {
    value.and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::printed;
    use super::*;

    fn page(cluster: &Value, columns: Option<usize>) -> String {
        printed(print, &json!({ "cluster": cluster }), columns)
    }

    #[test]
    fn a_flock_is_a_page() {
        let member = json!({"name": "b", "address": "10.0.0.2:9094", "state": "alive", "heardUnicastSecondsAgo": 3,
            "heardMulticastSecondsAgo": null, "hearsMulticast": true, "clockOffsetMs": -1250, "synced": false,
            "agreed": false, "key": "1a2b"});
        let flock = json!({"id": "07", "sealed": true, "keys": ["1a2b", "3c4d"], "interfaces": ["eth0"], "synced": true,
            "digest": "ff", "records": 2, "duplicate": null, "drops": {"replay": 0, "stranger": 4}, "members": [member]});
        let flock = json!({"name": "a", "status": "ready", "flock": flock});
        let told = page(&flock, None);
        let expected = "\
this node   a (07), ready, clock known
sealed      with key 1a2b, 3c4d
multicast   eth0
records     2, digest ff
dropped     before joining 4

MEMBER  ADDRESS        STATE  UNICAST  MULTICAST  HEARS OURS  CLOCK              RECORDS    KEY
b       10.0.0.2:9094  alive  3 s ago  never      yes         -1.250 s, not set  comparing  1a2b
";
        assert_eq!(told, expected);
        let told = page(&flock, Some(80));
        let (_, table) = told.split_once("\nMEMBER").unwrap();
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{told}");
        assert!(table.contains("  10.0.0.2:") && table.contains("  1a2b"), "{told}");
        let duplicate = json!({"address": "10.0.0.3:9094", "heardSecondsAgo": 7});
        let told = page(&json!({"flock": {"duplicate": duplicate}}), None);
        assert!(
            told.contains("\nOUR ID      is also that of 10.0.0.3:9094, heard 7 s ago: "),
            "{told}"
        );
    }

    #[test]
    fn each_receiver_has_a_line_of_what_it_has_used() {
        let used_by = |budget: Value| {
            json!({"receiver": "ops", "integration": "webhook[0]",
            "bytesToday": 51_204, "messagesToday": 7, "bytesTotal": 90_000, "budget": budget})
        };
        let page = used(
            &json!({"bellwether": {"receivers": [used_by(Value::Null), used_by(json!("digests"))]}}),
        );
        let line = "ops/webhook[0]  51204 bytes, 7 messages";
        assert_eq!(page, format!("\nRECEIVERS, TODAY\n{line}\n{line}, budget: digests\n"));
        assert_eq!(used(&Value::Null), "");
    }

    #[test]
    fn each_fault_has_a_line() {
        let trouble = json!({"alertname": "BellwetherReceiverFailing", "what": "r/webhook[0]", "seconds": 1680,
            "times": 282, "why": "connection refused"});
        let down = json!({"alertname": "BellwetherMemberDown", "what": "b", "seconds": 13, "times": 1, "why": "silent"});
        let page = troubles(&json!({"bellwether": {"troubles": [trouble, down]}}));
        let lines = "BellwetherReceiverFailing  r/webhook[0]  for 28m, 282 times: connection refused\n\
            BellwetherMemberDown  b  for 13s: silent";
        assert_eq!(page, format!("\nTROUBLES\n{lines}\n"));
        assert_eq!(troubles(&json!({"bellwether": {"troubles": []}})), "");
        assert_eq!(troubles(&Value::Null), "");
    }

    #[test]
    fn a_lone_node_says_so_and_nonsense_is_no_panic() {
        let told = page(&json!({"status": "ready"}), None);
        assert_eq!(told, "alone: no peers, no multicast configured\n");
        let told = page(&json!({"status": "ready", "fault": "x.key cannot be read"}), None);
        assert_eq!(told, "no flock, and no port is open: x.key cannot be read\n");
        assert!(
            page(&json!({"flock": {"members": [1, null], "drops": []}}), None).contains("unknown")
        );
        assert!(page(&Value::Null, None).starts_with("alone"));
    }
}
