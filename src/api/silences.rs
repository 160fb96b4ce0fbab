//! `/api/v2/silences` and `/api/v2/silence/{silenceID}`.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::api::pages::Pages;
use crate::api::query::Params;
use crate::api::{Request, Response};
use crate::effect::Cx;
use crate::limits::{MATCHERS_MAX, PIECE_STEPS, SILENCE_BYTES_MAX};
use crate::model::matcher::{Grammar, bounded, valid_label_name};
use crate::model::{MatchOp, Matcher, Matchers, Shown, SilenceId, SilenceState};
use crate::node::{Node, SilenceDraft, SilenceError};
use crate::time::{Now, Wall};
use crate::wire::json::body::{self, PostedMatcher, PostedSilence};
use crate::wire::json::write;

/// The steps to compare a matcher with one that is asked for.
const LOOK_STEPS: u64 = 10;

/// The key that a list is sorted by.
type Key = (SilenceState, Wall, Reverse<Wall>, SilenceId);

/// The list of the silences that are asked for: active ones by their end, pending ones by their start, expired ones by their
/// end, the latest first.
#[derive(Debug)]
pub(super) struct List {
    filter: Vec<Matcher>,
    states: Vec<SilenceState>,
    /// The first that was not yet looked at; none when all are.
    next: Option<SilenceId>,
    /// Those that are not yet written, in order.
    rest: BTreeSet<Key>,
}

impl List {
    pub(super) fn new(node: &Node, request: &Request<'_>) -> Result<Self, Response> {
        let params = Params::new(request.query);
        let states = [SilenceState::Active, SilenceState::Pending, SilenceState::Expired];
        Ok(Self {
            filter: params.filter(node.options().grammar)?,
            states: states.into_iter().filter(|it| params.flag(it.as_str())).collect(),
            next: Some(SilenceId::MIN),
            rest: BTreeSet::new(),
        })
    }

    /// Lists some more. Returns whether that are all.
    pub(super) fn go_on(&mut self, node: &Node, now: Now, pages: &mut Pages) -> bool {
        if !self.look(node, now, &mut pages.steps) {
            return false;
        }
        while let Some((.., id)) = self.rest.first() {
            if pages.is_over() {
                return false;
            }
            if let Some(silence) = node.silence(*id) {
                pages.push(|out| write::silence(out, silence, now.wall));
            }
            self.rest.pop_first();
        }
        true
    }

    /// Looks which silences are listed. Returns whether all were looked at.
    fn look(&mut self, node: &Node, now: Now, steps: &mut u64) -> bool {
        let Some(next) = self.next else { return true };
        for silence in node.silences_from(next) {
            self.next = Some(silence.id);
            if *steps >= PIECE_STEPS {
                return false;
            }
            *steps += LOOK_STEPS * (1 + self.filter.len() * silence.matchers.len()) as u64;
            let has = |wanted: &Matcher| silence.matchers.iter().any(|matcher| matcher == wanted);
            let state = silence.state(now.wall);
            if !self.states.contains(&state) || !self.filter.iter().all(has) {
                continue;
            }
            self.rest.insert(match state {
                SilenceState::Active => (state, silence.ends_at, Reverse(Wall::MIN), silence.id),
                SilenceState::Pending => (state, silence.starts_at, Reverse(Wall::MIN), silence.id),
                SilenceState::Expired => (state, Wall::MIN, Reverse(silence.ends_at), silence.id),
            });
        }
        self.next = None;
        true
    }
}

