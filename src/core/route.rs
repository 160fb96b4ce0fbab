//! The routing tree, flat: which routes an alert ends at, and under which labels it is grouped there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, GroupBy, Receiver, Route as RouteConfig, StaticLabels};
use crate::core::index::MatcherIndex;
use crate::core::intervals::{RouteIntervals, TimeIntervals};
use crate::limits::GROUP_INTERVAL_MIN;
use crate::model::{Labels, Matchers};

/// A route by its place in the tree, depth first. Means nothing under another config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteId(usize);

impl RouteId {
    /// The place in the tree, depth first, from 0.
    pub const fn place(self) -> usize {
        self.0
    }
}

/// A node of the tree.
#[derive(Debug)]
pub struct Route {
    /// `{}/{severity="critical"}`: the matchers from the root to here. Siblings may share it, unless they have the same
    /// receiver: then the second ends with `#2`, so that each has a log entry of its own. In Alertmanager one is silent.
    pub key: Arc<str>,
    /// [`Route::key`] with each level's place among its siblings: no two routes share it.
    pub path: Arc<str>,
    /// The receiver that is notified.
    pub receiver: Arc<Receiver>,
    /// From a group's first alert to its first flush.
    pub group_wait: Duration,
    /// Between flushes.
    pub group_interval: Duration,
    /// Before a notification is repeated.
    pub repeat_interval: Duration,
    /// Whether ends of alerts that were muted then are told once they are muted no more.
    pub resolved_after_quiet: bool,
    /// Labels that it lends to its notifications.
    pub labels: StaticLabels,
    /// Its time intervals.
    pub intervals: RouteIntervals,
    group_by: GroupBy,
    matchers: Matchers,
    continue_: bool,
    children: Vec<RouteId>,
    index: MatcherIndex<usize>,
}

impl Route {
    /// The labels that tell its groups apart.
    pub fn group_labels(&self, labels: &Labels) -> Labels {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels.filter(|name| names.iter().any(|n| **n == *name)),
        }
    }
}

/// The keys of the routes that were made, with their receivers.
type Keys = BTreeMap<(String, Arc<str>), usize>;

/// The routing tree, and the receivers and time intervals that it may name.
#[derive(Debug, Default)]
pub struct Routes {
    /// Depth first.
    tree: Vec<Route>,
    /// In the order of paths.
    by_path: Vec<RouteId>,
    /// In the order of names.
    receivers: Vec<Arc<Receiver>>,
    /// The time intervals of the config.
    pub intervals: TimeIntervals,
}

impl Routes {
    /// The tree of a checked config.
    pub fn new(config: &Config) -> Self {
        let mut routes = Self { receivers: config.receivers.clone(), ..Self::default() };
        routes.receivers.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        routes.intervals = TimeIntervals::new(config);
        routes.add(&config.route, ("", ""), &mut Keys::new());
        let mut by_path: Vec<RouteId> = (0..routes.tree.len()).map(RouteId).collect();
        by_path.sort_unstable_by(|a, b| routes.get(*a).path.cmp(&routes.get(*b).path));
        routes.by_path = by_path;
        routes
    }

    fn add(&mut self, route: &RouteConfig, (key, path): (&str, &str), keys: &mut Keys) -> RouteId {
        let id = RouteId(self.tree.len());
        let intervals = self.intervals.of(route);
        let receiver = self
            .receiver(&route.receiver)
            .map_or_else(|| Arc::new(Receiver::without_integrations(&route.receiver)), Arc::clone);
        let matchers = route.matchers.clone();
        let mut key = format!("{key}{matchers}");
        let times = keys.entry((key.clone(), Arc::clone(&receiver.name))).or_default();
        *times += 1;
        if *times > 1 {
            // Writing to a String cannot fail.
            write!(key, "#{times}").ok();
        }
        self.tree.push(Route {
            key: key.into(),
            path: format!("{path}{matchers}").into(),
            receiver,
            group_wait: route.group_wait,
            group_interval: route.group_interval.max(GROUP_INTERVAL_MIN),
            repeat_interval: route.repeat_interval,
            resolved_after_quiet: route.resolved_after_quiet,
            labels: route.labels.clone(),
            intervals,
            group_by: route.group_by.clone(),
            matchers,
            continue_: route.continue_,
            children: Vec::new(),
            index: MatcherIndex::default(),
        });
        let (key, path) = (format!("{}/", self.get(id).key), self.get(id).path.to_string());
        let mut children = Vec::with_capacity(route.routes.len());
        let mut index = MatcherIndex::default();
        for (place, child) in route.routes.iter().enumerate() {
            let mut child_path = path.clone();
            // Writing to a String cannot fail.
            write!(child_path, "/{place}/").ok();
            index.insert(&child.matchers, place);
            children.push(self.add(child, (&key, &child_path), keys));
        }
        let node = &mut self.tree[id.0];
        node.children = children;
        node.index = index;
        id
    }

    /// The route of `id`.
    pub fn get(&self, id: RouteId) -> &Route {
        &self.tree[id.0]
    }

    /// The route at a place that [`RouteId::place`] has told.
    pub fn at(&self, place: usize) -> &Route {
        &self.tree[place]
    }

    /// The route of this path, if the tree has it.
    pub fn find(&self, path: &str) -> Option<RouteId> {
        let place = self.by_path.binary_search_by(|id| (*self.get(*id).path).cmp(path)).ok()?;
        self.by_path.get(place).copied()
    }

