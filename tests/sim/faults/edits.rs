//! The deliberate faults: where the sources of the copy break a rule. `tests/tidy.rs` sees to it that each still fits.

pub(crate) const EDITS: &[(&str, &str, &str, &str)] = &[
    // Alerts are not written to flash.
    (
        "AlertNotStored",
        "src/node/keep.rs",
        "let record = stored.then(",
        r#"let stored = stored && !(kind == Kind::Alert && crate::switched("AlertNotStored"));
        let record = stored.then("#,
    ),
    // Alerts are not published.
    (
        "AlertNotPublished",
        "src/node/keep.rs",
        "        if published {\n",
        r#"        let published = published && !(kind == Kind::Alert && crate::switched("AlertNotPublished"));
        if published {
"#,
    ),
    // Of two versions the one that comes last wins.
    (
        "AnyVersionWins",
        "src/node/tables.rs",
        "if held.is_some_and(is_newer) {",
        r#"if held.is_some_and(is_newer) && !crate::switched("AnyVersionWins") {"#,
    ),
    (
        "AnyVersionWins",
        "src/gossip/receive.rs",
        "if self.shared.versions.knows(head) {",
        r#"if self.shared.versions.knows(head) && !crate::switched("AnyVersionWins") {"#,
    ),
    (
        "AnyVersionWins",
        "src/gossip/versions.rs",
        "age(old) >= age(&known) => return",
        r#"(age(old) >= age(&known) && !crate::switched("AnyVersionWins")) => return"#,
    ),
    // A budget is never used up.
    (
        "BudgetIgnored",
        "src/core/deliver/budget.rs",
        "    fn part(&self, budget: DayBudget) -> Stage {\n",
        r#"    fn part(&self, budget: DayBudget) -> Stage {
        if crate::switched("BudgetIgnored") {
            return Stage::Free;
        }
"#,
    ),
    // Claims are not published.
    (
        "ClaimNotPublished",
        "src/node/keep.rs",
        "        if published {\n",
        r#"        let published = published && !(kind == Kind::Claim && crate::switched("ClaimNotPublished"));
        if published {
"#,
    ),
    // Claims are published once and not renewed.
    (
        "ClaimNotRenewed",
        "src/node/keep.rs",
        "        if published {\n",
        r#"        let is_renewal = kind == Kind::Claim
            && self.held(kind, &key).is_some_and(|it| Some(it.version.node) == self.identity);
        let published = published && !(is_renewal && crate::switched("ClaimNotRenewed"));
        if published {
"#,
    ),
    // The claims of other members are ignored.
    (
        "ClaimsIgnored",
        "src/core/deliver/turn.rs",
        "        let claim = self.claims.get(&key)?;\n",
        r#"        let claim = self.claims.get(&key)?;
        if crate::switched("ClaimsIgnored") {
            return None;
        }
"#,
    ),
    // The times of other members are taken as if all clocks agreed.
    (
        "ClockOffsetIgnored",
        "src/node/kinds/mod.rs",
        "    record.sent_at.map_or(",
        r#"    let is_ignored = crate::switched("ClockOffsetIgnored");
    record.sent_at.filter(|_| !is_ignored).map_or("#,
    ),
    // Debts are not written to flash.
    (
        "DebtNotKept",
        "src/node/kinds/debt.rs",
        "        stored: true,\n",
        r#"        stored: !crate::switched("DebtNotKept"),
"#,
    ),
    // Digests are not compared.
    (
        "DigestsIgnored",
        "src/gossip/repair/mod.rs",
        "if agreed {\n            self.announced",
        r#"if agreed || crate::switched("DigestsIgnored") {
            self.announced"#,
    ),
    // The directory is not synced.
    (
        "DirectoryNotSynced",
        "src/store/medium.rs",
        "        self.medium.sync_dir().map_err(",
        r#"        if crate::switched("DirectoryNotSynced") {
            return Ok(());
        }
        self.medium.sync_dir().map_err("#,
    ),
    // Alerts and silences that have ended are not restored, so that older versions of them may come back.
    (
        "EndedNotRestored",
        "src/node/kinds/alert.rs",
        "        let fingerprint = record::fingerprint_of(key)?;\n        Ok(Some(",
        r#"        let fingerprint = record::fingerprint_of(key)?;
        let alert = record::decode_alert(body, node.core.pool())?;
        if crate::switched("EndedNotRestored") && alert.ends_at <= alert.updated_at {
            return Ok(None);
        }
        Ok(Some("#,
    ),
    (
        "EndedNotRestored",
        "src/node/kinds/silence.rs",
        "        Ok(Some(Box::new(StoredSilence(",
        r#"        if crate::switched("EndedNotRestored") && silence.ends_at <= silence.updated_at {
            return Ok(None);
        }
        Ok(Some(Box::new(StoredSilence("#,
    ),
    // Ends that could not be notified are forgotten.
    (
        "EndsForgotten",
        "src/core/deliver/flush.rs",
        "        if !failed {\n",
        "        if !failed || crate::switched(\"EndsForgotten\") {\n",
    ),
    // That a silence was expired is not published.
    (
        "ExpiryNotPublished",
        "src/node/keep.rs",
        "        if published {\n",
        r#"        let id = (kind == Kind::Silence).then(|| record::silence_id_of(&key).ok()).flatten();
        let silence = id.and_then(|id| self.core.silences().get(id));
        let is_expired = silence.is_some_and(|it| it.ends_at <= cx.now.wall);
        let published = published && !(is_expired && crate::switched("ExpiryNotPublished"));
        if published {
"#,
    ),
    // An expectation never alarms.
    (
        "ExpectationIgnored",
        "src/core/expect.rs",
        "            if seen.missing {\n                missing.push(",
        r#"            if seen.missing && !crate::switched("ExpectationIgnored") {
                missing.push("#,
    ),
    // Every member tells each heartbeat.
    (
        "HeartbeatByAll",
        "src/core/heartbeat.rs",
        "            None => rank,\n",
        r#"            _ if crate::switched("HeartbeatByAll") => 0,
            None => rank,
"#,
    ),
    // The history is not written to flash.
    (
        "HistoryNotKept",
        "src/node/history.rs",
        "            records.extend(self.past.fresh(cx.now.mono));\n",
        r#"            if !crate::switched("HistoryNotKept") {
                records.extend(self.past.fresh(cx.now.mono));
            }
"#,
    ),
    // The last quarter of a budget is for all.
    (
        "KeepsIgnored",
        "src/core/deliver/budget.rs",
        "fn is_kept(receiver: &Receiver, labels: &Labels, steps: &mut u64) -> bool {\n",
        r#"fn is_kept(receiver: &Receiver, labels: &Labels, steps: &mut u64) -> bool {
    if crate::switched("KeepsIgnored") {
        return true;
    }
"#,
    ),
    // Alerts that are told late are not marked.
    (
        "LateNotSaid",
        "src/core/deliver/notification.rs",
        "late: missed.binary_search(&it.fingerprint).is_ok(),",
        r#"late: missed.binary_search(&it.fingerprint).is_ok() && !crate::switched("LateNotSaid"),"#,
    ),
    // There may be any number of groups.
    (
        "LimitIgnored",
        "src/core/intake.rs",
        "if !has_room || !has_sources {",
        r#"if (!has_room && !crate::switched("LimitIgnored")) || !has_sources {"#,
    ),
    // The log entry is written before the receiver has answered.
    (
        "LogBeforeAnswer",
        "src/core/deliver/attempts.rs",
        "        self.send(cx, which, draft, reason);\n    }\n\n    /// Sends a draft",
        r#"        self.send(cx, which, draft, reason);
        if crate::switched("LogBeforeAnswer") {
            self.log_delivery(cx, which);
        }
    }

    /// Sends a draft"#,
    ),
    // Log entries are not published.
    (
        "LogNotPublished",
        "src/node/keep.rs",
        "        if published {\n",
        r#"        let published = published && !(kind == Kind::Log && crate::switched("LogNotPublished"));
        if published {
"#,
    ),
    // Log entries are not restored.
    (
        "LogNotRestored",
        "src/node/kinds/log.rs",
        "        Ok(Some(Box::new(StoredLog(",
        r#"        if crate::switched("LogNotRestored") {
            return Ok(None);
        }
        Ok(Some(Box::new(StoredLog("#,
    ),
    // A restart forgets the members.
    (
        "MembersForgotten",
        "src/node/members.rs",
        "        if self.known.len() < MEMBERS_MAX {\n            let known",
        r#"        if self.known.len() < MEMBERS_MAX && !crate::switched("MembersForgotten") {
            let known"#,
    ),
    // The elements of a record that only a newer version knows are dropped.
    (
        "NewerForgotten",
        "src/node/extras.rs",
        "        match newer {\n            Some(newer) if",
        r#"        let newer = newer.filter(|_| !crate::switched("NewerForgotten"));
        match newer {
            Some(newer) if"#,
    ),
    // Records of kinds that only a newer version knows are refused.
    (
        "NewerRefused",
        "src/node/tables.rs",
        "        if let Err(why) = self.carried.take(",
        r#"        if crate::switched("NewerRefused") {
            return Merge::Refused("a deliberate fault");
        }
        if let Err(why) = self.carried.take("#,
    ),
    // News that were not acknowledged are not sent again.
    (
        "NewsNotResent",
        "src/gossip/news.rs",
        "if tries >= TRIES_MAX {",
        r#"if tries >= TRIES_MAX || crate::switched("NewsNotResent") {"#,
    ),
    // All deliveries follow at once when the way is back.
    (
        "PaceIgnored",
        "src/core/deliver/backoff.rs",
        "        now.max(self.last + PACE)\n",
        r#"        if crate::switched("PaceIgnored") { now } else { now.max(self.last + PACE) }
"#,
    ),
    // Each node ranks the members in an order of its own.
    (
        "RanksDiffer",
        "src/core/deliver/turn.rs",
        "        let mine = score(self.flock.me, key);\n",
        r#"        let differs = crate::switched("RanksDiffer");
        let key = if differs { key ^ u128::from(self.flock.me) } else { key };
        let mine = score(self.flock.me, key);
"#,
    ),
    // A notification that was not delivered is not owed.
    (
        "NothingOwed",
        "src/core/deliver/owed/mod.rs",
        "    pub(in crate::core) fn owe(&mut self, now: Now, which: Which) {\n",
        r#"    pub(in crate::core) fn owe(&mut self, now: Now, which: Which) {
        if crate::switched("NothingOwed") {
            return;
        }
"#,
    ),
    // Signs of life are not told to the flock.
    (
        "SignsNotTold",
        "src/core/expect.rs",
        "            let Some(Sign { at, by }) = &seen.last else { continue };\n",
        r#"            let last = seen.last.as_ref().filter(|_| !crate::switched("SignsNotTold"));
            let Some(Sign { at, by }) = last else { continue };
"#,
    ),
    // Silences mute nothing.
    (
        "SilencesIgnored",
        "src/core/deliver/looking.rs",
        "self.silences.mutes(&entry.memo, tick)",
        r#"!crate::switched("SilencesIgnored") && self.silences.mutes(&entry.memo, tick)"#,
    ),
    // Whether a large alert may not have reached the others makes no difference.
    (
        "SizeIgnored",
        "src/core/deliver/sight.rs",
        "!travels.is_empty() && self",
        r#"!crate::switched("SizeIgnored") && !travels.is_empty() && self"#,
    ),
    // Commits are not synced.
    (
        "SyncSkipped",
        "src/store/medium.rs",
        "        self.medium.sync(&name).map_err(|e| fault(\"sync\", &name, &e))",
        r#"        if crate::switched("SyncSkipped") {
            return Ok(());
        }
        self.medium.sync(&name).map_err(|e| fault("sync", &name, &e))"#,
    ),
    // Groups that wait for a time of the wall clock wait longer once it has gone back.
    (
        "WaitsByWall",
        "src/core/clock.rs",
        "        Some(step)\n    }\n",
        r#"        let ids: Vec<_> = self.groups.iter().map(|(id, _)| id).collect();
        for timer in ids.into_iter().map(crate::core::timers::Timer::Flush) {
            if let Some(at) = self.timers.due(timer).filter(|_| crate::switched("WaitsByWall")) {
                let ms = step.from.as_ms() - step.to.as_ms();
                let at = crate::time::Mono::from_ms(at.as_ms().saturating_add_signed(ms));
                self.timers.set(timer, at);
            }
        }
        Some(step)
    }
"#,
    ),
];
