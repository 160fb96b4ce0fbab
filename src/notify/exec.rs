//! `exec_configs`: a notification to a program of this machine: JSON on its standard input, labels in its environment.
//!
//! There is no shell, and no argument comes from an alert. The names of environment variables begin with the configured
//! prefix, so that no label can set `PATH` or the like.

use std::time::Duration;

use crate::config::schema::{Around, Origin};
use crate::config::{Key, Schema, Takes, Values};
use crate::limits::EXEC_ENVIRONMENT_BYTES_MAX;
use crate::model::Labels;
use crate::notify::making::Written;
use crate::notify::{
    Cause, Failure, Message, Notification, Outgoing, Reply, Type, Verdict, payload, status,
};

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "exec",
        section: "exec_configs",
        origin: Origin::Ours,
        send_resolved: true,
        http: false,
        instant: false,
        incidents: false,
        address: "",
        body: "",
        keys: &[
            Key::new("command", Takes::Texts).required(),
            Key::text("env_prefix", "ALERT_"),
            Key::new("run_timeout", Takes::Duration).or("30s"),
        ],
        globals: &[],
        check,
    },
    request,
    each: Some(payload::EACH),
    judge: |_, reply| judge(reply),
};

/// A program to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// Its path and its arguments, as configured.
    pub command: Vec<String>,
    /// Its environment besides what the shell sets.
    pub environment: Vec<(String, String)>,
    /// Its standard input.
    pub input: Vec<u8>,
    /// When it is ended, with everything that it started.
    pub timeout: Duration,
}

fn check(values: &mut Values, _: &Around<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let program = values.texts("command").next().unwrap_or_default();
    if !program.starts_with('/') {
        wrong.push("command: its first item is the whole path of a program, from / on".to_owned());
    }
    if values.texts("command").any(|text| text.contains('\0')) {
        wrong.push("command: has a NUL character".to_owned());
    }
    let prefix = values.text("env_prefix");
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !prefix.ends_with('_')
        || prefix.starts_with(|c: char| !c.is_ascii_alphabetic())
        || !prefix.chars().all(is_name)
    {
        wrong
            .push("env_prefix: a letter, then letters, digits and _, with _ at the end".to_owned());
    }
    if values.duration("run_timeout").is_none() {
        wrong.push("run_timeout: more than 0".to_owned());
    }
    wrong
}

#[expect(clippy::unnecessary_wraps, reason = "a line of the table of types")]
fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let written = message.written();
    let environment = environment(values.text("env_prefix"), message.notification, &written);
    let mut input = payload::finished(message.notification, written, 0).into_bytes();
    input.push(b'\n');
    Ok(Outgoing::Exec(Exec {
        command: values.texts("command").map(str::to_owned).collect(),
        environment,
        input,
        timeout: values.duration("run_timeout").unwrap_or_default(),
    }))
}

/// Variables that do not fit are left out, the later first; of two names that become one the first stays.
fn environment(prefix: &str, told: &Notification, written: &Written) -> Vec<(String, String)> {
    let firing = told.alerts.iter().filter(|it| !it.resolved).count();
    let mut variables = vec![
        ("STATUS".to_owned(), status(told.resolved()).to_owned()),
        ("RECEIVER".to_owned(), told.receiver.to_string()),
        ("REASON".to_owned(), told.reason.to_owned()),
        ("FIRING".to_owned(), firing.to_string()),
        ("RESOLVED".to_owned(), (told.alerts.len() - firing).to_string()),
        ("EXTERNAL_URL".to_owned(), told.external_url.to_string()),
    ];
    let mut add = |kind: &str, labels: &Labels| {
        variables.extend(labels.iter().map(|(name, value)| {
            let name: String =
                name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            (format!("{kind}_{name}"), value.replace('\0', ""))
        }));
    };
    add("LABEL", &written.common_labels());
    add("ANNOTATION", &written.common_annotations());
    let mut kept: Vec<(String, String)> = Vec::new();
    let mut bytes = 0;
    for (name, value) in variables {
        let name = format!("{prefix}{name}");
        let size = name.len() + value.len() + 2;
        if bytes + size <= EXEC_ENVIRONMENT_BYTES_MAX
            && !kept.iter().any(|(other, _)| *other == name)
        {
            bytes += size;
            kept.push((name, value));
        }
    }
    kept
}