/// Sets a silence and answers its id.
pub(super) fn post(node: &mut Node, cx: &mut Cx<'_>, request: &Request<'_>) -> Response {
    let text = body::text(request.body);
    if text.trim().is_empty() {
        return Response::object(422, 602, "silence in body is required");
    }
    let posted = match body::silence(&text) {
        Ok(posted) => posted,
        Err(error) => {
            node.handle_refused(cx.now, (request.sender, "silences"), true, error.why());
            return Response::refused_body("silence", &error);
        }
    };
    let draft = draft(node.options().grammar, posted, cx.now.wall);
    let outcome = draft.and_then(|draft| node.handle_set_silence(cx, draft));
    match outcome {
        Ok(id) => Response::json(200, format!(r#"{{"silenceID":"{id}"}}"#).into_bytes()),
        Err(error) => {
            let status = if error == SilenceError::NotFound { 404 } else { 400 };
            let text = error.to_string();
            node.handle_refused(cx.now, (request.sender, "silences"), true, &text);
            Response::string(status, &text)
        }
    }
}

fn draft(
    grammar: Grammar,
    posted: PostedSilence<'_>,
    now: Wall,
) -> Result<SilenceDraft, SilenceError> {
    let refused =
        |text: &str| Err(SilenceError::Invalid(format!("Failed to create silence: {text}")));
    if posted.starts_at >= posted.ends_at {
        return refused("start time must be before end time");
    }
    if posted.ends_at < now {
        return refused("end time can't be in the past");
    }
    let id = match &*posted.id {
        "" => None,
        id => Some(id.parse().map_err(|()| SilenceError::NotFound)?),
    };
    let pairs = posted.annotations.into_iter();
    Ok(SilenceDraft {
        id,
        matchers: matchers(grammar, &posted.matchers)?,
        starts_at: Some(posted.starts_at),
        ends_at: posted.ends_at,
        created_by: posted.created_by.into_owned(),
        comment: posted.comment.into_owned(),
        annotations: pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
    })
}

fn matchers(grammar: Grammar, posted: &[PostedMatcher<'_>]) -> Result<Matchers, SilenceError> {
    let compile = |(index, posted): (usize, &PostedMatcher<'_>)| {
        let invalid = |rule: String| {
            let place = format!("invalid label matcher {index} in set 0");
            SilenceError::Invalid(format!("invalid silence: {place}: {rule}"))
        };
        if !valid_label_name(grammar, &posted.name) {
            return Err(invalid(format!("invalid label name {}", Shown(&posted.name))));
        }
        let op = MatchOp::from_flags(posted.is_equal, posted.is_regex);
        Matcher::new(&posted.name, op, &posted.value).map_err(|error| {
            let text = &posted.value;
            // Here the pattern is told as it was posted, not as it is compiled.
            let rule = error.to_string().replace(&format!("`^(?:{text})$`"), &format!("`{text}`"));
            invalid(format!("invalid regular expression {}: {rule}", Shown(text)))
        })
    };
    if posted.len() > MATCHERS_MAX {
        let count = posted.len();
        let rule = format!("{count} matchers, at most {MATCHERS_MAX} are taken: split it");
        return Err(SilenceError::Limit(format!("invalid silence: {rule}")));
    }
    // Before any is compiled: what is too large anyway is not to cost anything.
    let bytes: usize = posted.iter().map(|it| it.name.len() + it.value.len()).sum();
    if bytes > SILENCE_BYTES_MAX {
        return Err(SilenceError::Limit(format!(
            "silence exceeded maximum size: {bytes} bytes (limit: {SILENCE_BYTES_MAX} bytes)"
        )));
    }
    let refusal = |rule| SilenceError::Limit(format!("invalid silence: {rule}"));
    Ok(bounded(posted.iter().enumerate().map(compile), refusal)?.into_iter().collect())
}

/// Shows a silence.
pub(super) fn get(node: &Node, now: Now, id: &str) -> Response {
    let found = match read_id(id) {
        Ok(id) => id.and_then(|id| node.silence(id)),
        Err(refusal) => return refusal,
    };
    found.map_or(Response::empty(404), |silence| {
        let mut out = Vec::new();
        write::silence(&mut out, silence, now.wall);
        Response::json(200, out)
    })
}

/// Expires a silence.
pub(super) fn delete(node: &mut Node, cx: &mut Cx<'_>, id: &str) -> Response {
    let id = match read_id(id) {
        Ok(Some(id)) => id,
        Ok(None) => return Response::empty(404),
        Err(refusal) => return refusal,
    };
    match node.handle_expire_silence(cx, id) {
        Ok(()) => Response::empty(200),
        Err(SilenceError::NotFound) => Response::empty(404),
        Err(error @ SilenceError::Invalid(_)) => Response::string(400, &error.to_string()),
        Err(error) => Response::string(500, &error.to_string()),
    }
}

/// A UUID may lack its dashes; then it names no silence.
fn read_id(text: &str) -> Result<Option<SilenceId>, Response> {
    if let Ok(id) = text.parse() {
        return Ok(Some(id));
    }
    if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let quoted = Shown(text);
    let message = format!("silenceID in path must be of type uuid: {quoted}");
    Err(Response::object(422, 601, &message))
}
