//! `bellwether silence query|add|update|expire|import|show`.

use std::io::{Read as _, Write as _};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::client::{Agent, duration};
use super::table::{Dates, heads, moment, text};
use super::words::{filters, json_line, matchers, pairs, time_flag};
use super::{Cx, Fault, Outcome, usage};
use crate::limits::CLI_ANSWER_BYTES_MAX;
use crate::model::{MatchOp, Matcher};
use crate::template::Time;

const PATH: &str = "/api/v2/silences";

/// Makes a silence of whoever asks, and prints its id.
pub(super) fn make(
    cx: &mut Cx<'_>,
    matchers: &[Matcher],
    (start, end): (Time, Time),
    comment: &str,
    annotations: Map<String, Value>,
) -> Outcome {
    let mut silence = json!({
        "matchers": as_json(matchers),
        "startsAt": start.rfc3339(),
        "endsAt": end.rfc3339(),
        "createdBy": cx.args.get("author").unwrap_or(&cx.process.user),
        "comment": comment,
    });
    if !annotations.is_empty() {
        silence["annotations"] = annotations.into();
    }
    let id = post(&cx.agent()?, &silence)?;
    writeln!(cx.out, "{id}")?;
    Ok(0)
}

/// Matchers as the API has them.
fn as_json(matchers: &[Matcher]) -> Value {
    let one = |it: &Matcher| {
        let (is_equal, is_regex) = (it.op().is_equal(), it.op().is_regex());
        json!({"name": it.name(), "value": it.value(), "isEqual": is_equal, "isRegex": is_regex})
    };
    matchers.iter().map(one).collect()
}

/// Posts a silence and returns its id.
fn post(agent: &Agent, silence: &Value) -> Result<String, Fault> {
    let answer = agent.post(PATH, silence)?;
    Ok(text(answer.get("silenceID")))
}

pub(super) fn query(cx: &mut Cx<'_>) -> Outcome {
    let path = format!("{PATH}?{}", filters(&matchers(cx)?));
    let within = cx.args.get("within").map(duration).transpose();
    let within = within.map_err(|why| usage(format!("--within: {why}")))?;
    let within = within.filter(|within| !within.is_zero());
    let dates = Dates::of(cx)?;
    let answer = cx.agent()?.get(path.trim_end_matches(['?', '&']))?;
    let (now, is_expired) = (Time::from_wall(cx.now), cx.args.is("expired"));
    let ids: Vec<&str> = cx.args.all("id").collect();
    let author = cx.args.get("created-by").filter(|author| !author.is_empty());
    let is_wanted = |silence: &&Value| {
        let of = |key| silence.get(key).and_then(Value::as_str).unwrap_or_default();
        let Ok(end) = Time::parse_rfc3339(of("endsAt")) else { return true };
        let nanos = |time: &Time| i128::from(time.secs) * 1_000_000_000 + i128::from(time.nanos);
        let left = nanos(&end) - nanos(&now);
        let within = within.is_none_or(|within| left.unsigned_abs() <= within.as_nanos());
        (left < 0) == is_expired
            && within
            && author.is_none_or(|author| author == of("createdBy"))
            && (ids.is_empty() || ids.contains(&of("id")))
    };
    let silences: Vec<Value> =
        answer.as_array().into_iter().flatten().filter(is_wanted).cloned().collect();
    show_all(cx, &dates, silences)
}

pub(super) fn show(cx: &mut Cx<'_>) -> Outcome {
    let dates = Dates::of(cx)?;
    let agent = cx.agent()?;
    let get = |id: &String| Ok(agent.get(&format!("/api/v2/silence/{id}"))?);
    let silences = ids(cx)?.iter().map(get).collect::<Result<_, Fault>>()?;
    show_all(cx, &dates, silences)
}

/// The ids that are given.
fn ids(cx: &Cx<'_>) -> Result<Vec<String>, Fault> {
    match cx.args.words.as_slice() {
        [] => Err(usage("no silence IDs specified")),
        ids => Ok(ids.to_vec()),
    }
}

