//! Lists of alerts, groups, silences, receivers and the history. With many of them and costly filters one takes long, so it
//! is made in pieces.

use crate::api::pages::Pages;
use crate::api::response::{room, too_large};
use crate::api::{Request, Response, Site, alerts, groups, history, receivers, silences};
use crate::limits::PIECE_STEPS;
use crate::node::Node;
use crate::time::Now;

/// Steps of the first piece of a list.
const FIRST_STEPS: u64 = PIECE_STEPS / 5;

/// The kind of list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Alerts,
    Groups,
    History,
    Receivers,
    Silences,
    Versioned,
}

/// A list that is being made.
#[derive(Debug)]
pub struct List {
    of: Of,
    /// Its JSON.
    out: Vec<u8>,
    has_begun: bool,
}

#[derive(Debug)]
enum Of {
    /// Nothing yet.
    New(Kind),
    Alerts(alerts::List),
    Groups(Box<groups::List>),
    History(history::List),
    Receivers(receivers::List),
    Silences(silences::List),
}

/// The state of a list.
#[derive(Debug)]
pub(super) enum Made {
    /// It is whole.
    Whole(Response),
    /// There is more to do.
    Part(List),
}

impl Of {
    fn new(kind: Kind, node: &Node, request: &Request<'_>) -> Result<Self, Response> {
        Ok(match kind {
            Kind::Alerts => Self::Alerts(alerts::List::new(node, request)?),
            Kind::Groups => Self::Groups(groups::List::new(node, request)?.into()),
            Kind::History => Self::History(history::List::new(node, request)?),
            Kind::Receivers => Self::Receivers(receivers::List::new(node, request)?),
            Kind::Silences => Self::Silences(silences::List::new(node, request)?),
            Kind::Versioned => Self::Groups(groups::List::versioned(node, request)?.into()),
        })
    }
}

impl List {
    /// One of which nothing is made: not even its filters are compiled.
    pub(super) const fn new(kind: Kind) -> Self {
        Self { of: Of::New(kind), out: Vec::new(), has_begun: false }
    }

    /// Bytes that are written of it.
    pub fn bytes(&self) -> usize {
        self.out.len()
    }

    /// Makes another piece of it.
    pub(super) fn go_on(
        mut self,
        node: &Node,
        now: Now,
        site: &Site,
        request: &Request<'_>,
    ) -> Made {
        if let Of::New(kind) = self.of {
            match Of::new(kind, node, request) {
                Ok(of) => self.of = of,
                Err(refusal) => return Made::Whole(refusal),
            }
        }
        let room = room(site);
        // The first piece is made when the request comes, before others have their turn: it is a short one.
        let has_begun = std::mem::replace(&mut self.has_begun, true);
        let steps = if has_begun { 0 } else { PIECE_STEPS - FIRST_STEPS };
        let mut pages = Pages { out: &mut self.out, room, steps };
        let is_whole = match &mut self.of {
            Of::New(_) => false,
            Of::Alerts(list) => list.go_on(node, now, &mut pages),
            Of::Groups(list) => list.go_on(node, now, &mut pages),
            Of::History(list) => list.go_on(node, &mut pages),
            Of::Receivers(list) => list.go_on(node, &mut pages),
            Of::Silences(list) => list.go_on(node, now, &mut pages),
        };
        if is_whole {
            self.out.extend_from_slice(if self.out.is_empty() { b"[]" } else { b"]" });
        }
        if self.out.len() > room {
            Made::Whole(too_large(room))
        } else if is_whole {
            Made::Whole(Response::json(200, self.out))
        } else {
            Made::Part(self)
        }
    }
}
