//! A notification whose log entry is on flash is not sent again after a restart.

use std::rc::Rc;

use crate::receiver::Told;
use crate::world::{Post, REROUTED, World};

/// Others may have told something near to it in time, and the later log entry holds.
const NEAR_MS: u64 = 60_000;

#[derive(Debug, Default)]
pub(crate) struct Repeat {
    checked: usize,
}

impl Repeat {
    pub(crate) fn look(&mut self, world: &World) -> Result<(), String> {
        let whole = world.told.iter().enumerate().filter(|(_, told)| !told.is_cut);
        for (at, told) in whole.skip_while(|(at, _)| *at < self.checked) {
            let of_group = || {
                world.told[..at]
                    .iter()
                    .filter(|it| it.group == told.group && it.receiver == told.receiver)
            };
            let on_flash = |it: &&Told| {
                it.kept && it.seat == told.seat && Some(it.at) > world.seats[it.seat].wiped_at
            };
            let Some(before) = of_group().rfind(on_flash) else { continue };
            let alone =
                of_group().all(|it| std::ptr::eq(it, before) || it.at + NEAR_MS < before.begun);
            let fires = told.firing.is_subset(&before.firing);
            // Alerts that nodes raise of themselves have one name. Those that are in logs of two nodes that had
            // not heard of each other are told once more.
            let alone_ever = !told.group.is_empty() && of_group().all(|it| it.seat == told.seat);
            // An alert that fired anew and went, and was not told meanwhile, is news.
            let is_news = |name: &Rc<str>| {
                let after = |post: &&Post| post.taken_at > Some(before.begun);
                let alerts = world.posts.iter().filter(after).flat_map(|post| &post.alerts);
                alerts.filter(|it| !it.ended).any(|it| it.name == *name)
            };
            let first = !told.firing.is_empty() && told.reason.contains("first");
            // Under another route it is another group.
            let rerouted = told.group.starts_with(REROUTED) && world.rerouted > Some(before.begun);
            if alone
                && !rerouted
                && before.answered_at < Some(told.begun)
                && fires
                && (first
                    || alone_ever
                        && told.resolved.is_subset(&before.resolved)
                        && !told.resolved.iter().any(is_news))
            {
                return Err(format!(
                    "n{} tells of {} at {} what it told at {} and had on flash",
                    told.seat, told.group, told.at, before.at
                ));
            }
        }
        self.checked = world.told.len();
        Ok(())
    }
}
