//! Requests and their answers: at once, when what they promise is durable, or after work that is done in pieces.

use super::http::Exchange;
use super::opening::restore;
use super::{Shell, clock, keeper, process};
use crate::api::{self, Answer, Endpoint, Response};
use crate::effect::Cx;
use crate::node::Node;
use crate::store::{Kept, Ticket};

pub(super) type Label = &'static str;

/// An answer that waits until what it promises is durable.
pub(super) struct Held {
    pub(super) ticket: Ticket,
    pub(super) exchange: Exchange,
    pub(super) response: Response,
    pub(super) labels: (Label, Label),
}

impl Shell {
    pub(super) fn answer(&mut self, mut exchange: Exchange) {
        let request = exchange.request();
        let (method, label) = labels(&self.site.prefix, request.method, request.path);
        let tells_state = [Endpoint::Metrics, Endpoint::Page, Endpoint::Status];
        if tells_state.iter().any(|endpoint| endpoint.label() == label) {
            if let Some(port) = &self.port {
                self.site.cluster.port = port.stats();
                self.site.cluster.interfaces = port.interfaces();
            }
            // Without a flock nothing else asks, so that nothing wakes an idle processor.
            self.note_clock(clock::synced());
        }
        if [Endpoint::Metrics, Endpoint::Status].iter().any(|it| it.label() == label) {
            self.site.process = process::usage();
            self.server.count(&mut self.site.http);
        }
        let listed: usize = self.lists.iter().map(|(_, list)| list.bytes()).sum();
        self.site.http.unread_bytes = self.server.unread() + listed;
        self.site.http.lists = self.lists.len();
        let cx = &mut Cx { now: clock::now(), rng: &mut self.rng, effects: &mut self.effects };
        let answer = api::handle(&mut self.node, cx, &self.site, &request);
        let response = match answer {
            Answer::Now(response) => response,
            Answer::WhenDurable(response) => {
                return self.hold(exchange, response, (method, label));
            }
            Answer::WhenChanged => {
                return self.watch(exchange);
            }
            Answer::Listing(list) => return self.lists.push_back((exchange, list)),
            Answer::Posting(post) => return self.posts.push_back((exchange, post)),
            Answer::Test(test) => return self.test(exchange, test),
            Answer::Reload => {
                exchange.forget_body();
                return self.reloads.ask(Some(exchange));
            }
        };
        self.release(exchange, response, (method, label));
    }

    /// Keeps an answer back until everything that is to be kept so far is durable: what it promises, and what it found
    /// promised already.
    pub(super) fn hold(
        &mut self,
        mut exchange: Exchange,
        response: Response,
        labels: (Label, Label),
    ) {
        self.perform();
        match self.keeper.ticket() {
            Some(ticket) => {
                // A client that has gone takes no room.
                self.held.retain(|held| !held.exchange.is_abandoned());
                exchange.forget_body();
                self.held.push_back(Held { ticket, exchange, response, labels });
            }
            None => self.release(exchange, response, labels),
        }
    }

    /// Lets go the answers that waited for what is durable now. Where nothing can be kept they go too: the agent works
    /// on from memory, and says so wherever it says anything.
    pub(super) fn kept(&mut self, kept: &Kept, late: Option<&keeper::Late>) {
        self.keeper.heard(kept.ticket);
        while self.held.front().is_some_and(|held| held.ticket <= kept.ticket)
            && let Some(held) = self.held.pop_front()
        {
            self.release(held.exchange, held.response, held.labels);
        }
        self.site.journal.count(&kept.wear, clock::boot_time());
        let age = self.site.journal.age;
        self.with_node(|node, cx| node.handle_wear(cx, kept.wear.commits, age));
        self.site.journal.left_out = kept.left_out;
        if let Some((found, volatile)) = late {
            self.site.journal.volatile = *volatile;
            // Else it was taken back in pieces; while the agent stops there is no time for these.
            if !found.is_empty() {
                self.with_node(|node, cx| restore(node, cx, found));
            }
        }
        if kept.wants_state {
            // Everything that is queued until now is part of the state.
            self.perform();
            self.keeper.gather_state();
            self.with_node(Node::handle_state_wanted);
        }
        self.site.journal.missing = kept.missing;
        self.site.journal.retry_at = kept.retry_in.map(|after| clock::mono() + after);
        let had_failed = self.site.journal.fault.is_some();
        let retry_in = kept.retry_in;
        self.troubles.say(
            &self.site.journal.path,
            kept.fault.as_deref(),
            retry_in,
            clock::boot_time(),
        );
        self.site.journal.fault.clone_from(&kept.fault);
        if kept.fault.is_some() || had_failed {
            self.with_node(|node, cx| node.handle_journal(cx, kept.fault.as_deref()));
        }
    }

    pub(super) fn release(
        &mut self,
        exchange: Exchange,
        response: Response,
        (method, label): (Label, Label),
    ) {
        let took = clock::boot_time().saturating_sub(exchange.read_at).as_secs_f64();
        let durations = self.site.http.durations.entry((label, method, response.status));
        durations.or_default().observe(took);
        exchange.answer(response);
    }

    /// Answers a request that came too late.
    pub(super) fn refuse(&mut self, exchange: Exchange) {
        let labels = self.labels(&exchange);
        self.release(exchange, Response::object(503, 503, "stopping"), labels);
    }

    /// The name of a request in metrics.
    pub(super) fn labels(&self, exchange: &Exchange) -> (Label, Label) {
        let request = exchange.request();
        labels(&self.site.prefix, request.method, request.path)
    }
}

/// The name of a request in metrics.
pub(super) fn labels(prefix: &str, method: &str, path: &str) -> (Label, Label) {
    let method = match method {
        "DELETE" => "delete",
        "GET" => "get",
        "HEAD" => "head",
        "OPTIONS" => "options",
        "POST" => "post",
        _ => "other",
    };
    (method, Endpoint::find(prefix, &api::cleaned(path)).label())
}
