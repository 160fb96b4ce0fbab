//! Templates, as text and as HTML: within their budget, faults where they are, and no alert's text unescaped in HTML.

use std::rc::Rc;

use std::time::Duration;

use bellwether::limits::TEMPLATE_OUTPUT_BYTES_MAX;
use bellwether::model::Labels;
use bellwether::template::{Data, TemplateError, Templates};
use bellwether::time::Wall;

use crate::input::{Input, utf8};

/// The characters that no escaped text has in it.
const HOSTILE: &str = "<fz'\"&>";
/// Of the processor: far more than a budget takes, also with all checks.
const TIME_MAX: Duration = Duration::from_secs(5);

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let is_resolved = input.byte() & 1 == 1;
    let (file, source) = utf8(input.rest())
        .split_once("\n----\n")
        .unwrap_or(("", utf8(&bytes[1.min(bytes.len())..])));
    let started = spent();
    let templates = match file {
        "" => Templates::builtin(),
        file => match Templates::new(&[("a.tmpl".to_owned(), file.to_owned())]) {
            Ok(templates) => templates,
            Err(errors) => {
                errors.iter().for_each(|error| is_there(error, &[file, source]));
                return;
            }
        },
    };
    let checked = templates.check(source);
    let data = data(is_resolved);
    let text = templates.text(source, data);
    let html = templates.html(source, data);
    let taken = spent().saturating_sub(started);
    assert!(taken < TIME_MAX, "{taken:?}");
    if source.contains("{{") {
        assert!(checked.is_ok() || text.is_err(), "rendered, though it is wrong: {checked:?}");
    }
    for rendered in [&text, &html] {
        match rendered {
            Ok(made) => {
                assert!(source.len() > made.len() || made.len() <= TEMPLATE_OUTPUT_BYTES_MAX)
            }
            Err(error) => is_there(error, &[file, source]),
        }
    }
    if let Ok(html) = html {
        let is_trusted =
            [file, source].iter().any(|text| text.contains("safe") || text.contains("<fz"));
        assert!(is_trusted || !html.contains("<fz"), "unescaped: {html}");
    }
}

/// The processor's time that this thread has had.
fn spent() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec.cast_unsigned(), u32::try_from(spent.tv_nsec).unwrap_or(0))
}

/// Whether an error is within the text that it names.
fn is_there(error: &TemplateError, texts: &[&str]) {
    assert!(!error.text.is_empty());
    let is_ours = &*error.file == "a.tmpl" || &*error.file == "template";
    let fits = |text: &&str| error.line <= text.lines().count().max(1) + 1;
    assert!(!is_ours || texts.iter().any(fits), "{error}");
}

fn data(is_resolved: bool) -> &'static Data {
    thread_local! {
        static DATA: [&'static Data; 2] = [false, true].map(|is_resolved| &*Box::leak(Box::new(made(is_resolved))));
    }
    DATA.with(|data| data[usize::from(is_resolved)])
}

fn made(is_resolved: bool) -> Data {
    let hostile: Labels =
        [("alertname", HOSTILE), ("job", "x"), ("<fz>", "y")].into_iter().collect();
    let mut data = Data::sample(is_resolved, Wall::from_secs(1_800_000_000));
    data.group_labels = hostile.clone();
    data.common_labels = hostile.clone();
    data.common_annotations = hostile.clone();
    data.alerts = data
        .alerts
        .iter()
        .map(|alert| {
            let mut alert = (**alert).clone();
            (alert.labels, alert.annotations) = (hostile.clone(), hostile.clone());
            alert.generator_url = Rc::from(format!("http://x/{HOSTILE}"));
            Rc::new(alert)
        })
        .collect();
    data
}