fn show_all(cx: &mut Cx<'_>, dates: &Dates, mut silences: Vec<Value>) -> Outcome {
    if cx.args.is("quiet") {
        for silence in &silences {
            writeln!(cx.out, "{}", text(silence.get("id")))?;
        }
        return Ok(0);
    }
    if dates.format == "json" {
        return json_line(cx, &Value::from(silences));
    }
    silences.sort_by_key(|it| moment(it.get("endsAt")));
    let is_long = dates.format == "extended";
    let mut rows = heads(if is_long {
        "ID,Matchers,Starts At,Ends At,Updated At,Created By,Comment"
    } else {
        "ID,Matchers,Ends At,Created By,Comment"
    });
    for it in &silences {
        let mut row = vec![text(it.get("id")), spelled(it.get("matchers"), is_long)];
        if is_long {
            row.push(dates.show(it.get("startsAt")));
        }
        row.push(dates.show(it.get("endsAt")));
        if is_long {
            row.push(dates.show(it.get("updatedAt")));
        }
        row.extend([text(it.get("createdBy")), text(it.get("comment"))]);
        rows.push(row);
    }
    cx.out.table(&rows)?;
    Ok(0)
}

/// `a="b" c=~"d"`, or `{a="b",c=~"d"}`.
fn spelled(matchers: Option<&Value>, is_long: bool) -> String {
    let one = |it: &Value| {
        let of = |key, other| it.get(key).and_then(Value::as_bool).unwrap_or(other);
        let op = MatchOp::from_flags(of("isEqual", true), of("isRegex", false));
        // One that the agent can compile and this program cannot is shown as it came.
        let (name, value) = (text(it.get("name")), text(it.get("value")));
        Matcher::new(&name, op, &value)
            .map_or_else(|_| format!("{name}{}\"{value}\"", op.as_str()), |it| it.to_string())
    };
    let all: Vec<String> =
        matchers.and_then(Value::as_array).into_iter().flatten().map(one).collect();
    if is_long { format!("{{{}}}", all.join(",")) } else { all.join(" ") }
}

/// When a silence begins and ends, as the flags say.
fn span(cx: &Cx<'_>, start: Time, end: Option<Time>) -> Result<(Time, Time), Fault> {
    let start = time_flag(cx, "start")?.unwrap_or(start);
    // An update without one leaves the end as it is.
    let time = cx.args.get("duration").filter(|text| !text.is_empty() || end.is_none());
    let end = match (time_flag(cx, "end")?, time, end) {
        (Some(end), _, _) | (None, None, Some(end)) => end,
        (None, time, _) => {
            let wrong = |why| usage(format!("--duration: {why}"));
            let time = duration(time.unwrap_or("1h")).map_err(wrong)?;
            if time.is_zero() {
                return Err(usage("silence duration must be greater than 0"));
            }
            start.after(time).map_err(wrong)?
        }
    };
    if (start.secs, start.nanos) > (end.secs, end.nanos) {
        return Err(usage("silence cannot start after it ends"));
    }
    Ok((start, end))
}

pub(super) fn add(cx: &mut Cx<'_>) -> Outcome {
    let matchers = matchers(cx)?;
    if matchers.is_empty() {
        return Err(usage("no matchers specified"));
    }
    let span = span(cx, Time::from_wall(cx.now), None)?;
    let comment = cx.args.get("comment").unwrap_or_default().to_owned();
    if comment.is_empty() && cx.args.get("require-comment") != Some("false") {
        return Err(usage("comment required by config"));
    }
    let annotations = pairs(cx, cx.args.all("annotation"), false)?;
    make(cx, &matchers, span, &comment, annotations)
}

pub(super) fn update(cx: &mut Cx<'_>) -> Outcome {
    let dates = Dates::of(cx)?;
    let agent = cx.agent()?;
    let mut updated = Vec::new();
    for id in ids(cx)? {
        let mut silence = agent.get(&format!("/api/v2/silence/{id}"))?;
        let time = |key| Time::parse_rfc3339(&text(silence.get(key))).map_err(Fault::Failed);
        let (start, end) = span(cx, time("startsAt")?, Some(time("endsAt")?))?;
        silence["startsAt"] = start.rfc3339().into();
        silence["endsAt"] = end.rfc3339().into();
        if let Some(comment) = cx.args.get("comment").filter(|it| !it.is_empty()) {
            silence["comment"] = comment.into();
        }
        silence["id"] = post(&agent, &silence)?.into();
        updated.push(silence);
    }
    show_all(cx, &dates, updated)
}

pub(super) fn expire(cx: &mut Cx<'_>) -> Outcome {
    let agent = cx.agent()?;
    for id in ids(cx)? {
        agent.ask("DELETE", &format!("/api/v2/silence/{id}"), b"")?;
    }
    Ok(0)
}

