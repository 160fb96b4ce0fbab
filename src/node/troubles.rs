//! Faults around this node: members that are down, senders with another key, receivers that fail. These and the faults of this
//! node itself are one list. Each is logged when it begins and ends, shown in the status, and raised as an alert of our own. Which
//! members are missing is decided in `members`.

use std::net::IpAddr;
use std::time::Duration;

use log::{info, warn};

use crate::box_map::BoxMap;
use crate::effect::Cx;
use crate::gossip::{Gossip, Unheard};
use crate::limits::{OWN_ALERTS_OF_A_KIND_MAX, UNHEARD_MAX};
use crate::model::own::{KEY_MISMATCH, MEMBER_DOWN, RECEIVER_FAILING};
use crate::model::{Alert, Trouble, Troubles, Word};
use crate::node::Node;
use crate::node::faults::Fault;
use crate::node::members::Members;
use crate::node::own::{Labels, Wanted};
use crate::time::{Mono, Now};

/// A receiver that has failed for so long is worth an alert: shorter outages are waited out.
const FAILING_FOR: Duration = Duration::from_secs(5 * 60);
/// A sender with another key says hello more often than that.
const UNHEARD_FOR: Duration = Duration::from_secs(3 * 60);
/// Between two looks at what lasts.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The troubles of the flock, and the alerts that were raised of them.
#[derive(Debug, Default)]
pub(super) struct Around {
    /// Members that are down, by node id.
    pub(super) down: Troubles<u64>,
    pub(super) members: Members,
    /// Senders whose datagrams cannot be read, by address.
    unheard: Troubles<IpAddr>,
    heard_as: BoxMap<IpAddr, Unheard>,
    /// Faults of this node itself.
    pub(super) ours: Troubles<Fault>,
    /// Labels of our alerts that fire, which only we raise.
    raised: Vec<Labels>,
    /// The alerts that were owed and cut, when that was looked at last.
    cut: u64,
    /// When it is to be looked at again.
    due: Option<Mono>,
}

/// A trouble as status pages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TroubleView {
    /// The alert's name.
    pub name: &'static str,
    /// Its object: `default/webhook[0]`, a member's name, an address.
    pub what: String,
    /// Since when, how often and why.
    pub trouble: Trouble,
}

impl Node {
    /// All troubles, for status pages.
    pub fn troubles(&self) -> Vec<TroubleView> {
        let view =
            |name, what, trouble: &Trouble| TroubleView { name, what, trouble: trouble.clone() };
        let failing = self.core.failing().iter();
        let failing = failing.map(|((receiver, integration, index), it)| {
            view(RECEIVER_FAILING, format!("{receiver}/{integration}[{index}]"), it)
        });
        let around = &self.around;
        let down = around.down.lasting();
        let down = down.map(|(node, it)| view(MEMBER_DOWN, around.members.name(*node), it));
        let unheard = around.unheard.lasting();
        let unheard = unheard.map(|(ip, it)| view(KEY_MISMATCH, around.address(*ip), it));
        let ours = around.ours.lasting().map(|((name, what), it)| view(name, what.clone(), it));
        failing.chain(down).chain(unheard).chain(ours).collect()
    }

    /// When [`Node::look_around`] wants to be called.
    pub(super) fn around_timeout(&self) -> Option<Mono> {
        self.around.due.into_iter().chain(self.around.members.due()).min()
    }

    /// A datagram with another key or cluster name has come.
    pub(super) fn note_unheard(&mut self, now: Now, unheard: Unheard) {
        let ip = unheard.from.ip();
        let around = &mut self.around;
        if around.unheard.len() >= UNHEARD_MAX && !around.heard_as.contains_key(&ip) {
            // Strangers can be made up; a static peer, which is told of as an alert, takes the place of one.
            let stranger = around.heard_as.iter().find(|(_, it)| !it.is_peer).map(|(ip, _)| *ip);
            let Some(stranger) = stranger.filter(|_| unheard.is_peer) else { return };
            around.heard_as.remove(&stranger);
            around.unheard.retain(|ip| *ip != stranger);
        }
        let ours = self.gossip.as_ref().map(Gossip::key_ids).unwrap_or_default();
        let why = mismatch(&unheard, &ours);
        around.heard_as.insert(ip, unheard);
        match around.unheard.strike(&ip, &why, now) {
            Some((Word::Begins, _)) => warn!("flock: {why}"),
            Some((Word::Lasts, it)) => warn!("flock: for {}: {why}", it.age(now.mono)),
            None => return,
        }
        self.look_soon(now.mono);
    }

