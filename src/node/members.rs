//! The members that have not said goodbye. They are stored on flash, so that after a power cut of the whole site the members that
//! return still report one that does not. Flash is written when a member comes, goes or is another, never while all is quiet.

use std::net::SocketAddr;
use std::time::Duration;

use log::{debug, info, warn};

use crate::box_map::BoxMap;
use crate::core::step::Step;
use crate::effect::Cx;
use crate::gossip::Gossip;
use crate::limits::MEMBERS_MAX;
use crate::model::Word;
use crate::node::Node;
use crate::node::kinds;
use crate::store::JournalRecord;
use crate::time::{Mono, Wall};
use crate::wire::record::Member;

/// A member that is not heard for so long after the start is down. An alert of ours that fired before lasts longer.
const BACK_WITHIN: Duration = Duration::from_secs(4 * 60);
/// A member that was down for so long is no longer expected.
const MISSED_FOR: Duration = Duration::from_secs(14 * 24 * 3600);
/// A member that falls silent is down by then.
const DOWN_WITHIN: Duration = Duration::from_secs(5 * 60);

/// The members that are known, by node id.
#[derive(Debug, Default)]
pub(super) struct Members {
    known: BoxMap<u64, Known>,
    /// When those that have not been heard since the start are down.
    back_by: Option<Mono>,
}

#[derive(Debug)]
struct Known {
    member: Member,
    /// Whether it was met since the start.
    is_met: bool,
    /// When it was met first, if flash did not have it.
    new: Option<Mono>,
}

impl Members {
    /// The name of a member; its id, if it has none.
    pub(super) fn name(&self, node: u64) -> String {
        let known = self.get(node).map(|it| it.name.clone());
        known.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("{node:016x}"))
    }

    /// Since when a member is down, if it is.
    pub(super) fn gone(&self, node: u64) -> Option<Wall> {
        self.get(node)?.gone
    }

    /// When those that have not been met since the start are down.
    pub(super) const fn due(&self) -> Option<Mono> {
        self.back_by
    }

    fn get(&self, node: u64) -> Option<&Member> {
        self.known.get(&node).map(|it| &it.member)
    }

    /// Takes back a member that flash has stored, unless it was met meanwhile.
    pub(super) fn restore(&mut self, node: u64, member: Member) {
        if self.known.len() < MEMBERS_MAX {
            let known = Known { member, is_met: false, new: None };
            self.known.get_or_insert_with(node, || known);
        }
    }

    /// Moves all times along when the clock steps.
    pub(super) fn step(&mut self, step: Step) {
        let gone = self.known.values_mut().filter_map(|it| it.member.gone.as_mut());
        gone.for_each(|at| *at = step.time(*at));
    }

    /// The records of all.
    pub(super) fn records(&self) -> impl Iterator<Item = JournalRecord> {
        self.known.iter().map(|(node, it)| kinds::member(*node, &it.member))
    }

    /// Takes note of a member. Where there is no room it takes the place of the one that has been down for longest. Returns
    /// the records of what is news.
    fn put(&mut self, node: u64, member: Member, now: Mono) -> Vec<JournalRecord> {
        if let Some(known) = self.known.get_mut(&node) {
            known.is_met |= member.gone.is_none();
            if known.member == member {
                return Vec::new();
            }
            known.member = member;
            return vec![kinds::member(node, &known.member)];
        }
        let mut records = vec![kinds::member(node, &member)];
        if self.known.len() >= MEMBERS_MAX {
            let gone = self.known.iter().filter_map(|(node, it)| Some((it.member.gone?, *node)));
            let Some((_, oldest)) = gone.min() else { return Vec::new() };
            records.extend(self.remove(oldest));
        }
        self.known.insert(node, Known { member, is_met: true, new: Some(now) });
        records
    }

    fn remove(&mut self, node: u64) -> Option<JournalRecord> {
        self.known.remove(&node)?;
        Some(kinds::member_gone(node))
    }
}

impl Node {
    /// A member is up. One that only others have told of is noted when it is met.
    pub(super) fn note_up(&mut self, cx: &mut Cx<'_>, node: u64) {
        let now = cx.now.mono;
        let (name, addr) = self.seat(now, node);
        if addr.is_none() {
            return;
        }
        let members = &self.around.members;
        let mut former = Vec::new();
        if members.get(node).is_none() {
            // A node that has lost its flash comes back as another.
            let living = self.gossip.as_ref().map(Gossip::living).unwrap_or_default();
            let is_it = |it: &Member| it.addr == addr || (!name.is_empty() && it.name == name);
            let known = members.known.iter().map(|(node, it)| (*node, &it.member));
            let same = known.filter(|(node, it)| !living.contains(node) && is_it(it));
            former.extend(same.map(|(node, _)| node));
        }
        let (mut said, mut records) = (false, Vec::new());
        for it in former.iter().chain([&node]) {
            if let Some(it) = self.around.down.end(it, now) {
                info!("flock: member {name} is back after {}", it.age(now));
                said = true;
            }
        }
        records.extend(former.into_iter().filter_map(|it| self.around.members.remove(it)));
        if !said {
            debug!("flock: member {name} is there");
        }
        records.extend(self.around.members.put(node, Member { name, addr, gone: None }, now));
        self.persist(cx, records);
        self.look_soon(now);
    }

