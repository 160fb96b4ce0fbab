//! `bellwether config show`, `bellwether config convert`.

use std::io::Write as _;
use std::path::Path;

use super::table::{Dates, text};
use super::words::json_line;
use super::{Cx, Outcome, usage};
use crate::config::{self, Environment, Flags, Language, LoadOptions};
use crate::limits::CONFIG_BYTES_MAX;
use crate::notify::SCHEMAS;

pub(super) fn show(cx: &mut Cx<'_>) -> Outcome {
    let format = Dates::of(cx)?.format;
    let status = cx.agent()?.get("/api/v2/status")?;
    if format == "json" {
        return json_line(cx, &status);
    }
    let original = status.get("config").and_then(|it| it.get("original"));
    writeln!(cx.out, "{}", original.and_then(serde_json::Value::as_str).unwrap_or_default())?;
    if format == "extended" {
        let info = status.get("versionInfo").and_then(|it| it.as_object()).into_iter().flatten();
        for (key, value) in info {
            writeln!(cx.out, "{key} {}", text(Some(value)))?;
        }
        writeln!(cx.out, "uptime {}", text(status.get("uptime")))?;
    }
    Ok(0)
}

pub(super) fn convert(cx: &mut Cx<'_>) -> Outcome {
    let [file] = cx.args.words.as_slice() else {
        return Err(usage("expected one file of YAML"));
    };
    let text = super::read("", file, CONFIG_BYTES_MAX)?;
    let (flags, environment) = (&Flags::default(), &Environment::default());
    let file = Path::new(file);
    if Language::of(file) == Language::Toml {
        return Err(format!("{}: is TOML already", file.display()).into());
    }
    let options =
        LoadOptions { file, language: Language::Yaml, flags, environment, schemas: SCHEMAS };
    let toml = config::convert(&text, &options).map_err(|errors| errors.to_string())?;
    cx.out.exactly(&toml)?;
    Ok(0)
}