    pub(super) fn look_soon(&mut self, now: Mono) {
        self.around.due = Some(now);
    }

    /// Sees to it that failing receivers are looked at when they are worth an alert, and what was cut of the owed at once.
    pub(super) fn watch_receivers(&mut self) {
        let cut = self.core.stats().owed_cut;
        if std::mem::replace(&mut self.around.cut, cut) != cut {
            self.around.due = Some(Mono::ZERO);
        }
        let failing = self.core.failing().iter();
        let first = failing.map(|(_, it)| it.since + FAILING_FOR.saturating_sub(it.before())).min();
        self.around.due = match (first, self.around.due) {
            (Some(first), None) => Some(first),
            (_, due) => due,
        };
    }

    /// Goes on with the failures of receivers of which alerts fired before the start.
    pub(super) fn resume_failing(&mut self, now: Now) {
        let instance = &*self.options().external_url;
        let ours = [("alertname", RECEIVER_FAILING), ("instance", instance)];
        let is_ours =
            |it: &Alert| ours.iter().all(|(name, value)| it.labels.get(name) == Some(value));
        let fire = self.alerts().filter(|(_, it, _)| !it.resolved(now.wall) && is_ours(it));
        let known = |alert: &Alert| {
            let (integration, index) = alert.labels.get("integration")?.split_once('[')?;
            let index = index.strip_suffix(']')?.parse().ok()?;
            let key = (alert.labels.get("receiver")?.into(), integration.into(), index);
            let (_, why) = alert.annotations.get("summary")?.split_once(" fail: ")?;
            Some((key, why.to_owned(), now.wall.since(alert.starts_at) + FAILING_FOR))
        };
        let known: Vec<_> = fire.filter_map(|(_, alert, _)| known(alert)).collect();
        for (key, why, before) in known {
            self.core.restore_failing(now, &key, &why, before);
        }
    }

    /// Raises the alerts of what lasts, and ends those of what is over.
    pub(super) fn look_around(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now.mono;
        if self.around_timeout().is_none_or(|due| due > now) {
            return;
        }
        self.core.sweep_failing(now);
        self.around.sweep(now);
        self.sweep_faults(cx.now);
        self.sweep_members(cx);
        self.note_split(cx.now);
        let wanted = if self.options().own_alerts { self.wanted(now) } else { Vec::new() };
        let raised = wanted.iter().filter(|it| it.ours).map(|it| it.labels.clone()).collect();
        for gone in std::mem::replace(&mut self.around.raised, raised) {
            if !self.around.raised.contains(&gone) {
                self.end_own(cx, &gone);
            }
        }
        let lasts = !wanted.is_empty() || self.has_troubles();
        for it in wanted {
            self.keep_own(cx, &it.labels, &it.summary);
        }
        self.around.due = lasts.then_some(now + LOOK_EVERY);
    }

    fn has_troubles(&self) -> bool {
        self.core.failing().iter().next().is_some()
            || !self.around.down.is_empty()
            || !self.around.unheard.is_empty()
            || !self.around.ours.is_empty()
    }

    /// The alerts that are to fire; of each kind no more than there is room for.
    fn wanted(&self, now: Mono) -> Vec<Wanted> {
        let instance = self.options().external_url.to_string();
        let max = OWN_ALERTS_OF_A_KIND_MAX;
        let failing = self.core.failing().iter().filter(|(_, it)| it.lasted(now) >= FAILING_FOR);
        let failing = failing.take(max).map(|((receiver, integration, index), it)| Wanted {
            labels: vec![
                ("alertname", RECEIVER_FAILING.to_owned()),
                ("instance", instance.clone()),
                ("integration", format!("{integration}[{index}]")),
                ("receiver", receiver.to_string()),
                ("severity", "critical".to_owned()),
            ],
            summary: format!("Notifications to {receiver}/{integration}[{index}] fail: {}", it.why),
            ours: true,
        });
        let down = self.around.down.lasting().take(max).map(|(node, it)| Wanted {
            labels: vec![
                ("alertname", MEMBER_DOWN.to_owned()),
                ("member", self.around.members.name(*node)),
                ("severity", "warning".to_owned()),
            ],
            summary: format!("The flock's member {}", it.why),
            ours: false,
        });
        // Other nodes on the same network may have another key for good reasons.
        let expected = |ip: &IpAddr| {
            self.around.heard_as.get(ip).is_some_and(|it| it.is_peer && !it.other_cluster)
        };
        let unheard = self.around.unheard.lasting().filter(|(ip, _)| expected(ip));
        let unheard = unheard.take(max).map(|(ip, it)| Wanted {
            labels: vec![
                ("alertname", KEY_MISMATCH.to_owned()),
                ("instance", instance.clone()),
                ("peer", self.around.address(*ip)),
                ("severity", "warning".to_owned()),
            ],
            summary: it.why.clone(),
            ours: true,
        });
        failing.chain(down).chain(unheard).chain(self.wanted_of_us(now, &instance)).collect()
    }
}