    /// A member is down; one that said goodbye is no trouble.
    pub(super) fn note_down(&mut self, cx: &mut Cx<'_>, node: u64, left: bool) {
        let now = cx.now.mono;
        let known = self.around.members.known.get(&node);
        if left && known.is_some_and(|it| !it.is_met) {
            // Only others said that it was up; it may still come back.
            return;
        }
        let known = known.map(|it| it.member.clone()).unwrap_or_default();
        let (name, addr) = Some(self.seat(now, node))
            .filter(|it| it.1.is_some())
            .unwrap_or((known.name, known.addr));
        if left || self.is_renewed(now, node, &name, addr) {
            self.around.down.end(&node, now);
            info!("flock: member {} has left", self.around.members.name(node));
            let gone = self.around.members.remove(node);
            self.persist(cx, gone.into_iter().collect());
            self.look_soon(now);
            return;
        }
        let at = addr.map_or_else(String::new, |addr| format!(" at {addr}"));
        let why = format!("{name}{at} does not answer");
        match self.around.down.strike(&node, &why, cx.now) {
            Some((Word::Begins, _)) => {
                warn!("flock: member {why}: it is taken for down, others take its turns");
            }
            Some((Word::Lasts, it)) => {
                warn!("flock: member {why}, as {} times before", it.times - 1);
            }
            None => debug!("flock: member {why}"),
        }
        let gone = known.gone.or(Some(cx.now.wall));
        let records = self.around.members.put(node, Member { name, addr, gone }, now);
        self.persist(cx, records);
        self.look_soon(now);
    }

    /// Takes note of members that have been met, or are at another address.
    pub(super) fn note_met_members(&mut self, cx: &mut Cx<'_>) {
        let Some(gossip) = &self.gossip else { return };
        for node in gossip.living() {
            self.note_up(cx, node);
        }
    }

    /// Waits for the members that were there before the start.
    pub(super) fn await_members(&mut self, now: Mono) {
        let is_awaited = self.is_member() && !self.around.members.known.is_empty();
        self.around.members.back_by = is_awaited.then_some(now + BACK_WITHIN);
    }

    /// Takes members for down that have not come back, and forgets those that have been down for long.
    pub(super) fn sweep_members(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now;
        if self.around.members.back_by.take_if(|at| *at <= now.mono).is_some() {
            let known = self.around.members.known.iter();
            let unmet = known.filter(|(_, it)| !it.is_met).map(|(node, _)| *node);
            for node in unmet.collect::<Vec<_>>() {
                self.note_down(cx, node, false);
            }
        }
        let known = self.around.members.known.iter();
        let is_over =
            |it: &Known| it.member.gone.is_some_and(|at| now.wall.since(at) >= MISSED_FOR);
        let over = known.filter(|(_, it)| is_over(it)).map(|(node, _)| *node);
        let mut records = Vec::new();
        for node in over.collect::<Vec<_>>() {
            self.around.down.end(&node, now.mono);
            records.extend(self.around.members.remove(node));
        }
        self.persist(cx, records);
    }

    /// Whether another member has been met, since this one can have been heard last, under its name or where it was: it is the
    /// same machine, with empty flash.
    fn is_renewed(&self, now: Mono, node: u64, name: &str, addr: Option<SocketAddr>) -> bool {
        let mut others = self.around.members.known.iter().filter(|(other, _)| **other != node);
        let is_new = |it: &Known| it.new.is_some_and(|at| now.since(at) < DOWN_WITHIN);
        let is_it = |it: &Member| {
            (addr.is_some() && it.addr == addr) || (!name.is_empty() && it.name == name)
        };
        others.any(|(_, it)| it.member.gone.is_none() && is_new(it) && is_it(&it.member))
    }

