//! `bellwether template render`: what a template makes of an alert, without sending anything.

use std::path::PathBuf;

use super::{Cx, Outcome, usage};
use crate::limits::CONFIG_BYTES_MAX;
use crate::shell::templates;
use crate::template::Data;

pub(super) fn run(cx: &mut Cx<'_>) -> Outcome {
    let Some(text) = cx.args.get("template.text") else {
        return Err(usage("--template.text is missing: the text to render"));
    };
    let is_html = match cx.args.get("template.type") {
        None | Some("text") => false,
        Some("html") => true,
        Some(other) => {
            return Err(usage(format!("--template.type={other}: expected text or html")));
        }
    };
    let globs: Vec<PathBuf> = cx.args.all("template.glob").map(PathBuf::from).collect();
    let templates = templates::load(&globs)?;
    let mut data = match cx.args.get("template.data") {
        None => Data::sample(false, cx.now),
        Some(file) => {
            let bytes = super::read("--template.data=", file, CONFIG_BYTES_MAX)?;
            Data::from_json(&String::from_utf8_lossy(&bytes), cx.now)
                .map_err(|error| format!("--template.data={file}: {error}"))?
        }
    };
    // As in a notification; one that fails is missing.
    data.route_labels = templates.route_labels(&data.route_labels, &data).0;
    let rendered = if is_html { templates.html(text, &data) } else { templates.text(text, &data) };
    let rendered = rendered.map_err(|error| error.to_string())?;
    cx.out.exactly(&rendered)?;
    Ok(0)
}