impl Around {
    fn address(&self, ip: IpAddr) -> String {
        self.heard_as.get(&ip).map_or_else(|| ip.to_string(), |it| it.from.to_string())
    }

    fn sweep(&mut self, now: Mono) {
        let silent = self.unheard.lasting().filter(|(_, it)| now.since(it.last) >= UNHEARD_FOR);
        for ip in silent.map(|(ip, _)| *ip).collect::<Vec<_>>() {
            if let Some(it) = self.unheard.end(&ip, now) {
                info!("flock: over after {}: {}", it.age(now), it.why);
            }
        }
        self.down.sweep(now);
        self.unheard.sweep(now);
        let unheard = &self.unheard;
        self.heard_as.retain(|ip, _| unheard.knows(ip));
    }
}

/// The reason why datagrams of a sender cannot be read, and the way to mend it.
fn mismatch(unheard: &Unheard, ours: &[u16]) -> String {
    let Unheard { from, key_id, other_cluster, is_peer } = unheard;
    let who = if *is_peer { format!("the peer {from}") } else { format!("{from}") };
    if *other_cluster {
        return format!("{who} is of another cluster: give both the same --cluster.label");
    }
    let keys: Vec<String> = ours.iter().map(|id| format!("{id:04x}")).collect();
    let ours =
        if keys.is_empty() { "has no key".to_owned() } else { format!("has {}", keys.join(", ")) };
    let theirs = if *key_id == 0 {
        "does not seal".to_owned()
    } else {
        format!("seals with key {key_id:04x}")
    };
    format!(
        "{who} {theirs}, this node {ours}, so neither hears the other: give both the same key file"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gossip::{KeyRing, Via};
    use crate::node::testing::{CONFIG, World, addr};

    const KEY: Option<[u8; 32]> = Some([7; 32]);

    #[test]
    fn a_receiver_that_fails_for_minutes_is_an_alert_until_it_delivers() {
        let mut world = World::new(&[None]);
        world.works = false;
        world.post("A");
        world.pass(120);
        assert_eq!(world.troubles(0), [(RECEIVER_FAILING, "r/webhook[0]".to_owned())]);
        assert_eq!(world.firing(0), ["A"], "an outage of minutes is waited out");
        world.post("A");
        world.pass(240);
        assert!(world.firing(0).contains(&RECEIVER_FAILING.to_owned()), "{:?}", world.firing(0));
        let trouble = &world.nodes[0].troubles()[0].trouble;
        assert!(trouble.times > 10 && trouble.why == "connection refused", "{trouble:?}");
        world.works = true;
        // It is tried again after a minute or so, and looked at a minute later.
        world.pass(240);
        assert_eq!(
            (world.troubles(0), world.firing(0).contains(&RECEIVER_FAILING.to_owned())),
            (vec![], false)
        );
    }

    #[test]
    fn a_receiver_that_fails_is_the_same_alert_after_a_restart() {
        let mut world = World::new(&[None]);
        world.works = false;
        let minutes = |world: &mut World, count: u64| {
            for _ in 0..count {
                world.post("A");
                world.pass(60);
            }
        };
        minutes(&mut world, 20);
        let since = |world: &World| {
            let mut alerts = world.nodes[0].alerts();
            let failing = |it: &str| it == RECEIVER_FAILING;
            let alert = alerts.find(|it| it.1.labels.get("alertname").is_some_and(failing));
            alert.filter(|it| !it.1.resolved(world.now.wall)).map(|it| it.1.starts_at)
        };
        let first = since(&world);
        assert!(first.is_some());
        world.restart(0);
        world.pass(1);
        let lasted = world.nodes[0].troubles()[0].trouble.lasted(world.now.mono).as_secs();
        assert!((19 * 60..=21 * 60).contains(&lasted), "{lasted}");
        for _ in 0..10 {
            minutes(&mut world, 1);
            assert_eq!(since(&world), first);
        }
        world.works = true;
        minutes(&mut world, 6);
        assert_eq!((since(&world), world.troubles(0)), (None, vec![]));
        // One that is no longer configured is not waited for.
        world.works = false;
        world.post("B");
        minutes(&mut world, 10);
        assert!(since(&world).is_some());
        world.restart_with(0, &CONFIG.replace("\"r\"", "\"other\""));
        assert_eq!(world.troubles(0), []);
    }

    #[test]
    fn of_many_receivers_that_fail_so_many_are_alerts_and_no_more() {
        let routes = (0..OWN_ALERTS_OF_A_KIND_MAX + 4).map(|at| {
            let route = format!("[[route.routes]]\nreceiver = \"r{at}\"\ncontinue = true\n");
            let hook = "webhook_configs = [{ url = \"http://127.0.0.1:1/\" }]";
            (route, format!("[[receivers]]\nname = \"r{at}\"\n{hook}\n"))
        });
        let (routes, receivers): (String, String) = routes.unzip();
        let config = CONFIG.replacen("[[", &format!("{routes}[["), 1) + &receivers;
        let mut world = World::with(&[None], &config);
        world.works = false;
        world.post("A");
        world.pass(400);
        let alerts = world.firing(0).iter().filter(|it| *it == RECEIVER_FAILING).count();
        assert_eq!(alerts, OWN_ALERTS_OF_A_KIND_MAX);
        assert!(world.troubles(0).len() > OWN_ALERTS_OF_A_KIND_MAX, "the status tells of all");
    }

    #[test]
    fn a_member_that_dies_is_one_alert_on_all_until_it_is_back() {
        let mut world = World::new(&[KEY; 3]);
        world.pass(30);
        assert_eq!(world.troubles(0), []);
        world.dead = vec![2];
        world.pass(150);
        for at in [0, 1] {
            assert_eq!(world.troubles(at), [(MEMBER_DOWN, "node-2".to_owned())]);
            assert_eq!(world.firing(at), [MEMBER_DOWN], "of both nodes");
        }
        let told = world.asked.iter().filter(|(at, _, _)| *at != 2).count();
        assert_eq!(told, 1, "told once by the flock: {:?}", world.asked);
        world.dead.clear();
        world.pass(60);
        assert_eq!(world.troubles(0), []);
        world.pass(300);
        assert_eq!(world.firing(0), Vec::<String>::new());
    }

    #[test]
    fn a_member_that_leaves_is_no_trouble() {
        let mut world = World::new(&[KEY; 2]);
        world.pass(30);
        world.receives_nothing = vec![1];
        world.step(1, Node::handle_leave);
        world.dead = vec![1];
        world.pass(200);
        assert_eq!((world.troubles(0), world.firing(0)), (vec![], vec![]));
    }

    #[test]
    fn a_peer_with_another_key_is_an_alert_on_both_until_both_have_the_same() {
        for other in [None, Some([8; 32])] {
            let mut world = World::new(&[KEY, other]);
            world.pass(60);
            for at in [0, 1] {
                assert_eq!(world.troubles(at), [(KEY_MISMATCH, addr(1 - at).to_string())]);
                assert_eq!(world.firing(at), [KEY_MISMATCH]);
            }
            world.step(1, |node, cx| node.handle_keys(cx, KeyRing::new(&[[7; 32]]).unwrap()));
            world.pass(300);
            assert_eq!((world.troubles(0), world.troubles(1)), (vec![], vec![]));
        }
    }

    #[test]
    fn strangers_fill_no_table_and_raise_no_alert() {
        let mut world = World::new(&[KEY]);
        let mut forged = vec![1, 9, 9];
        forged.resize(40, 0);
        for n in 0..200 {
            let from = ([192, 168, 0, n], 9094).into();
            world.step(0, |node, cx| node.handle_datagram(cx, from, Via::Unicast, &forged));
        }
        world.pass(2);
        assert!(world.troubles(0).len() <= UNHEARD_MAX);
        assert_eq!(world.firing(0), Vec::<String>::new());
    }

    #[test]
    fn a_forged_datagram_is_no_trouble_of_a_living_member() {
        let mut world = World::new(&[KEY, KEY, KEY]);
        world.pass(30);
        let mut forged = vec![1, 9, 9];
        forged.resize(40, 0);
        let send = |world: &mut World, from| {
            world.step(0, |node, cx| node.handle_datagram(cx, from, Via::Unicast, &forged));
        };
        let living = addr(1);
        send(&mut world, living);
        world.pass(2);
        assert_eq!(world.troubles(0), []);
        for n in 0..200 {
            send(&mut world, ([192, 168, 0, n], 9094).into());
        }
        world.dead = vec![1];
        world.pass(150);
        send(&mut world, living);
        world.pass(2);
        assert!(world.troubles(0).len() <= UNHEARD_MAX + 1, "and that the member is down");
        assert!(world.troubles(0).contains(&(KEY_MISMATCH, living.to_string())));
    }
}
