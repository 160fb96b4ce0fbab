//! The parts of which the tests of this room build their worlds.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, Global, GroupBy, InhibitRule, Receiver, Route, StaticLabels};
use crate::model::{MatchOp, Matcher, Matchers};
use crate::notify::testing;
use crate::template::Templates;

/// `a=1`, `a!=1`, `a=~1|2`, `a!~1`
pub(crate) fn matchers(texts: &[&str]) -> Matchers {
    let one = |text: &&str| {
        let (op, at, len) = [
            (MatchOp::NotEqual, text.find("!="), 2),
            (MatchOp::NotMatches, text.find("!~"), 2),
            (MatchOp::Matches, text.find("=~"), 2),
            (MatchOp::Equal, text.find('='), 1),
        ]
        .into_iter()
        .find_map(|(op, at, len)| at.map(|at| (op, at, len)))
        .expect("an operator");
        Matcher::new(&text[..at], op, &text[at + len..]).expect("a valid matcher")
    };
    texts.iter().map(one).collect()
}

/// A route to `receiver`: waits 1 s, flushes each 10 s, repeats after 1 h, groups by `alertname`.
pub(crate) fn route(receiver: &str, texts: &[&str]) -> Route {
    Route {
        receiver: receiver.into(),
        group_by: GroupBy::Labels(vec!["alertname".into()]),
        group_wait: Duration::from_secs(1),
        group_interval: Duration::from_secs(10),
        repeat_interval: Duration::from_secs(3600),
        matchers: matchers(texts).sorted(),
        continue_: false,
        resolved_after_quiet: false,
        mute_time_intervals: Vec::new(),
        active_time_intervals: Vec::new(),
        labels: StaticLabels::default(),
        routes: Vec::new(),
    }
}

/// A config of this tree, in which every receiver that is named has one `log` integration.
pub(crate) fn config(root: Route) -> Config {
    fn names(route: &Route, found: &mut Vec<Arc<str>>) {
        if !found.contains(&route.receiver) {
            found.push(Arc::clone(&route.receiver));
        }
        route.routes.iter().for_each(|child| names(child, found));
    }
    let mut receivers = Vec::new();
    names(&root, &mut receivers);
    let integration = testing::integration("", "log_configs: [{}]").expect("a config");
    Config {
        global: Global { resolve_timeout: Duration::from_secs(300) },
        route: root,
        receivers: receivers
            .into_iter()
            .map(|name| {
                let integrations = vec![integration.clone()];
                Arc::new(Receiver { integrations, ..Receiver::without_integrations(&name) })
            })
            .collect(),
        inhibit_rules: Vec::new(),
        time_intervals: Vec::new(),
        expect: Vec::new(),
        heartbeats: Vec::new(),
        silences: Vec::new(),
        templates: Templates::builtin(),
        original: String::new(),
    }
}

/// A rule between these matchers.
pub(crate) fn inhibit_rule(source: &[&str], target: &[&str], equal: &[&str]) -> InhibitRule {
    InhibitRule {
        name: "".into(),
        source: matchers(source),
        target: matchers(target),
        equal: equal.iter().map(|name| Arc::from(*name)).collect(),
    }
}