pub(super) fn import(cx: &mut Cx<'_>) -> Outcome {
    let bytes = match cx.args.words.first() {
        Some(file) if !Path::new(file).exists() => {
            return Err(format!("path '{file}' does not exist").into());
        }
        Some(file) => super::read("", file, CLI_ANSWER_BYTES_MAX)?,
        None => {
            let (mut bytes, bytes_max) = (Vec::new(), CLI_ANSWER_BYTES_MAX);
            std::io::stdin().lock().take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
            if bytes.len() > bytes_max {
                return Err(format!("standard input: it is larger than {bytes_max} bytes").into());
            }
            bytes
        }
    };
    let silences: Vec<Value> = serde_json::from_slice(&bytes)
        .map_err(|error| format!("couldn't unmarshal input data, is it JSON?: {error}"))?;
    let (agent, mut failed) = (cx.agent()?, 0);
    for silence in &silences {
        match import_one(&agent, silence.clone(), cx.args.is("force")) {
            Ok(id) => writeln!(cx.out, "{id}")?,
            Err(Fault::Usage(why) | Fault::Failed(why)) => {
                failed += 1;
                let id = silence.get("id").and_then(Value::as_str).unwrap_or_default();
                writeln!(cx.err, "Error adding silence id='{id}': {why}")?;
            }
        }
    }
    match failed {
        0 => Ok(0),
        _ => Err(format!("couldn't import {failed} out of {} silences", silences.len()).into()),
    }
}

