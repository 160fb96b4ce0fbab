//! Silences that the config declares. While its time intervals hold, each is in the table of silences like any other, by an id
//! that is made of its name. It is on no flash and told to no member, for each has its own config; and nobody can change it but
//! by the config.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use log::{error, info};

use crate::config::DeclaredSilence;
use crate::core::Core;
use crate::core::silences::SilenceError;
use crate::core::timers::Timer;
use crate::model::hash::fnv128;
use crate::model::silence::DECLARED;
use crate::model::{Brief, Silence, SilenceId};
use crate::time::{Now, Wall};

/// Time intervals begin and end with a minute.
const MINUTE: Duration = Duration::from_secs(60);
/// How far ahead an end is looked for; one that lies later is looked for again then.
const AHEAD_MAX: Duration = Duration::from_secs(24 * 3600);
/// Clocks of all zones go forward and back at one of these times.
const CHANGE_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// How many periods are looked at for all ends: of thousands the ends are looked for again, some minutes later.
const PERIODS_MAX: usize = 50_000;
/// The key of the trouble that there is no room.
const FULL: &str = "silences of the config";

impl Core {
    /// Whether the config declares the silence of this id.
    pub fn is_declared(&self, id: SilenceId) -> bool {
        self.declared.contains(&id)
    }

    /// Refuses to change a silence that the config declares.
    pub(in crate::core) fn refuse_declared(&self, id: SilenceId) -> Result<(), SilenceError> {
        let named = self.config.silences.iter().find(|it| id_of(it) == id);
        named.map_or(Ok(()), |it| {
            let name = Brief(&it.name);
            Err(SilenceError::Invalid(format!(
                "silence {id} is declared in the config, as {name}: change it there and reload"
            )))
        })
    }

    /// Takes those declared silences into the table of which the time has come, and the others out of it.
    pub(in crate::core) fn declare(&mut self, now: Now) {
        let config = Arc::clone(&self.config);
        let wanted: BTreeSet<SilenceId> = config.silences.iter().map(id_of).collect();
        for gone in self.declared.difference(&wanted) {
            self.silences.withdraw(*gone);
        }
        self.declared = wanted;
        let mut looks = PERIODS_MAX;
        let refused = |it: &&DeclaredSilence| !self.declare_one(now.wall, it, &mut looks);
        match config.silences.iter().filter(refused).map(|it| Brief(&it.name)).last() {
            Some(name) => {
                let why = format!("silence {name} of the config does not mute: the table is full");
                if self.refused.strike(&FULL, &why, now).is_some() {
                    error!("{why}");
                }
            }
            None if self.refused.end(&FULL, now.mono).is_some() => {
                info!("the silences of the config have room again");
            }
            None => {}
        }
        if !config.silences.is_empty() {
            let next = next_minute(now.wall);
            self.timers.set(Timer::Declared, now.mono + next.since(now.wall));
        }
    }

    /// The clock has stepped, or a config has come: what was declared is looked at anew.
    pub(in crate::core) fn declare_anew(&mut self, now: Now) {
        for id in &self.declared {
            self.silences.withdraw(*id);
        }
        self.declare(now);
    }

    /// Returns whether there is room for it, if it mutes now.
    fn declare_one(&mut self, now: Wall, declared: &DeclaredSilence, looks: &mut usize) -> bool {
        let id = id_of(declared);
        let known = self.silences.get(id);
        let intervals = &declared.time_intervals;
        if !intervals.is_empty()
            && !intervals.iter().any(|it| self.routes.intervals.holds(it, self.calendar(now)))
        {
            self.silences.withdraw(id);
            return true;
        }
        if known.is_some_and(|it| it.ends_at > now + MINUTE) {
            return true;
        }
        let ends_at = end(declared, now, looks);
        if known.is_some_and(|it| it.ends_at == ends_at) {
            return true;
        }
        let silence = Silence {
            id,
            matchers: declared.matchers.clone(),
            starts_at: known.map_or(now, |it| it.starts_at),
            ends_at,
            updated_at: now,
            created_by: "config".into(),
            comment: Arc::clone(&declared.comment),
            annotations: [(DECLARED, &*declared.name)].into_iter().collect(),
        };
        let has_room = self.silences.replace(silence);
        if has_room {
            self.tell_silence(id);
        }
        has_room
    }
}

fn id_of(declared: &DeclaredSilence) -> SilenceId {
    SilenceId::from_random(fnv128([DECLARED, &*declared.name]))
}

/// Whether it mutes at a time.
fn holds(declared: &DeclaredSilence, at: Wall) -> bool {
    let intervals = &declared.time_intervals;
    intervals.is_empty() || intervals.iter().any(|it| it.contains(at))
}

