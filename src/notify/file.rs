//! `file_configs`: each notification as a line of JSON at the end of a file, for a buzzer, a display, a local program.

use std::path::PathBuf;

use crate::config::schema::{Around, Origin};
use crate::config::{Key, Schema, Takes, Values};
use crate::limits::NOTIFICATION_FILES_MAX;
use crate::model::printable::Printable;
use crate::notify::{Message, Outgoing, Type, Verdict, payload};

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "file",
        section: "file_configs",
        origin: Origin::Ours,
        send_resolved: true,
        http: false,
        instant: false,
        incidents: false,
        address: "",
        body: "",
        keys: &[
            Key::text("path", "").required(),
            Key::new("max_bytes", Takes::Number).or("1048576"),
            Key::new("max_files", Takes::Number).or("1"),
        ],
        globals: &[],
        check,
    },
    request,
    each: Some(payload::EACH),
    judge: |_, reply| Verdict::of(reply, &[]),
};

/// A line to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLine {
    /// The file. Never from an alert.
    pub path: PathBuf,
    /// The line, with its end.
    pub line: Vec<u8>,
    /// The file becomes `path.1` before it grows beyond this.
    pub bytes_max: u64,
    /// How many older files are kept: `path.1` is the newest.
    pub files_max: u32,
}

fn check(values: &mut Values, _: &Around<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let path = values.text("path");
    if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
        wrong.push("path: write the whole path of a file, from / on".to_owned());
    }
    if values.number("max_bytes") < 1024 {
        wrong.push("max_bytes: at least 1024".to_owned());
    }
    if !(0..=i64::from(NOTIFICATION_FILES_MAX)).contains(&values.number("max_files")) {
        wrong.push(format!("max_files: at most {NOTIFICATION_FILES_MAX}"));
    }
    wrong
}

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    // It is read on terminals.
    let mut line = Printable(&payload::text(message)).to_string().into_bytes();
    line.push(b'\n');
    let bytes_max = u64::try_from(values.number("max_bytes")).unwrap_or(0);
    if line.len() as u64 > bytes_max {
        return Err(format!("the line has {} bytes, max_bytes is {bytes_max}", line.len()));
    }
    Ok(Outgoing::File(FileLine {
        path: values.text("path").into(),
        line,
        bytes_max,
        files_max: u32::try_from(values.number("max_files")).unwrap_or(0),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::printable;
    use crate::notify::testing::{drafted, integration, notification};

    fn sent(config: &str, instance: &str) -> Result<Outgoing, String> {
        drafted("", &format!("file_configs: [{{{config}}}]"), notification(&[(instance, false)]))
            .inline()
    }

    #[test]
    fn a_line_has_the_whole_notification_and_goes_to_the_files_path_alone() {
        let Ok(Outgoing::File(it)) =
            sent("path: /run/alerts", "../../etc/passwd\n{}\u{9b}\u{202e}")
        else {
            panic!("no line")
        };
        assert_eq!(it.path, PathBuf::from("/run/alerts"));
        assert_eq!((it.bytes_max, it.files_max), (1_048_576, 1));
        let line = String::from_utf8(it.line).unwrap();
        let line = line.strip_suffix('\n').unwrap();
        assert!(
            line.starts_with(r#"{"receiver":"#) && !line.contains(printable::is_control),
            "{line}"
        );
    }

    #[test]
    fn a_line_that_is_longer_than_the_file_may_be_is_refused() {
        assert!(sent("path: /run/alerts, max_bytes: 1024", &"x".repeat(2000)).is_err());
    }

    #[test]
    fn a_path_starts_at_the_root() {
        for path in ["alerts", "", "/run/", "../x"] {
            let config = format!("file_configs: [{{path: '{path}'}}]");
            assert!(integration("", &config).is_err(), "{path}");
        }
    }
}