/// Makes the silence of this id, or a new one where the agent knows no such.
fn import_one(agent: &Agent, mut silence: Value, force: bool) -> Result<String, Fault> {
    let Some(fields) = silence.as_object_mut() else {
        return Err("no silence: expected an object".to_owned().into());
    };
    for key in ["status", "updatedAt"] {
        fields.remove(key);
    }
    if force {
        fields.remove("id");
    }
    match agent.post(PATH, &silence) {
        Ok(answer) => Ok(text(answer.get("silenceID"))),
        Err(refusal) if refusal.status == Some(404) => import_one(agent, silence, true),
        Err(refusal) => Err(refusal.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Fake, told, told_by};
    use super::*;
    use crate::limits::CONFIG_BYTES_MAX;

    fn silence(id: &str, ends: &str, author: &str) -> Value {
        json!({"id": id, "matchers": [{"name": "a", "value": "b|c", "isRegex": true, "isEqual": true},
            {"name": "d", "value": "e", "isRegex": false}], "startsAt": "2026-11-29T05:00:00Z", "endsAt": ends,
            "updatedAt": "2026-11-29T05:00:00Z", "createdBy": author, "comment": "c", "status": {"state": "active"}})
    }

    #[test]
    fn silences_are_chosen_by_state_author_id_and_time_left() {
        let list = json!([
            silence("far", "2999-01-01T00:00:00Z", "me"),
            silence("old", "2000-01-01T00:00:00Z", "me"),
            silence("hers", "2998-01-01T00:00:00+02:00", "her"),
        ]);
        let ids = |flags: &[&str]| {
            let fake = Fake::new(&[(200, &list.to_string())]);
            told_by(&fake, &[&["silence", "query", "-q"], flags].concat()).1
        };
        assert_eq!(ids(&[]), "far\nhers\n");
        assert_eq!(ids(&["--expired"]), "old\n");
        assert_eq!(ids(&["--created-by=her"]), "hers\n");
        assert_eq!(ids(&["--created-by="]), "far\nhers\n");
        assert_eq!(ids(&["--id=far", "--id=old"]), "far\n");
        assert_eq!(ids(&["--within=1h"]), "");
        assert_eq!(ids(&["--within=1h", "--expired"]), "");
        assert_eq!(ids(&["--within=0"]), "far\nhers\n");
        let fake = Fake::new(&[(200, &list.to_string())]);
        let (_, out, _) = told_by(&fake, &["silence", "-o", "extended", "a=~b|c"]);
        assert!(
            fake.asked().starts_with("GET /api/v2/silences?filter=a%3D~%22b%7Cc%22 "),
            "{}",
            fake.asked()
        );
        assert!(out.contains("\nhers  {a=~\"b|c\",d=\"e\"}  2026-11-29 05:00:00 UTC  "), "{out}");
        assert!(out.find("hers") < out.find("far"), "{out}");
    }

    #[test]
    fn a_silence_is_made_changed_and_ended() {
        let fake = Fake::new(&[(200, "{\"silenceID\": \"x\"}")]);
        let args = [
            "silence",
            "add",
            "A",
            "b!~c",
            "-c",
            "why",
            "-a",
            "me",
            "--start=2026-11-29T05:00:00Z",
            "-d",
            "1d",
        ];
        assert_eq!(told_by(&fake, &args), (0, "x\n".to_owned(), String::new()));
        let asked = fake.asked();
        for part in [
            r#""endsAt":"2026-11-30T05:00:00Z""#,
            r#""createdBy":"me""#,
            r#"{"isEqual":true,"isRegex":false,"name":"alertname","value":"A"}"#,
            r#"{"isEqual":false,"isRegex":true,"name":"b","value":"c"}"#,
        ] {
            assert!(asked.contains(part), "{part}: {asked}");
        }
        let old = silence("x", "2999-01-01T00:00:00Z", "me").to_string();
        let fake = Fake::new(&[(200, &old), (200, "{\"silenceID\": \"y\"}")]);
        let (code, out, _) =
            told_by(&fake, &["silence", "update", "x", "-d", "2h", "-c", "longer", "-q"]);
        assert_eq!((code, &*out), (0, "y\n"));
        let asked = fake.asked();
        assert!(
            asked.contains(r#""endsAt":"2026-11-29T07:00:00Z""#) && asked.contains("longer"),
            "{asked}"
        );
        let fake = Fake::new(&[(200, "")]);
        assert_eq!(told_by(&fake, &["silence", "expire", "x"]).0, 0);
        assert!(fake.asked().starts_with("DELETE /api/v2/silence/x "), "{}", fake.asked());
    }

    #[test]
    fn words_that_make_no_silence_are_named() {
        for (args, expected, why) in [
            (&["silence", "add"][..], 2, "no matchers specified"),
            (&["silence", "add", "A"], 2, "comment required by config"),
            (&["silence", "add", "A", "b", "-c", "x"], 2, "\"b\": "),
            (&["silence", "add", "A", "-c", "x", "-d", "0"], 2, "must be greater than 0"),
            (&["silence", "add", "A", "-c", "x", "-d", "1x"], 2, "--duration: "),
            (&["silence", "add", "A", "-c", "x", "--duration="], 2, "--duration: "),
            (
                &["silence", "add", "A", "-c", "x", "--end=2020-01-01T00:00:00Z"],
                2,
                "cannot start after it ends",
            ),
            (&["silence", "expire"], 2, "no silence IDs specified"),
            (&["silence", "import", "/nowhere.json"], 1, "path '/nowhere.json' does not exist"),
            (&["silence", "query", "--within=soon"], 2, "--within: "),
            (&["silence", "query", "-o", "xml"], 2, "--output: expected simple, extended or json"),
        ] {
            let (code, out, err) = told(args);
            assert!(code == expected && out.is_empty() && err.contains(why), "{args:?}: {err}");
        }
    }

    #[test]
    fn an_import_may_be_as_large_as_an_answer() {
        let file =
            std::env::temp_dir().join(format!("bellwether-large-{}.json", std::process::id()));
        let mut large = silence("x", "2999-01-01T00:00:00Z", "me");
        large["comment"] = "c".repeat(CONFIG_BYTES_MAX / 3).into();
        std::fs::write(&file, Value::from(vec![large; 4]).to_string()).unwrap();
        let fake = Fake::new(&[(200, "{\"silenceID\": \"x\"}"); 4]);
        let (code, out, err) = told_by(&fake, &["silence", "import", file.to_str().unwrap()]);
        std::fs::remove_file(file).unwrap();
        assert_eq!((code, &*out, &*err), (0, "x\nx\nx\nx\n", ""));
    }

    #[test]
    fn an_import_makes_what_it_can_and_tells_what_it_cannot() {
        let file =
            std::env::temp_dir().join(format!("bellwether-import-{}.json", std::process::id()));
        let list = json!([silence("known", "2999-01-01T00:00:00Z", "me"), 7, {"a": 1}]);
        std::fs::write(&file, list.to_string()).unwrap();
        let fake = Fake::new(&[
            (404, "\"silence not found\""),
            (200, "{\"silenceID\": \"n\"}"),
            (422, "{\"code\":602,\"message\":\"no\"}"),
        ]);
        let (code, out, err) = told_by(&fake, &["silence", "import", file.to_str().unwrap()]);
        std::fs::remove_file(file).unwrap();
        assert_eq!((code, &*out), (1, "n\n"));
        assert!(err.contains("id='': ") && err.contains("answered 422: no"), "{err}");
        assert!(err.ends_with("couldn't import 2 out of 3 silences\n"), "{err}");
    }
}