/// Until when it mutes that mutes now, as far as that is looked for. Looks where one of its intervals may change, and each
/// [`CHANGE_INTERVAL`]: 96 times a day, and at the beginning and end of each of its times. Looks at so many periods at most, and
/// takes them off `looks`.
fn end(declared: &DeclaredSilence, now: Wall, looks: &mut usize) -> Wall {
    let latest = now + AHEAD_MAX;
    if declared.time_intervals.is_empty() {
        return latest;
    }
    let periods: usize = declared.time_intervals.iter().map(|it| it.periods.len()).sum();
    let mut at = next_minute(now);
    while at < latest && holds(declared, at) {
        if *looks < periods {
            // If it does not mute by then, it is withdrawn before.
            return at + MINUTE;
        }
        *looks -= periods;
        let steady = declared.time_intervals.iter().map(|it| it.steady_minutes(at)).min();
        let change = CHANGE_INTERVAL.as_secs()
            - u64::try_from(at.as_ms() / 1000).unwrap_or(0) % CHANGE_INTERVAL.as_secs();
        at = at + Duration::from_secs(change.min(steady.unwrap_or(1).max(1) * 60));
    }
    at.min(latest)
}

/// When the next minute begins.
fn next_minute(now: Wall) -> Wall {
    Wall::from_secs((now.as_ms().div_euclid(60_000) + 1) * 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::route::Routes;
    use crate::limits::SILENCES_MAX;
    use crate::notify::testing;
    use crate::time::Mono;

    const CONFIG: &str = "
route: {receiver: r}
receivers: [{name: r}]
time_intervals:
- name: n
  time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}, {start_time: '00:00', end_time: '02:47'}], location: ZONE}]
- {name: days, time_intervals: [{days_of_month: ['-1', '1'], location: ZONE}, {weekdays: [sunday], location: ZONE}]}
silence:
- {name: night, matchers: ['a=b'], time_intervals: [n]}
- {name: both, matchers: ['a=b'], time_intervals: [n, days]}
";

    #[test]
    fn a_declared_silence_ends_in_the_minute_in_which_it_no_longer_holds() {
        let zones =
            ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"];
        for zone in zones {
            let config = testing::load(&CONFIG.replace("ZONE", zone)).unwrap().config;
            for declared in &config.silences {
                // Days on which the clocks of one of these zones change, and others.
                for day in [0, 66, 87, 94, 276, 297, 304] {
                    let start = Wall::from_secs(1_767_225_600 + day * 86_400 + 1);
                    let begins = (0..48_u32).map(|at| start + Duration::from_secs(1800) * at);
                    for now in begins.filter(|now| holds(declared, *now)) {
                        let mut at = next_minute(now);
                        while at < now + AHEAD_MAX && holds(declared, at) {
                            at = at + MINUTE;
                        }
                        let expected = at.min(now + AHEAD_MAX);
                        assert_eq!(
                            end(declared, now, &mut PERIODS_MAX.clone()),
                            expected,
                            "{zone} {} {now}",
                            declared.name
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn of_thousands_of_periods_an_end_is_looked_for_in_parts() {
        let config = testing::load(&CONFIG.replace("ZONE", "UTC")).unwrap().config;
        let (both, now) = (&config.silences[1], Wall::from_secs(1_767_225_600 + 22 * 3600));
        let mut looks = 4 * 3 + 2;
        let first = end(both, now, &mut looks);
        assert_eq!(looks, 2);
        assert!(first >= now + MINUTE * 2 && first < end(both, now, &mut PERIODS_MAX.clone()));
        assert_eq!(end(both, now, &mut looks), now + MINUTE * 2);
    }

    #[test]
    fn a_table_without_room_is_one_trouble_until_there_is_room() {
        let now = Now { mono: Mono::ZERO, wall: Wall::from_secs(1_767_225_600 + 23 * 3600) };
        let at = |secs| {
            let by = Duration::from_secs(secs);
            Now { mono: now.mono + by, wall: now.wall + by }
        };
        let none = testing::load("route: {receiver: r}\nreceivers: [{name: r}]\n").unwrap().config;
        let mut core = Core::new(Arc::new(none), crate::core::Options::default(), now);
        let config = testing::load(&CONFIG.replace("ZONE", "UTC")).unwrap().config;
        let id = |at: usize| SilenceId::from_random(at as u128);
        for count in 0..SILENCES_MAX {
            let silence = Silence {
                id: id(count),
                matchers: config.silences[0].matchers.clone(),
                starts_at: now.wall,
                ends_at: Wall::MAX,
                updated_at: now.wall,
                created_by: "me".into(),
                comment: "".into(),
                annotations: crate::model::Labels::empty(),
            };
            assert!(core.silences.replace(silence));
        }
        core.routes = Routes::new(&config);
        core.config = Arc::new(config);
        for minute in 0..3 {
            core.declare(at(minute * 60));
            let trouble = core.refused.get(&FULL).unwrap();
            assert_eq!((trouble.times, trouble.since), (minute + 1, now.mono));
        }
        core.silences.withdraw(id(0));
        core.silences.withdraw(id(1));
        core.declare(at(240));
        assert_eq!(core.refused.get(&FULL), None);
        assert_eq!(core.declared.iter().filter(|it| core.silences.get(**it).is_some()).count(), 2);
    }
}