/// 0 is delivered. The codes of sysexits.h that mean a mistake, and those of a program that cannot be run, are final;
/// everything else, a time-out and a signal too, is worth another try.
fn judge(reply: &Reply) -> Verdict {
    let Reply::Exit { code, output } = reply else { return Verdict::of(reply, &[]) };
    let what = match code {
        Some(0) => return Verdict::Sent,
        Some(code) => format!("exit status {code}"),
        None => "ended by a signal".to_owned(),
    };
    let colon = if output.is_empty() { "" } else { ": " };
    let failure = Failure { cause: Cause::Other, why: format!("{what}{colon}{output}") };
    match code {
        Some(64 | 65 | 77 | 78 | 126 | 127) => Verdict::Refused(failure),
        _ => Verdict::Retry(failure, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{drafted, integration, notification};

    fn sent(config: &str, instance: &str) -> Exec {
        let config = format!("exec_configs: [{{{config}}}]");
        match drafted("", &config, notification(&[(instance, false)])).inline() {
            Ok(Outgoing::Exec(exec)) => exec,
            other => panic!("no program: {other:?}"),
        }
    }

    fn variable<'a>(exec: &'a Exec, name: &str) -> Option<&'a str> {
        exec.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_program_reads_json_and_finds_labels_in_its_environment() {
        let it = sent("command: [/bin/buzz, -v]", "i1");
        assert_eq!(it.command, ["/bin/buzz", "-v"]);
        assert!(it.input.starts_with(b"{\"receiver\"") && it.input.ends_with(b"}\n"));
        assert_eq!(variable(&it, "ALERT_LABEL_instance"), Some("i1"));
        assert_eq!(variable(&it, "ALERT_ANNOTATION_summary"), Some("s"));
        assert_eq!(variable(&it, "ALERT_STATUS"), Some("firing"));
        assert_eq!(variable(&it, "ALERT_FIRING"), Some("1"));
        assert_eq!(it.timeout, Duration::from_secs(30));
    }

    #[test]
    fn nothing_of_an_alert_gets_into_the_command_or_ends_a_variable() {
        let it = sent("command: [/bin/buzz]", "'; rm -rf / #$(id)`id`\0PATH=/evil");
        assert_eq!(it.command, ["/bin/buzz"]);
        assert_eq!(variable(&it, "ALERT_LABEL_instance"), Some("'; rm -rf / #$(id)`id`PATH=/evil"));
        assert!(it.environment.iter().all(|(name, value)| {
            name.starts_with("ALERT_") && !name.contains(['=', '\0']) && !value.contains('\0')
        }));
    }

    #[test]
    fn the_environment_is_bounded() {
        let it = sent("command: [/bin/buzz]", &"x".repeat(EXEC_ENVIRONMENT_BYTES_MAX));
        assert_eq!(variable(&it, "ALERT_LABEL_instance"), None);
        assert_eq!(variable(&it, "ALERT_LABEL_alertname"), Some("B"));
    }

    #[test]
    fn the_exit_status_says_whether_another_try_makes_sense() {
        let verdict = |code| judge(&Reply::Exit { code, output: "why".into() });
        assert_eq!(verdict(Some(0)), Verdict::Sent);
        for code in [None, Some(1), Some(75), Some(124)] {
            assert!(matches!(verdict(code), Verdict::Retry(..)), "{code:?}");
        }
        for code in [64, 78, 127] {
            assert!(matches!(verdict(Some(code)), Verdict::Refused(_)), "{code}");
        }
    }

    #[test]
    fn a_program_has_a_whole_path_and_its_variables_a_prefix() {
        for wrong in [
            "command: []",
            "command: [buzz]",
            "command: [./buzz]",
            "command: [/bin/x], env_prefix: ''",
            "command: [/bin/x], env_prefix: 'A=B_'",
            "command: [/bin/x], env_prefix: LD",
            "command: [/bin/x], run_timeout: 0s",
        ] {
            assert!(integration("", &format!("exec_configs: [{{{wrong}}}]")).is_err(), "{wrong}");
        }
    }
}
