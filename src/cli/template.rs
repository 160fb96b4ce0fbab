//! `bellwether template render`: what a template makes of an alert, without sending anything.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};

use crate::shell::{clock, templates};
use crate::template::Data;

const USAGE: &str = "\
usage: bellwether template render [--template.glob=GLOB]... --template.text=TEXT [--template.type=text|html]
                                  [--template.data=FILE]

Renders TEXT and prints what it makes. The default templates exist, and those of the files that GLOB names. FILE is JSON
with the fields of Alertmanager's template data (receiver, status, alerts, groupLabels, commonLabels, commonAnnotations,
externalURL); without it, a sample that fires is rendered. Leaves with 1 if anything is wrong.
";

#[derive(Default)]
struct Flags {
    globs: Vec<PathBuf>,
    text: Option<String>,
    html: bool,
    data: Option<PathBuf>,
}

/// Runs the subcommand; `args` come after the word `template`. Returns the exit code: 0, 1 failed, 2 usage.
pub fn run(args: &[String], out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let done = match args.split_first() {
        Some((word, _)) if word == "-h" || word == "--help" => {
            out.write_all(USAGE.as_bytes()).map(|()| 0)
        }
        Some((word, rest)) if word == "render" => match parse(rest) {
            Ok(None) => out.write_all(USAGE.as_bytes()).map(|()| 0),
            Ok(Some(flags)) => render(&flags, out, err),
            Err(why) => write!(err, "bellwether template render: {why}\n\n{USAGE}").map(|()| 2),
        },
        _ => err.write_all(USAGE.as_bytes()).map(|()| 2),
    };
    // Whoever closed the pipe does not read the code either.
    done.unwrap_or(1)
}

/// The flags; none where help is asked for.
fn parse(args: &[String]) -> Result<Option<Flags>, String> {
    let mut flags = Flags::default();
    let mut parser = Parser::from_args(args);
    let wrong = |error: lexopt::Error| error.to_string();
    while let Some(arg) = parser.next().map_err(wrong)? {
        match arg {
            Arg::Long("template.glob") => flags.globs.push(parser.value().map_err(wrong)?.into()),
            Arg::Long("template.text") => {
                flags.text = Some(parser.value().and_then(ValueExt::string).map_err(wrong)?);
            }
            Arg::Long("template.data") => flags.data = Some(parser.value().map_err(wrong)?.into()),
            Arg::Long("template.type") => {
                let kind = parser.value().and_then(ValueExt::string).map_err(wrong)?;
                flags.html = match kind.as_str() {
                    "html" => true,
                    "text" => false,
                    other => return Err(format!("--template.type={other}: expected text or html")),
                };
            }
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            other => return Err(other.unexpected().to_string()),
        }
    }
    if flags.text.is_none() {
        return Err("--template.text is missing: the text to render".to_owned());
    }
    Ok(Some(flags))
}

fn render(flags: &Flags, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    match rendered(flags) {
        Ok(text) => out.write_all(text.as_bytes()).map(|()| 0),
        Err(why) => {
            for line in why.lines() {
                writeln!(err, "bellwether: {line}")?;
            }
            Ok(1)
        }
    }
}

fn rendered(flags: &Flags) -> Result<String, String> {
    let templates = templates::load(&flags.globs)?;
    let now = clock::wall();
    let mut data = match &flags.data {
        None => Data::sample(false, now),
        Some(file) => {
            let text = fs::read_to_string(file)
                .map_err(|error| format!("--template.data={}: {error}", file.display()))?;
            Data::from_json(&text, now)
                .map_err(|error| format!("--template.data={}: {error}", file.display()))?
        }
    };
    // As in a notification; one that fails is missing.
    data.route_labels = templates.route_labels(&data.route_labels, &data).0;
    let text = flags.text.as_deref().unwrap_or_default();
    let rendered =
        if flags.html { templates.html(text, &data) } else { templates.text(text, &data) };
    rendered.map_err(|error| error.to_string())
}
