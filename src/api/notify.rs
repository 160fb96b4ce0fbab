//! `POST /bellwether/v1/notify/test`: sends a marked sample to a receiver, and tells what was sent and answered.
//!
//! It goes the way of a notification from the rendering of the templates on, and leaves no trace: no log entry, no turn, no
//! history, no metric.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Answer, Request, Response};
use crate::config::{Receiver, unknown};
use crate::limits::{
    HTTP_ERROR_BYTES_MAX, NOTIFY_TEST_BYTES_MAX, NOTIFY_TEST_INTEGRATIONS_MAX, REPLY_BYTES_MAX,
};
use crate::model::matcher::valid_label_name;
use crate::model::{Labels, brief};
use crate::node::Node;
use crate::notify::{Draft, Failure, Reply, Verdict, draft, sample};
use crate::time::Now;

/// The request. All but the receiver may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    receiver: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    resolved: bool,
    #[serde(default)]
    dry_run: bool,
}

/// A test of a receiver: what each of its integrations is sent.
#[derive(Debug)]
pub struct Test {
    receiver: Arc<str>,
    is_dry: bool,
    /// With the name and the place of each integration.
    integrations: Vec<(&'static str, u32, Rc<Draft>)>,
}

/// A request that was made, and what came of it.
pub type Tried = (Rc<Draft>, Reply);

/// Begins a test; one that only shows what would be sent ends at once.
pub(super) fn test(node: &Node, now: Now, request: &Request<'_>) -> Answer {
    match read(node, now, request) {
        Ok(test) if test.is_dry => Answer::Now(test.answer(&[])),
        Ok(test) => Answer::Test(test),
        Err(refusal) => Answer::Now(refusal),
    }
}

/// The refusal of a second test while one is under way.
pub fn busy() -> Response {
    Response::string(409, "another test of a receiver is under way: try again when it has ended")
}

fn read(node: &Node, now: Now, request: &Request<'_>) -> Result<Test, Response> {
    if request.body.len() > NOTIFY_TEST_BYTES_MAX {
        let text = format!("the body is larger than {NOTIFY_TEST_BYTES_MAX} bytes");
        return Err(Response::string(413, &text));
    }
    let wish: Wish = serde_json::from_slice(request.body)
        .map_err(|error| Response::string(400, &format!("the body is no test: {error}")))?;
    let receivers = &node.config().receivers;
    let Some(receiver) = receivers.iter().find(|it| *it.name == *wish.receiver) else {
        let names = receivers.iter().map(|it| &*it.name);
        return Err(Response::string(404, &unknown("receiver", &wish.receiver, names)));
    };
    let (labels, annotations) =
        (pairs(node, "label", &wish.labels)?, pairs(node, "annotation", &wish.annotations)?);
    let count = receiver.integrations.len();
    if count > NOTIFY_TEST_INTEGRATIONS_MAX {
        let text = format!(
            "receiver {:?} has {count} integrations, and no more than {NOTIFY_TEST_INTEGRATIONS_MAX} are tested at a time: spread them over several receivers",
            wish.receiver
        );
        return Err(Response::string(400, &text));
    }
    Ok(Test {
        receiver: Arc::clone(&receiver.name),
        is_dry: wish.dry_run,
        integrations: drafts(node, now, receiver, (&labels, &annotations), wish.resolved),
    })
}

fn pairs(node: &Node, what: &str, given: &BTreeMap<String, String>) -> Result<Labels, Response> {
    let grammar = node.options().grammar;
    if let Some(name) = given.keys().find(|name| !valid_label_name(grammar, name)) {
        return Err(Response::string(400, &format!("{name:?} is no name of a {what}")));
    }
    Ok(given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect())
}

fn drafts(
    node: &Node,
    now: Now,
    receiver: &Receiver,
    given: (&Labels, &Labels),
    resolved: bool,
) -> Vec<(&'static str, u32, Rc<Draft>)> {
    let url = &node.options().external_url;
    let drafted = |it: &crate::config::Integration| {
        let notification = sample(receiver, given, resolved, url, now.wall);
        let draft = draft(it, notification, &node.config().templates).for_test();
        (it.name(), it.index, Rc::new(draft))
    };
    receiver.integrations.iter().map(drafted).collect()
}

impl Test {
    /// The first request of each integration.
    pub fn drafts(&self) -> Vec<Rc<Draft>> {
        self.integrations.iter().map(|(.., draft)| Rc::clone(draft)).collect()
    }

    /// The answer, with what each integration tried, in their order; nothing of it if only the requests are shown.
    pub fn answer(&self, tried: &[Vec<Tried>]) -> Response {
        let integrations: Vec<Value> = self
            .integrations
            .iter()
            .enumerate()
            .map(|(at, it)| {
                let tried = tried.get(at).map(Vec::as_slice);
                integration(it, tried.filter(|_| !self.is_dry))
            })
            .collect();
        let delivered = !integrations.is_empty()
            && integrations.iter().all(|it| it.get("delivered") == Some(&Value::Bool(true)));
        let mut answer = json!({
            "receiver": &*self.receiver,
            "dry_run": self.is_dry,
            "integrations": integrations,
        });
        if !self.is_dry {
            answer["delivered"] = delivered.into();
        }
        Response::json(200, answer.to_string().into_bytes())
    }
}

/// One integration: the requests with their answers, whether it was delivered, and why not.
fn integration((name, index, draft): &(&str, u32, Rc<Draft>), tried: Option<&[Tried]>) -> Value {
    let mut error = None;
    let mut exchange = |draft: &Draft, reply: Option<&Reply>| {
        let request = draft.shown().unwrap_or_else(|why| {
            error = Some(why);
            String::new()
        });
        let answer = reply.and_then(Reply::shown);
        let answer = answer.map(|text| brief::cut(&text, REPLY_BYTES_MAX).to_owned());
        json!({ "request": request, "answer": answer })
    };
    let requests: Vec<Value> = match tried {
        None | Some([]) => vec![exchange(draft, None)],
        Some(tried) => tried.iter().map(|(draft, reply)| exchange(draft, Some(reply))).collect(),
    };
    let mut shown = json!({ "integration": name, "index": index, "requests": requests });
    if !draft.faults().is_empty() {
        shown["template_faults"] = draft.faults().into();
    }
    if let Some(tried) = tried {
        let end = tried.last().map(|(draft, reply)| draft.judge(reply));
        error = why(end).or(error);
        shown["delivered"] = error.is_none().into();
    }
    if let Some(error) = error {
        shown["error"] = brief::cut(&error, HTTP_ERROR_BYTES_MAX).into();
    }
    shown
}

/// Why a test that has ended so was not delivered.
fn why(end: Option<Verdict>) -> Option<String> {
    match end {
        Some(Verdict::Sent | Verdict::Remember(_)) => None,
        Some(Verdict::Next(_) | Verdict::NextFor(..)) => {
            Some("it takes too many requests".to_owned())
        }
        Some(Verdict::Retry(Failure { why, .. }, _) | Verdict::Refused(Failure { why, .. })) => {
            Some(why)
        }
        None => Some("it was not tried".to_owned()),
    }
}
