//! Posts of alerts: of a batch what is valid is taken, and it is said what is not. A large one is done in pieces: first it is
//! read whole, for nothing is taken of a body that cannot be read; then it is read again, and taken.

use std::borrow::Cow;

use crate::api::outcome::Outcome;
use crate::api::{Request, Response, alerts, v1};
use crate::core::{Intake, Progress};
use crate::effect::Cx;
use crate::limits::{HTTP_READ_BYTES, PIECE_STEPS};
use crate::node::Node;
use crate::wire::json::body::{self, BodyError, BodyPlace, PostSchema};

/// The steps to read a byte of a body, and a report.
const BYTE_STEPS: u64 = 1;
const READ_STEPS: u64 = 125;

/// A large post that is being taken.
#[derive(Debug)]
pub struct AlertPost {
    schema: PostSchema,
    /// The body, where it is no UTF-8 and had to be made such.
    made: Option<String>,
    stage: Stage,
    place: BodyPlace,
}

#[derive(Debug)]
enum Stage {
    /// It is read; what was found first that breaks the schema.
    Reads(Option<BodyError>),
    /// It is taken.
    Takes(Intake),
}

/// A post that was begun.
pub(super) enum Begun {
    /// It is done.
    Done(Response),
    /// It is done in pieces.
    Later(AlertPost),
}

/// Begins to take a post: a small one is taken at once, unless it takes long to find where its alerts belong.
pub(super) fn begin(
    node: &mut Node,
    cx: &mut Cx<'_>,
    request: &Request<'_>,
    schema: PostSchema,
) -> Begun {
    if request.body.len() > HTTP_READ_BYTES {
        let stage = Stage::Reads(None);
        return Begun::Later(AlertPost { schema, made: None, stage, place: BodyPlace::default() });
    }
    let text = body::text(request.body);
    let outcome = if text.trim().is_empty() {
        Outcome::Empty
    } else {
        match body::alerts(&text, schema) {
            Ok(reports) => {
                let (mut intake, count) = (Intake::default(), reports.len());
                let mut left = reports.into_iter();
                if node.handle_some_reports(cx, &mut left, &mut intake) == Progress::More {
                    let place = place_after(&text, schema, count - left.len());
                    let made = if let Cow::Owned(text) = &text { Some(text.clone()) } else { None };
                    let stage = Stage::Takes(intake);
                    return Begun::Later(AlertPost { schema, made, stage, place });
                }
                Outcome::Taken(intake)
            }
            Err(error) => Outcome::Wrong(error),
        }
    };
    Begun::Done(answer(node, cx, request, schema, &outcome))
}

/// Where so many of the reports of a body end, which is known to be right.
fn place_after(text: &str, schema: PostSchema, count: usize) -> BodyPlace {
    let mut posted = body::Posted::new(text, schema, BodyPlace::default());
    posted.by_ref().take(count).for_each(drop);
    posted.place()
}

/// Takes note of what has become of a post, and makes its answer.
fn answer(
    node: &mut Node,
    cx: &Cx<'_>,
    request: &Request<'_>,
    schema: PostSchema,
    outcome: &Outcome,
) -> Response {
    let refused = match outcome {
        Outcome::Empty => Some((true, "an empty body".into())),
        Outcome::Wrong(error) => Some((true, Cow::Borrowed(error.why()))),
        Outcome::Taken(intake) => {
            node.note_late(request.sender, intake);
            alerts::fault(intake).map(|(_, text)| (false, text.into()))
        }
    };
    if let Some((whole, why)) = refused {
        node.handle_refused(cx.now, (request.sender, "alerts"), whole, &why);
    }
    match schema {
        PostSchema::V1 => v1::posted(outcome),
        PostSchema::V2 => alerts::posted(outcome),
    }
}

impl AlertPost {
    /// Does another piece of it. The answer comes with the last.
    pub(super) fn go_on(
        &mut self,
        node: &mut Node,
        cx: &mut Cx<'_>,
        request: &Request<'_>,
    ) -> Option<Response> {
        if self.place == BodyPlace::default()
            && self.made.is_none()
            && let Cow::Owned(text) = body::text(request.body)
        {
            self.made = Some(text);
            return None;
        }
        let text = match &self.made {
            Some(text) => Cow::Borrowed(text.as_str()),
            None => body::text(request.body),
        };
        let mut posted = body::Posted::new(&text, self.schema, self.place);
        let done = match &mut self.stage {
            Stage::Reads(fault) => match read(&mut posted, fault) {
                Ok(Progress::More) => None,
                Ok(Progress::Done) => {
                    let Some(fault) = fault.take() else {
                        self.stage = Stage::Takes(Intake::default());
                        self.place = BodyPlace::default();
                        return None;
                    };
                    Some(Outcome::Wrong(fault))
                }
                Err(_) if text.trim().is_empty() => Some(Outcome::Empty),
                Err(error) => Some(Outcome::Wrong(error)),
            },
            Stage::Takes(intake) => match node.handle_some_reports(cx, &mut posted, intake) {
                Progress::More => None,
                Progress::Done => Some(Outcome::Taken(std::mem::take(intake))),
            },
        };
        self.place = posted.place();
        done.map(|outcome| answer(node, cx, request, self.schema, &outcome))
    }
}

/// Reads on, for as long as [`PIECE_STEPS`] take. Notes what breaks the schema, if nothing did yet.
fn read(
    posted: &mut body::Posted<'_>,
    fault: &mut Option<BodyError>,
) -> Result<Progress, BodyError> {
    let (first, mut steps) = (posted.place().bytes(), 0);
    while steps + BYTE_STEPS * (posted.place().bytes() - first) as u64 <= PIECE_STEPS {
        let Some((_, found)) = posted.read()? else { return Ok(Progress::Done) };
        if fault.is_none() {
            *fault = found;
        }
        steps += READ_STEPS;
    }
    Ok(Progress::More)
}
