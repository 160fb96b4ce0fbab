//! The switches of the ablation: where a copy of the sources lacks a mechanism. `tests/tidy.rs` sees to it that each still fits.

pub(crate) const EDITS: &[(&str, &str, &str, &str)] = &[
    (
        "a digest soon after each change",
        "src/gossip/repair/trickle.rs",
        "        let soon = now + self.shortest * 2 + jitter(rng, self.shortest * 2);",
        r#"        if crate::switched("a digest soon after each change") {
            return;
        }
        let soon = now + self.shortest * 2 + jitter(rng, self.shortest * 2);"#,
    ),
    (
        "checks by another member",
        "src/gossip/members/mod.rs",
        "        if !self.peers.0.get_mut(&silent).is_some_and(|peer| peer.may_check(now.mono)) {",
        r#"        if crate::switched("checks by another member") || !self.peers.0.get_mut(&silent).is_some_and(|peer| peer.may_check(now.mono)) {"#,
    ),
    (
        "clocks of parts",
        "src/gossip/repair/assembly.rs",
        "            sent_at.is_some() != part.sent_at.is_some() || Duration::from_nanos(step) > STEP_MIN;",
        r#"            sent_at.is_some() != part.sent_at.is_some() || Duration::from_nanos(step) > STEP_MIN && !crate::switched("clocks of parts");"#,
    ),
    (
        "one comparison at a time",
        "src/gossip/repair/comparison.rs",
        "        self.partner.take_if(|partner| partner.node != node && partner.until <= now);",
        r#"        if crate::switched("one comparison at a time") {
            self.partner = None;
        }
        self.partner.take_if(|partner| partner.node != node && partner.until <= now);"#,
    ),
    (
        "passing on recent records of repair",
        "src/gossip/news.rs",
        "        !shared.config.multicast && age_ms.saturating_abs() < NEWS_FOR_MS",
        r#"        !shared.config.multicast && age_ms.saturating_abs() < NEWS_FOR_MS && !crate::switched("passing on recent records of repair")"#,
    ),
    (
        "pings of suspects (500 ms)",
        "src/gossip/members/swim.rs",
        "            self.ping_at = now + PING_SUSPECT_EVERY;",
        r#"            self.ping_at = now + if crate::switched("pings of suspects (500 ms)") { PING_SUSPECT_EVERY * 40 } else { PING_SUSPECT_EVERY };"#,
    ),
    (
        "quick repeats (250 ms)",
        "src/gossip/delivery.rs",
        "                    next: now + Duration::from_millis(wait),",
        r#"                    next: now + Duration::from_millis(if crate::switched("quick repeats (250 ms)") { wait * 4 } else { wait }),"#,
    ),
    (
        "recent changes in digests",
        "src/gossip/versions.rs",
        "        let lately = self.recent.iter().filter(|(at, _)| now.since(*at) < within);",
        r#"        if crate::switched("recent changes in digests") {
            return Vec::new();
        }
        let lately = self.recent.iter().filter(|(at, _)| now.since(*at) < within);"#,
    ),
    (
        "retrying lost members",
        "src/gossip/members/reconnect.rs",
        "        for node in lost {",
        r#"        if crate::switched("retrying lost members") {
            lost.clear();
        }
        for node in lost {"#,
    ),
    (
        "sending past members that do not pass on",
        "src/gossip/members/tree.rs",
        "                if !is_up(&next) || !passes_on(next) {",
        r#"                if !is_up(&next) || (!passes_on(next) && !crate::switched("sending past members that do not pass on")) {"#,
    ),
    (
        "silence after digests that agree",
        "src/gossip/repair/trickle.rs",
        "        let send = due && self.agreed < self.enough;",
        r#"        let send = due && (self.agreed < self.enough || crate::switched("silence after digests that agree"));"#,
    ),
    (
        "sparing probes of members heard recently",
        "src/gossip/members/swim.rs",
        "        if self.foca.updates_backlog() > 0 {",
        r#"        if self.foca.updates_backlog() > 0 || crate::switched("sparing probes of members heard recently") {"#,
    ),
    (
        "sending again without acknowledgement",
        "src/gossip/news.rs",
        "    if tries >= TRIES_MAX {",
        r#"    if tries >= TRIES_MAX || crate::switched("sending again without acknowledgement") {"#,
    ),
    (
        "suspecting members that only send",
        "src/gossip/news.rs",
        "        if members.peer(*node).is_some_and(super::members::Peer::sends_only) {",
        r#"        let suspects = !crate::switched("suspecting members that only send");
        if suspects && members.peer(*node).is_some_and(super::members::Peer::sends_only) {"#,
    ),
    (
        "taking over the children of the silent",
        "src/gossip/news.rs",
        "    let leads_on = sent.mode == RELAYED && !sent.replaced;",
        r#"    let leads_on = sent.mode == RELAYED && !sent.replaced && !crate::switched("taking over the children of the silent");"#,
    ),
    (
        "the limit of datagrams on their way",
        "src/gossip/delivery.rs",
        "        self.unacknowledged.values().filter(|sent| sent.holds_up).count() < self.flight",
        r#"        crate::switched("the limit of datagrams on their way") || self.unacknowledged.values().filter(|sent| sent.holds_up).count() < self.flight"#,
    ),
    (
        "the second multicast",
        "src/gossip/news.rs",
        "    if tries < MULTICAST_TRIES && by.len() > few {",
        r#"    if tries < MULTICAST_TRIES && by.len() > few && !crate::switched("the second multicast") {"#,
    ),
    (
        "trees of a minute ago",
        "src/gossip/members/tree.rs",
        "        let others = [former, sure].into_iter().filter(|nodes| *nodes != living).collect();",
        r#"        if crate::switched("trees of a minute ago") {
            former.clone_from(&living);
        }
        let others = [former, sure].into_iter().filter(|nodes| *nodes != living).collect();"#,
    ),
    (
        "trees without the doubted",
        "src/gossip/members/tree.rs",
        "        let others = [former, sure].into_iter().filter(|nodes| *nodes != living).collect();",
        r#"        if crate::switched("trees without the doubted") {
            sure.clone_from(&living);
        }
        let others = [former, sure].into_iter().filter(|nodes| *nodes != living).collect();"#,
    ),
    (
        "trees: the author sends to each",
        "src/gossip/news.rs",
        "                let to: Vec<To> = if tree || unicast.len() == living.len() {",
        r#"                let to: Vec<To> = if crate::switched("trees: the author sends to each") {
                    if tree { Vec::new() } else { living.iter().map(|node| To::Node(*node, DIRECT)).collect() }
                } else if tree || unicast.len() == living.len() {"#,
    ),
    (
        "unicast after three missed multicasts",
        "src/gossip/members/peer.rs",
        "        self.missed = if by_multicast { 0 } else { self.missed.saturating_add(1) };",
        r#"        if crate::switched("unicast after three missed multicasts") {
            return;
        }
        self.missed = if by_multicast { 0 } else { self.missed.saturating_add(1) };"#,
    ),
];
