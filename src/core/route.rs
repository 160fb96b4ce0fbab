//! The routing tree, flat: which routes an alert ends at, and under which labels it is grouped there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use crate::config::{Config, GroupBy, Receiver, Route as RouteConfig};
use crate::core::index::Index;
use crate::limits::GROUP_INTERVAL_MIN;
use crate::model::interval::TimeInterval;
use crate::model::{Labels, Matchers};
use crate::time::Wall;

/// A route by its place in the tree, depth first. Means nothing under another config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteId(usize);

/// A node of the tree.
#[derive(Debug)]
pub struct Route {
    /// `{}/{severity="critical"}`: the matchers from the root to here. Siblings may share it, unless they have the same
    /// receiver: then the second ends with `#2`, so that each has a log entry of its own. In Alertmanager one is silent.
    pub key: Rc<str>,
    /// [`Route::key`] with each level's place among its siblings: no two routes share it.
    pub path: Rc<str>,
    /// Who is notified.
    pub receiver: Rc<Receiver>,
    /// From a group's first alert to its first flush.
    pub group_wait: Duration,
    /// Between flushes.
    pub group_interval: Duration,
    /// Before a notification is repeated.
    pub repeat_interval: Duration,
    /// Labels that it lends to its notifications.
    pub labels: Labels,
    group_by: GroupBy,
    mute: Vec<Rc<TimeInterval>>,
    active: Vec<Rc<TimeInterval>>,
    matchers: Matchers,
    continue_: bool,
    children: Vec<RouteId>,
    index: Index<usize>,
}

impl Route {
    /// The labels that tell its groups apart.
    pub fn group_labels(&self, labels: &Labels) -> Labels {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels.filter(|name| names.iter().any(|n| **n == *name)),
        }
    }

    /// The names of the mute intervals that hold at `now`, and, if it has active intervals and none holds, theirs.
    pub fn muted_by(&self, now: Wall) -> Vec<Rc<str>> {
        let name = |interval: &Rc<TimeInterval>| Rc::clone(&interval.name);
        if !self.active.is_empty() && !self.active.iter().any(|interval| interval.contains(now)) {
            return self.active.iter().map(name).collect();
        }
        self.mute.iter().filter(|interval| interval.contains(now)).map(name).collect()
    }
}

/// The routing tree.
#[derive(Debug)]
pub struct Routes(Vec<Route>);

impl Routes {
    /// The tree of a checked config.
    pub fn new(config: &Config) -> Self {
        let mut routes = Self(Vec::new());
        routes.add(config, &config.route, ("", ""), &mut BTreeMap::new());
        routes
    }

    fn add(
        &mut self,
        config: &Config,
        route: &RouteConfig,
        (key, path): (&str, &str),
        seen: &mut BTreeMap<(String, Rc<str>), usize>,
    ) -> RouteId {
        let id = RouteId(self.0.len());
        let interval = |name: &Rc<str>| {
            config.time_intervals.iter().find(|interval| interval.name == *name).cloned()
        };
        let receiver = config
            .receivers
            .iter()
            .find(|receiver| receiver.name == route.receiver)
            .map_or_else(|| Rc::new(Receiver::without_integrations(&route.receiver)), Rc::clone);
        let matchers = route.matchers.clone();
        let mut key = format!("{key}{matchers}");
        let times = seen.entry((key.clone(), Rc::clone(&receiver.name))).or_default();
        *times += 1;
        if *times > 1 {
            // Writing to a String cannot fail.
            write!(key, "#{times}").ok();
        }
        self.0.push(Route {
            key: key.into(),
            path: format!("{path}{matchers}").into(),
            receiver,
            group_wait: route.group_wait,
            group_interval: route.group_interval.max(GROUP_INTERVAL_MIN),
            repeat_interval: route.repeat_interval,
            labels: route.labels.clone(),
            group_by: route.group_by.clone(),
            mute: route.mute_time_intervals.iter().filter_map(interval).collect(),
            active: route.active_time_intervals.iter().filter_map(interval).collect(),
            matchers,
            continue_: route.continue_,
            children: Vec::new(),
            index: Index::default(),
        });
        let (key, path) = (format!("{}/", self.get(id).key), self.get(id).path.to_string());
        let mut children = Vec::with_capacity(route.routes.len());
        let mut index = Index::default();
        for (place, child) in route.routes.iter().enumerate() {
            let mut child_path = path.clone();
            // Writing to a String cannot fail.
            write!(child_path, "/{place}/").ok();
            index.insert(&child.matchers, place);
            children.push(self.add(config, child, (&key, &child_path), seen));
        }
        let node = &mut self.0[id.0];
        node.children = children;
        node.index = index;
        id
    }