    fn seat(&self, now: Mono, node: u64) -> (String, Option<SocketAddr>) {
        let members = self.gossip.as_ref().map(|gossip| gossip.members(now)).unwrap_or_default();
        let member = members.into_iter().find(|member| member.node == node);
        member.map_or_else(Default::default, |it| (it.name, it.addr))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::own::MEMBER_DOWN;
    use crate::node::testing::World;

    const KEY: Option<[u8; 32]> = Some([7; 32]);

    fn down(name: &str) -> Vec<(&'static str, String)> {
        vec![(MEMBER_DOWN, name.to_owned())]
    }

    #[test]
    fn a_member_that_does_not_come_back_after_a_power_cut_of_all_is_an_alert() {
        let mut world = World::new(&[KEY; 3]);
        world.pass(60);
        world.dead = vec![0, 1, 2];
        world.pass(5);
        world.start(0);
        world.start(1);
        world.pass(200);
        assert_eq!((world.troubles(0), world.firing(0)), (vec![], vec![]), "it may come yet");
        world.pass(60);
        for at in [0, 1] {
            assert_eq!(world.troubles(at), down("node-2"));
            assert_eq!(world.firing(at), [MEMBER_DOWN], "{at}");
        }
        let why = &world.nodes[0].troubles()[0].trouble.why;
        assert_eq!(why, "node-2 at 10.0.0.2:9094 does not answer");
        world.start(2);
        world.pass(360);
        assert_eq!((world.troubles(0), world.firing(0)), (vec![], vec![]));
        assert_eq!((world.troubles(2), world.firing(1)), (vec![], vec![]));
    }

    #[test]
    fn a_restart_of_the_last_member_ends_no_alert_of_one_that_is_down() {
        let mut world = World::new(&[KEY; 2]);
        world.pass(60);
        world.dead = vec![0];
        world.pass(150);
        assert_eq!(world.firing(1), [MEMBER_DOWN]);
        let flash = world.flash[1].clone();
        for _ in 0..2 {
            world.start(1);
            for _ in 0..20 {
                world.pass(60);
                assert_eq!(world.firing(1), [MEMBER_DOWN]);
            }
        }
        assert_eq!(world.troubles(1), down("node-0"));
        let day = Duration::from_secs(24 * 3600);
        world.now.wall = world.now.wall + day * 13;
        world.flash[1] = flash;
        world.start(1);
        world.pass(300);
        assert_eq!(world.firing(1), [MEMBER_DOWN]);
        let mut longer = world.flash[1].clone();
        world.start(0);
        world.pass(60);
        assert_eq!(world.troubles(1), []);
        world.pass(300);
        assert_eq!(world.firing(1), Vec::<String>::new());
        // One that does not come back at all is forgotten.
        world.dead = vec![0];
        world.flash[1].clear();
        world.flash[1].append(&mut longer);
        world.now.wall = world.now.wall + day * 2;
        world.start(1);
        world.pass(600);
        assert_eq!((world.troubles(1), world.firing(1)), (vec![], vec![]));
    }

    #[test]
    fn a_machine_with_a_new_card_is_the_same_member() {
        for silence in [5, 150] {
            let mut world = World::new(&[KEY; 3]);
            world.pass(60);
            world.dead = vec![2];
            world.pass(silence);
            assert_eq!(world.firing(0).len(), usize::from(silence > 100));
            world.flash[2].clear();
            world.start(2);
            world.pass(400);
            for at in 0..3 {
                assert_eq!((world.troubles(at), world.firing(at)), (vec![], vec![]), "{silence}");
                let members = world.nodes[at].flock().unwrap().members(world.now.mono);
                let names: Vec<_> = members.iter().map(|it| &*it.name).collect();
                assert_eq!(names.len(), 2, "{silence}: {names:?}");
            }
            let told = world.asked.iter().filter(|it| it.2).count();
            assert_eq!(told, if silence > 100 { 2 } else { 0 }, "one alert, and its end");
            for at in [0, 1] {
                world.dead.clear();
                world.start(at);
            }
            world.pass(400);
            assert_eq!((world.troubles(0), world.firing(0)), (vec![], vec![]), "nor later");
        }
    }

    #[test]
    fn a_member_that_has_left_is_not_awaited_and_a_quiet_flock_writes_nothing() {
        let mut world = World::new(&[KEY; 3]);
        world.pass(60);
        let writes = world.writes;
        world.pass(3600);
        assert_eq!(world.writes, writes);
        world.step(2, Node::handle_leave);
        world.dead = vec![2];
        world.pass(5);
        world.start(0);
        world.pass(400);
        assert_eq!((world.troubles(0), world.firing(0)), (vec![], vec![]));
    }

    #[test]
    fn so_many_members_are_remembered_and_no_more() {
        let mut members = Members::default();
        let of =
            |gone: Option<i64>| Member { gone: gone.map(Wall::from_secs), ..Member::default() };
        for node in 0..MEMBERS_MAX as u64 {
            let gone = [(5, 50), (7, 40)].into_iter().find(|it| it.0 == node).map(|it| it.1);
            assert_eq!(members.put(node, of(gone), Mono::ZERO).len(), 1);
            assert_eq!(members.put(node, of(gone), Mono::ZERO).len(), 0, "no news");
        }
        for (node, gone, records) in [(1000, 7, 2), (1001, 5, 2), (1002, 5, 0)] {
            assert_eq!(members.put(node, of(None), Mono::ZERO).len(), records);
            assert!(members.get(gone).is_none());
        }
        members.restore(1002, of(None));
        assert_eq!((members.records().count(), members.get(1002)), (MEMBERS_MAX, None));
    }
}