    /// The longest `group_interval` of all.
    pub fn group_interval_max(&self) -> Duration {
        self.tree.iter().map(|route| route.group_interval).max().unwrap_or_default()
    }

    /// The receiver of this name, if the config has it.
    pub fn receiver(&self, name: &str) -> Option<&Arc<Receiver>> {
        let place = self.receivers.binary_search_by(|it| (*it.name).cmp(name)).ok()?;
        self.receivers.get(place)
    }

    /// Which route of `other` stands for each of these: that of the same path.
    pub fn same_in(&self, other: &Self) -> BTreeMap<RouteId, RouteId> {
        let ours = self.tree.iter().enumerate();
        ours.filter_map(|(id, route)| Some((RouteId(id), other.find(&route.path)?))).collect()
    }

    /// The routes at which an alert of these labels ends, in the order of the tree: depth first, the first match among
    /// siblings unless it says `continue`, and a route itself where none of its children match. Adds what it took to
    /// `steps`.
    pub fn matching(&self, labels: &Labels, steps: &mut u64) -> Vec<RouteId> {
        let mut walk = Walk::default();
        self.walk(labels, &mut walk, steps, u64::MAX);
        walk.found
    }

    /// The same in parts: until `steps` come to `most`. Returns whether all are found; if not, the next call goes on.
    pub fn walk(&self, labels: &Labels, walk: &mut Walk, steps: &mut u64, most: u64) -> bool {
        if !std::mem::replace(&mut walk.has_begun, true) {
            walk.levels.push(self.level(RouteId(0), labels, 0, steps));
        }
        while let Some(level) = walk.levels.last_mut() {
            if let Some(place) = level.children.as_slice().first() {
                let child = self.get(level.route).children[*place];
                let Some(matches) =
                    self.get(child).matchers.compare(labels, &mut level.at, steps, most)
                else {
                    return false;
                };
                level.at = 0;
                level.children.next();
                if matches {
                    let below = self.level(child, labels, walk.found.len(), steps);
                    walk.levels.push(below);
                }
                continue;
            }
            let Level { route, before, .. } = *level;
            walk.levels.pop();
            if walk.found.len() == before {
                walk.found.push(route);
            }
            if let Some(above) = walk.levels.last_mut().filter(|_| !self.get(route).continue_) {
                above.children = Vec::new().into_iter();
            }
        }
        true
    }

    fn level(&self, route: RouteId, labels: &Labels, before: usize, steps: &mut u64) -> Level {
        let children = self.get(route).index.candidates(labels, steps).into_iter();
        Level { route, children, at: 0, before }
    }
}

/// How far the routes at which an alert ends were found.
#[derive(Debug, Default)]
pub struct Walk {
    has_begun: bool,
    /// The routes that it has come to, each a child of the one before.
    levels: Vec<Level>,
    /// Those at which it ends.
    pub found: Vec<RouteId>,
}

/// A route whose children are being compared.
#[derive(Debug)]
struct Level {
    route: RouteId,
    /// The places of the children that were not yet compared.
    children: std::vec::IntoIter<usize>,
    /// How many conditions of the first of them are known to hold.
    at: usize,
    /// How many routes had been found when it came here.
    before: usize,
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
    fn routes_are_found_in_parts_and_are_the_same() {
        let mut root = route("root", &[]);
        root.routes = (0..500)
            .map(|n| {
                let mut child = route("child", &[&format!("a=~.*[x-z][{}é].*", n % 7)]);
                child.routes = vec![route("deep", &[&format!("a=~.*[w-y][{}é].*", n % 7)])];
                child.continue_ = n % 50 < 49;
                child
            })
            .collect();
        let routes = Routes::new(&config(root));
        for value in ["x3", "z4", "b"] {
            let value = format!("{}{value}", "x".repeat(1000));
            let labels: Labels = [("a", &*value)].into_iter().collect();
            let (mut walk, mut parts) = (Walk::default(), 0);
            loop {
                let mut steps = 0;
                parts += 1;
                let is_done = routes.walk(&labels, &mut walk, &mut steps, 3000);
                assert!(steps < 3000 + 2 * 1100, "{steps}");
                if is_done {
                    break;
                }
            }
            assert!(parts > 10, "{parts}");
            assert_eq!(walk.found, routes.matching(&labels, &mut 0));
        }
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
    fn routes_and_receivers_are_found_by_path_and_name() {
        let mut root = route("r1", &[]);
        root.routes = (0..20).map(|n| route(&format!("r{}", n % 3), &["a=1"])).collect();
        let routes = Routes::new(&config(root));
        for place in 0..21 {
            assert_eq!(routes.find(&routes.at(place).path), Some(RouteId(place)));
        }
        assert_eq!(routes.find("{}/21/{a=\"1\"}"), None);
        for name in ["r0", "r1", "r2"] {
            assert_eq!(&*routes.receiver(name).unwrap().name, name);
        }
        assert!(routes.receiver("r3").is_none());
    }

    #[test]
    fn routes_of_equal_matchers_and_receiver_have_keys_of_their_own() {
        let mut root = route("r", &[]);
        root.routes = vec![route("c", &["a=1"]), route("d", &["a=1"]), route("c", &["a=1"])];
        let routes = Routes::new(&config(root));
        let keys: Vec<&str> = routes.tree.iter().map(|route| &*route.key).collect();
        assert_eq!(keys, ["{}", r#"{}/{a="1"}"#, r#"{}/{a="1"}"#, r#"{}/{a="1"}#2"#]);
    }
}
