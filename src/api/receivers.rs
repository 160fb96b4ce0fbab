//! `/api/v2/receivers`, and the parameters by which other lists are asked for those of some receivers.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

use crate::api::pages::Pages;
use crate::api::query::Params;
use crate::api::{Request, Response};
use crate::limits::PIECE_STEPS;
use crate::model::{Labels, MatchOp, Matcher, Matchers};
use crate::node::Node;
use crate::wire::json::write;

/// Steps to look at one receiver.
const RECEIVER_STEPS: u64 = 300;

/// The parameters `receiver` and `receiver_matchers`: which receivers are asked for. With many receivers and costly patterns
/// that takes long to find, so it is done in pieces.
#[derive(Debug)]
pub(super) struct ReceiverFilter {
    /// All that a receiver's labels and its name, as the label `name`, must fulfil.
    conditions: Matchers,
    /// How many receivers of the config are compared, and with how many conditions the next one is.
    at: (usize, usize),
    /// Those of them that are asked for.
    names: BTreeSet<Arc<str>>,
}

impl ReceiverFilter {
    pub(super) fn new(params: &Params<'_>, node: &Node) -> Result<Self, Response> {
        let refused = |name: &str, error: &dyn Display| {
            Response::string(400, &format!("failed to parse {name} param: {error}"))
        };
        let name = params
            .last("receiver")
            .map(|pattern| Matcher::new("name", MatchOp::Matches, pattern))
            .transpose()
            .map_err(|error| refused("receiver", &error))?;
        let matchers = params
            .matchers("receiver_matchers", node.options().grammar)
            .map_err(|error| refused("receiver_matchers", &error))?;
        let conditions = name.into_iter().chain(matchers).collect();
        Ok(Self { conditions, at: (0, 0), names: BTreeSet::new() })
    }

    /// Whether every receiver is asked for.
    pub(super) fn is_all(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Compares receivers until `steps`, to which what it takes is added, come to [`PIECE_STEPS`]. Returns whether all are
    /// compared.
    pub(super) fn go_on(&mut self, node: &Node, steps: &mut u64) -> bool {
        if self.is_all() {
            return true;
        }
        while let Some(receiver) = node.config().receivers.get(self.at.0) {
            *steps += RECEIVER_STEPS;
            let name = [("name", &*receiver.name)];
            let labels: Labels = receiver.labels.iter().chain(name).collect();
            match self.conditions.compare(&labels, &mut self.at.1, steps, PIECE_STEPS) {
                None => return false,
                Some(true) => drop(self.names.insert(Arc::clone(&receiver.name))),
                Some(false) => {}
            }
            self.at = (self.at.0 + 1, 0);
        }
        true
    }

    /// Whether a receiver is asked for, once all are compared.
    pub(super) fn takes(&self, receiver: &str) -> bool {
        self.is_all() || self.names.contains(receiver)
    }
}

/// The list of the receivers, in the order of the config.
#[derive(Debug)]
pub(super) struct List {
    filter: ReceiverFilter,
    /// How many were looked at.
    next: usize,
}

impl List {
    pub(super) fn new(node: &Node, request: &Request<'_>) -> Result<Self, Response> {
        let filter = ReceiverFilter::new(&Params::new(request.query), node)?;
        Ok(Self { filter, next: 0 })
    }

    /// Lists some more. Returns whether that are all.
    pub(super) fn go_on(&mut self, node: &Node, pages: &mut Pages) -> bool {
        if !self.filter.go_on(node, &mut pages.steps) {
            return false;
        }
        while let Some(receiver) = node.config().receivers.get(self.next) {
            if pages.is_over() {
                return false;
            }
            if self.filter.takes(&receiver.name) {
                let labels = receiver.labels.to_labels();
                pages.push(|out| write::labelled_receiver(out, &receiver.name, &labels));
            }
            self.next += 1;
        }
        true
    }
}