    /// The route of `id`.
    pub fn get(&self, id: RouteId) -> &Route {
        &self.0[id.0]
    }

    /// The route of this path, if the tree has it.
    pub fn find(&self, path: &str) -> Option<RouteId> {
        self.0.iter().position(|route| *route.path == *path).map(RouteId)
    }

    /// Which route of `other` stands for each of these: that of the same path.
    pub fn same_in(&self, other: &Self) -> BTreeMap<RouteId, RouteId> {
        let paths = other.0.iter().enumerate().map(|(id, route)| (&route.path, RouteId(id)));
        let paths: BTreeMap<&Rc<str>, RouteId> = paths.collect();
        let ours = self.0.iter().enumerate();
        ours.filter_map(|(id, route)| Some((RouteId(id), *paths.get(&route.path)?))).collect()
    }

    /// The routes at which an alert of these labels ends, in the order of the tree: depth first, the first match among
    /// siblings unless it says `continue`, and a route itself where none of its children match. Adds what it took to
    /// `steps`.
    pub fn matching(&self, labels: &Labels, steps: &mut u64) -> Vec<RouteId> {
        let mut found = Vec::new();
        self.walk(RouteId(0), labels, &mut found, steps);
        found
    }

    fn walk(&self, id: RouteId, labels: &Labels, found: &mut Vec<RouteId>, steps: &mut u64) {
        let route = self.get(id);
        let before = found.len();
        for place in route.index.candidates(labels) {
            let child = route.children[place];
            if self.get(child).matchers.matches(labels, steps) {
                self.walk(child, labels, found, steps);
                if !self.get(child).continue_ {
                    break;
                }
            }
        }
        if found.len() == before {
            found.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::{config, route};

    #[test]
    fn an_alert_ends_at_the_deepest_first_match_and_goes_on_where_told() {
        let mut deep = route("deep", &["b=2"]);
        deep.continue_ = true;
        let mut first = route("first", &["a=1"]);
        first.routes = vec![deep, route("deeper", &["c=3"])];
        first.continue_ = true;
        let mut root = route("root", &[]);
        root.routes = vec![first, route("second", &["a=~1|2"]), route("third", &["a=2"])];
        let routes = Routes::new(&config(root));
        let ends = |pairs: &[(&str, &str)]| -> Vec<String> {
            routes
                .matching(&pairs.iter().copied().collect(), &mut 0)
                .into_iter()
                .map(|id| routes.get(id).receiver.name.to_string())
                .collect()
        };
        assert_eq!(ends(&[("x", "y")]), ["root"]);
        assert_eq!(ends(&[("a", "1")]), ["first", "second"]);
        assert_eq!(ends(&[("a", "1"), ("b", "2")]), ["deep", "second"]);
        assert_eq!(ends(&[("a", "1"), ("b", "2"), ("c", "3")]), ["deep", "deeper", "second"]);
        assert_eq!(ends(&[("a", "2")]), ["second"]);
    }

    #[test]
    fn keys_carry_the_matchers_and_paths_the_places_too() {
        let mut child = route("c", &["a=1"]);
        child.routes = vec![route("d", &["b=~x|y", "a!=2"])];
        let mut root = route("r", &[]);
        root.routes = vec![child];
        let routes = Routes::new(&config(root));
        let last = routes.get(RouteId(2));
        assert_eq!(&*last.key, r#"{}/{a="1"}/{a!="2",b=~"x|y"}"#);
        assert_eq!(&*last.path, r#"{}/0/{a="1"}/0/{a!="2",b=~"x|y"}"#);
    }

    #[test]
    fn routes_of_equal_matchers_and_receiver_have_keys_of_their_own() {
        let mut root = route("r", &[]);
        root.routes = vec![route("c", &["a=1"]), route("d", &["a=1"]), route("c", &["a=1"])];
        let routes = Routes::new(&config(root));
        let keys: Vec<&str> = routes.0.iter().map(|route| &*route.key).collect();
        assert_eq!(keys, ["{}", r#"{}/{a="1"}"#, r#"{}/{a="1"}"#, r#"{}/{a="1"}#2"#]);
    }
}
