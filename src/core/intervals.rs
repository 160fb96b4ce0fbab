//! Time intervals: which hold now, and which of them mute a route. Their calendar is in [`crate::model::time_interval`].

use std::cell::Cell;
use std::sync::Arc;

use crate::config::{Config, Route};
use crate::model::time_interval::TimeInterval;
use crate::time::Wall;

/// The place of an interval among all.
type Place = usize;

/// A time interval, and whether it held in the minute for which that was last asked: it may have thousands of periods.
#[derive(Debug)]
struct Interval {
    interval: Arc<TimeInterval>,
    known: Cell<Option<(i64, bool)>>,
}

/// The time intervals of a config, in the order of names.
#[derive(Debug, Default)]
pub struct TimeIntervals(Vec<Interval>);

/// The time intervals that a route names.
#[derive(Debug)]
pub struct RouteIntervals {
    mute: Vec<Place>,
    active: Vec<Place>,
}

impl RouteIntervals {
    /// Their number.
    pub const fn count(&self) -> usize {
        self.mute.len() + self.active.len()
    }
}

impl TimeIntervals {
    /// Those of a checked config.
    pub(super) fn new(config: &Config) -> Self {
        let interval = |it: &Arc<_>| Interval { interval: Arc::clone(it), known: Cell::default() };
        let mut all: Vec<Interval> = config.time_intervals.iter().map(interval).collect();
        all.sort_unstable_by(|a, b| a.interval.name.cmp(&b.interval.name));
        Self(all)
    }

    /// Those of a route.
    pub(super) fn of(&self, route: &Route) -> RouteIntervals {
        let find = |name: &Arc<str>| self.find(name);
        RouteIntervals {
            mute: route.mute_time_intervals.iter().filter_map(find).collect(),
            active: route.active_time_intervals.iter().filter_map(find).collect(),
        }
    }

    fn find(&self, name: &str) -> Option<Place> {
        self.0.binary_search_by(|it| (*it.interval.name).cmp(name)).ok()
    }

    /// The interval of a place, if it holds at `now`: none does while no time is known. It is asked once a minute.
    fn holding(&self, place: Place, now: Option<Wall>) -> Option<&Arc<TimeInterval>> {
        let (Interval { interval, known }, now) = (self.0.get(place)?, now?);
        let minute = now.as_ms().div_euclid(60_000);
        let holds = known.get().filter(|it| it.0 == minute);
        let holds = holds.map_or_else(|| interval.contains(now), |it| it.1);
        known.set(Some((minute, holds)));
        holds.then_some(interval)
    }

    /// Whether an interval of the config holds at `now`: none does while no time is known.
    pub fn holds(&self, interval: &TimeInterval, now: Option<Wall>) -> bool {
        self.find(&interval.name).is_some_and(|place| self.holding(place, now).is_some())
    }

    /// The names of a route's mute intervals that hold at `now`, and, if it has active intervals and none holds, theirs.
    /// While no time is known nothing is muted.
    pub fn muted_by(&self, route: &RouteIntervals, now: Option<Wall>) -> Vec<Arc<str>> {
        let name = |it: &Arc<TimeInterval>| Arc::clone(&it.name);
        if self.is_inactive(route, now) {
            let active = route.active.iter().filter_map(|place| self.0.get(*place));
            return active.map(|it| name(&it.interval)).collect();
        }
        route.mute.iter().filter_map(|place| self.holding(*place, now)).map(name).collect()
    }

    /// Whether a route has active intervals and none of them holds at `now`, if a time is known.
    pub fn is_inactive(&self, route: &RouteIntervals, now: Option<Wall>) -> bool {
        let is_bound = now.is_some() && !route.active.is_empty();
        is_bound && !route.active.iter().any(|it| self.holding(*it, now).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::route::Routes;
    use crate::core::testing::{config, route};

    #[test]
    fn an_interval_is_asked_once_a_minute_for_all_routes() {
        let interval = |name: &str| TimeInterval { name: name.into(), periods: Vec::new() };
        let mut root = route("r", &[]);
        root.mute_time_intervals = vec!["b".into(), "a".into(), "unknown".into()];
        let mut config = config(root);
        config.time_intervals = ["b", "a"].map(|name| Arc::new(interval(name))).into();
        let routes = Routes::new(&config);
        let muted =
            |secs| routes.intervals.muted_by(&routes.at(0).intervals, Some(Wall::from_secs(secs)));
        assert!(muted(59).is_empty());
        assert_eq!(routes.intervals.0[1].known.get(), Some((0, false)));
        routes.intervals.0[1].known.set(Some((0, true)));
        assert_eq!(muted(0), ["b".into()]);
        assert!(routes.intervals.holds(&interval("b"), Some(Wall::from_secs(59))));
        assert!(muted(60).is_empty());
    }
}
