//! The alert table: every alert that was reported, by fingerprint.

use std::collections::BTreeMap;
use std::rc::Rc;

use log::warn;

use crate::core::behind::Behind;
use crate::core::route::RouteId;
use crate::core::silences::Memo;
use crate::core::step::Step;
use crate::core::targets::Targets;
use crate::core::which::GroupId;
use crate::limits::{
    ALERT_BYTES_MAX, ALERTS_BYTES_MAX, ALERTS_MAX, ALERTS_PAIRS_MAX, TEXTS_BYTES_MAX,
};
use crate::model::interned::INTERNED_COST;
use crate::model::matcher::{Grammar, valid_label_name};
use crate::model::{Alert, Brief, Fingerprint, Interned, Labels, Pair, Pool, Report, Shown};
use crate::time::Wall;

/// An alert and where it is routed to.
#[derive(Debug)]
pub struct AlertEntry {
    /// The alert; a flush that is under way holds it as it was.
    pub alert: Rc<Alert>,
    /// The routes it ends at, and its group at each, if it was ever brought to one; set by [`Alerts::set_groups`], which
    /// counts them.
    pub groups: Vec<(RouteId, Option<GroupId>)>,
    /// Which silences it has been compared with.
    pub memo: Memo,
    /// Which rules of inhibition it is a target of, as far as it has been compared with them.
    pub targets: Targets,
    /// Where its first report had ended when it came: whether its sender's clock is behind.
    pub behind: Option<Box<Behind>>,
    /// How the flushes have found it since it began to fire.
    pub visibility: Visibility,
    /// Whether flash was told that time has ended it.
    pub end_is_kept: bool,
    /// Whether flash says that it fires, and nobody has said so since the start.
    pub is_restored: bool,
    /// When flash was told of it, if it is restored. No option: it would take the entry another eight bytes.
    pub kept_at: Wall,
    /// The end that the flock knows.
    pub known_end: Wall,
}

/// How the flushes of its groups have found an alert while it fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// None has looked yet.
    #[default]
    Unknown,
    /// Muted, by all of them.
    Hidden,
    /// Not muted, at least once.
    Shown,
}

/// The effect of a report on the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportOutcome {
    /// The alert was not known.
    New,
    /// It ended, or fires again.
    Turned,
    /// Its content changed otherwise: it has other annotations, say.
    Changed,
    /// It fires on: only its end moved.
    Lease,
    /// Nothing that is told or kept.
    None,
}

/// The table.
#[derive(Debug, Default)]
pub struct Alerts {
    entries: BTreeMap<Fingerprint, AlertEntry>,
    by_name: BTreeMap<Interned, usize>,
    pool: Pool,
    /// Bytes of text in all alerts.
    bytes: usize,
    /// Labels and annotations of all alerts.
    pairs: usize,
    /// The routes at which all alerts end, for each alert.
    memberships: usize,
    /// How many times a known alert has begun to fire again.
    revision: u64,
    /// The latest of the alerts that were not known.
    latest: Option<Fingerprint>,
}

impl Alerts {
    /// The alert of `fingerprint` and where it is routed to.
    pub fn get(&self, fingerprint: Fingerprint) -> Option<&AlertEntry> {
        self.entries.get(&fingerprint)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, fingerprint: Fingerprint) -> Option<&mut AlertEntry> {
        self.entries.get_mut(&fingerprint)
    }

    /// Whether the alert of `fingerprint` is known and has not ended by `now`.
    pub fn fires(&self, fingerprint: Fingerprint, now: Wall) -> bool {
        self.get(fingerprint).is_some_and(|entry| !entry.alert.resolved(now))
    }

    /// Changes whenever a known alert may have begun to fire: while it stays, time can only end them.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The routes at which all alerts end, for each alert.
    pub const fn memberships(&self) -> usize {
        self.memberships
    }

    /// Says at which routes an alert ends, and which its groups are.
    pub fn set_groups(
        &mut self,
        fingerprint: Fingerprint,
        groups: Vec<(RouteId, Option<GroupId>)>,
    ) {
        if let Some(entry) = self.entries.get_mut(&fingerprint) {
            self.memberships = self.memberships - entry.groups.len() + groups.len();
            entry.groups = groups;
        }
    }

    /// Calls `with` for every alert, in the order of fingerprints, to change it and the routes at which it ends.
    pub fn for_each(&mut self, mut with: impl FnMut(Fingerprint, &mut AlertEntry)) {
        self.memberships = 0;
        for (fingerprint, entry) in &mut self.entries {
            with(*fingerprint, entry);
            self.memberships += entry.groups.len();
        }
    }

    /// Every alert, in the order of fingerprints.
    pub fn iter(&self) -> impl Iterator<Item = (Fingerprint, &AlertEntry)> {
        self.entries.iter().map(|(fingerprint, entry)| (*fingerprint, entry))
    }

    /// Every alert from `first` on, in the order of fingerprints.
    pub fn iter_from(
        &self,
        first: Fingerprint,
    ) -> impl Iterator<Item = (Fingerprint, &AlertEntry)> {
        self.entries.range(first..).map(|(fingerprint, entry)| (*fingerprint, entry))
    }

    /// Moves all times along when the clock steps.
    pub fn step(&mut self, step: Step) {
        self.revision += 1;
        for entry in self.entries.values_mut() {
            step.alert(Rc::make_mut(&mut entry.alert));
            entry.kept_at = step.time(entry.kept_at);
            entry.known_end = step.time(entry.known_end);
            if let Some(behind) = &mut entry.behind {
                behind.step(step);
            }
        }
    }

    /// The number of alerts.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether an alert of this fingerprint may come in: it is known, or the table is not full, `spare` places aside.
    pub fn has_room_for(&self, fingerprint: Fingerprint, spare: usize) -> bool {
        self.len() < ALERTS_MAX + spare || self.entries.contains_key(&fingerprint)
    }

    /// Whether an alert of this fingerprint may come to have so many bytes and pairs: it has as many already, or there is
    /// room; and whether the strings that anybody holds of alerts leave room for new ones.
    pub fn has_bytes_for(&self, fingerprint: Fingerprint, bytes: usize, pairs: usize) -> bool {
        // To look the alert up for each report would cost more than all the rest of this.
        let known = || self.get(fingerprint).map(|entry| &entry.alert);
        let has_bytes = self.bytes.saturating_add(bytes) <= ALERTS_BYTES_MAX
            || known().is_some_and(|alert| bytes <= alert.bytes());
        let has_pairs = self.pairs.saturating_add(pairs) <= ALERTS_PAIRS_MAX
            || known().is_some_and(|alert| pairs <= alert.pairs());
        has_bytes && has_pairs && self.pool.bytes() <= TEXTS_BYTES_MAX
    }

    /// Whether there is room for what a report says: it says nothing new, or its strings fit, were they all new.
    pub fn has_room_for_text(&self, fingerprint: Fingerprint, report: &Report<'_>) -> bool {
        let (bytes, pairs) = (report.bytes(), report.pairs());
        let cost = bytes + (2 * pairs + 1) * INTERNED_COST;
        let fits = self.pool.bytes() + cost <= TEXTS_BYTES_MAX
            && self.has_bytes_for(fingerprint, bytes, pairs);
        fits || self.get(fingerprint).is_some_and(|entry| says(&entry.alert, report))
    }

    /// The number of alerts named `alertname`.
    pub fn named(&self, alertname: &str) -> usize {
        self.by_name.get(alertname).copied().unwrap_or(0)
    }

    /// The alert that a report means, its strings shared with what is known; `ends_at` is the end that it has or was given.
    /// `now` is its start where the sender left that out. Other than in Alertmanager, an end that lies ahead is never taken for
    /// the start.
    pub fn read(
        &mut self,
        fingerprint: Fingerprint,
        report: &Report<'_>,
        now: Wall,
        ends_at: Wall,
    ) -> Alert {
        let known = self.entries.get(&fingerprint).map(|entry| &*entry.alert);
        let reuse = |known: Option<&Labels>, pairs: &[Pair<'_>]| -> Option<Labels> {
            known.filter(|labels| labels.equals(borrowed(pairs))).cloned()
        };
        // Most alerts of a post are of one rule, and so are most of their strings.
        let latest = || Some(&*self.entries.get(&self.latest?)?.alert);
        let like = known.or_else(latest);
        let labels = reuse(known.map(|alert| &alert.labels), &report.labels);
        let annotations = reuse(like.map(|alert| &alert.annotations), &report.annotations);
        let generator_url = like
            .map(|alert| &alert.generator_url)
            .filter(|url| ***url == *report.generator_url)
            .cloned();
        let mut shared = |like: Option<&Labels>, pairs: &[Pair<'_>]| {
            self.pool.labels_like(like, borrowed(pairs))
        };
        Alert {
            labels: labels.unwrap_or_else(|| shared(like.map(|it| &it.labels), &report.labels)),
            annotations: annotations
                .unwrap_or_else(|| shared(like.map(|it| &it.annotations), &report.annotations)),
            generator_url: generator_url.unwrap_or_else(|| self.pool.intern(&report.generator_url)),
            starts_at: report.starts_at.unwrap_or_else(|| start(known, report.ends_at, now)),
            ends_at,
            timeout: report.ends_at.is_none(),
            updated_at: now,
        }
    }

    /// Takes in an alert.
    pub fn put(&mut self, fingerprint: Fingerprint, alert: Alert, now: Wall) -> ReportOutcome {
        let Some(entry) = self.entries.get_mut(&fingerprint) else {
            self.insert(fingerprint, alert);
            return ReportOutcome::New;
        };
        let known = &entry.alert;
        if known.labels != alert.labels {
            // Such a pair was made on purpose. Routes, groups and sources are those of the first.
            let [ours, theirs] = [&known.labels, &alert.labels].map(ToString::to_string);
            let (ours, theirs) = (Brief(&ours), Brief(&theirs));
            warn!("alert {theirs} dropped: its fingerprint is that of {ours}");
            return ReportOutcome::None;
        }
        let merged = (**known).clone().merge(alert, now);
        let told_alike = merged.starts_at == known.starts_at
            && merged.annotations == known.annotations
            && merged.generator_url == known.generator_url
            && merged.resolved(now) == known.resolved(now);
        let change = match (told_alike, merged.ends_at == known.ends_at) {
            (true, true) => ReportOutcome::None,
            (true, false) if !merged.resolved(now) => ReportOutcome::Lease,
            _ if merged.resolved(now) != known.resolved(now) => ReportOutcome::Turned,
            _ => ReportOutcome::Changed,
        };
        if !told_alike {
            self.bytes = self.bytes - known.bytes() + merged.bytes();
            self.pairs = self.pairs - known.pairs() + merged.pairs();
        }
        self.revision += u64::from(known.resolved(now) && !merged.resolved(now));
        if begins_anew(known, &merged) {
            entry.visibility = Visibility::Unknown;
        }
        (entry.end_is_kept, entry.is_restored) = (false, false);
        // In place unless a flush holds the old one.
        *Rc::make_mut(&mut entry.alert) = merged;
        change
    }

    /// Takes in an alert as it is. Returns whether it was not known.
    pub fn replace(&mut self, fingerprint: Fingerprint, alert: Alert, now: Wall) -> bool {
        if let Some(entry) = self.entries.get_mut(&fingerprint) {
            self.revision += u64::from(entry.alert.resolved(now) && !alert.resolved(now));
            if begins_anew(&entry.alert, &alert) {
                entry.visibility = Visibility::Unknown;
            }
            (entry.end_is_kept, entry.is_restored) = (false, false);
            self.bytes = self.bytes - entry.alert.bytes() + alert.bytes();
            self.pairs = self.pairs - entry.alert.pairs() + alert.pairs();
            *Rc::make_mut(&mut entry.alert) = alert;
            return false;
        }
        self.insert(fingerprint, alert);
        true
    }

    fn insert(&mut self, fingerprint: Fingerprint, alert: Alert) {
        if let Some(name) = alert.labels.get("alertname") {
            *self.by_name.entry(self.pool.intern(name)).or_default() += 1;
        }
        self.bytes += alert.bytes();
        self.pairs += alert.pairs();
        let alert = Rc::new(alert);
        let entry = AlertEntry {
            alert,
            groups: Vec::new(),
            memo: Memo::default(),
            targets: Targets::default(),
            behind: None,
            visibility: Visibility::Unknown,
            end_is_kept: false,
            is_restored: false,
            kept_at: Wall::EPOCH,
            known_end: Wall::EPOCH,
        };
        self.entries.insert(fingerprint, entry);
        self.latest = Some(fingerprint);
    }

    /// The strings that all alerts share.
    pub const fn pool(&mut self) -> &mut Pool {
        &mut self.pool
    }

    /// Drops an alert.
    pub fn remove(&mut self, fingerprint: Fingerprint) {
        let Some(entry) = self.entries.remove(&fingerprint) else { return };
        self.bytes -= entry.alert.bytes();
        self.pairs -= entry.alert.pairs();
        self.memberships -= entry.groups.len();
        let Some(name) = entry.alert.labels.get("alertname") else { return };
        if let Some(count) = self.by_name.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                self.by_name.remove(name);
            }
        }
    }
}

/// Whether an alert has fired again since what is known; a sender that repeats an end does not say that.
fn begins_anew(known: &Alert, alert: &Alert) -> bool {
    alert.starts_at > known.starts_at && alert.starts_at < alert.ends_at
}

/// When an alert began whose sender did not say so: one that fires goes on, one that was over when it was posted began
/// when it ended, every other begins now.
fn start(known: Option<&Alert>, ends_at: Option<Wall>, now: Wall) -> Wall {
    match ends_at {
        None => now,
        Some(ends_at) if ends_at <= now => ends_at,
        Some(_) => {
            known.filter(|alert| !alert.resolved(now)).map_or(now, |it| it.starts_at.min(now))
        }
    }
}

fn borrowed<'a>(pairs: &'a [Pair<'_>]) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> {
    pairs.iter().map(|(name, value)| (&**name, &**value))
}

/// Whether a report says of an alert what is known.
fn says(alert: &Alert, report: &Report<'_>) -> bool {
    alert.labels.equals(borrowed(&report.labels))
        && alert.annotations.equals(borrowed(&report.annotations))
        && *alert.generator_url == *report.generator_url
}

/// The fingerprint of a report's labels.
pub fn fingerprint(report: &Report<'_>) -> Fingerprint {
    Fingerprint::of(borrowed(&report.labels))
}

/// The errors of a report whose end is or will be `ends_at`, in Alertmanager's words; `None` if nothing is.
pub fn fault(report: &Report<'_>, ends_at: Wall, grammar: Grammar) -> Option<String> {
    let mut faults = Vec::new();
    if report.labels.is_empty() {
        faults.push("at least one label pair required".to_owned());
    }
    for (what, pairs) in [("label set", &report.labels), ("annotations", &report.annotations)] {
        if let Some((name, _)) = pairs.iter().find(|(name, _)| !valid_label_name(grammar, name)) {
            faults.push(format!("invalid {what}: invalid name {}", Shown(name)));
        }
    }
    let bytes = report.bytes();
    if bytes > ALERT_BYTES_MAX {
        faults.push(format!(
            "labels, annotations and link of {bytes} bytes; at most {ALERT_BYTES_MAX} are kept: shorten them"
        ));
    }
    if report.starts_at.is_some_and(|starts_at| starts_at > ends_at) {
        faults.push("start time must be before end time".to_owned());
    }
    (!faults.is_empty()).then(|| faults.join("\n"))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::time::Duration;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(300);

    fn report(value: &'static str, starts: Option<i64>, ends: Option<i64>) -> Report<'static> {
        let pair = |name, value| (Cow::Borrowed(name), Cow::Borrowed(value));
        Report::new(
            vec![pair("alertname", "A"), pair("i", value)],
            vec![],
            starts.map(Wall::from_secs),
            ends.map(Wall::from_secs),
            "".into(),
        )
    }

    fn put(alerts: &mut Alerts, report: &Report<'_>, now: i64) -> (Fingerprint, ReportOutcome) {
        let now = Wall::from_secs(now);
        let id = fingerprint(report);
        let alert = alerts.read(id, report, now, report.ends_at.unwrap_or(now + TIMEOUT));
        (id, alerts.put(id, alert, now))
    }

    #[test]
    fn a_leaf_of_the_table_has_room_in_two_kib() {
        // Eleven entries and some numbers; the C library of the static binaries adds 16 bytes, and counts by powers of two.
        let leaf = 11 * (size_of::<Fingerprint>() + size_of::<AlertEntry>()) + 16;
        assert!(leaf + 16 <= 2048, "{leaf}");
    }

    #[test]
    fn fields_that_a_sender_leaves_out_are_filled_in() {
        let mut alerts = Alerts::default();
        let cases = [
            (report("1", None, None), 1000, 1300, true),
            (report("2", None, Some(900)), 900, 900, false),
            (report("3", Some(800), None), 800, 1300, true),
            (report("4", Some(800), Some(900)), 800, 900, false),
        ];
        for (report, starts, ends, timeout) in cases {
            let (id, change) = put(&mut alerts, &report, 1000);
            assert_eq!(change, ReportOutcome::New);
            let alert = &alerts.get(id).unwrap().alert;
            assert_eq!(
                (alert.starts_at, alert.ends_at),
                (Wall::from_secs(starts), Wall::from_secs(ends))
            );
            assert_eq!(alert.timeout, timeout);
        }
        assert_eq!(alerts.named("A"), 4);
    }

    #[test]
    fn an_end_that_lies_ahead_is_no_start() {
        let mut alerts = Alerts::default();
        let mut at = |now: i64, ends: i64| {
            let (id, change) = put(&mut alerts, &report("1", None, Some(ends)), now);
            (change, alerts.get(id).unwrap().alert.starts_at)
        };
        let start = Wall::from_secs(1000);
        assert_eq!(at(1000, 4600), (ReportOutcome::New, start));
        for n in 1..10 {
            assert_eq!(
                at(1000 + 60 * n, 4600 + 60 * n),
                (ReportOutcome::Lease, start),
                "minute {n}"
            );
        }
        assert_eq!(at(1600, 1600), (ReportOutcome::Turned, start), "its end");
        assert_eq!(at(1700, 5300), (ReportOutcome::Turned, Wall::from_secs(1700)), "it fires anew");
    }

    #[test]
    fn a_repeat_is_a_lease_and_news_is_a_change() {
        let mut alerts = Alerts::default();
        assert_eq!(put(&mut alerts, &report("1", Some(900), None), 1000).1, ReportOutcome::New);
        assert_eq!(put(&mut alerts, &report("1", Some(900), None), 1000).1, ReportOutcome::None);
        assert_eq!(put(&mut alerts, &report("1", Some(900), None), 1010).1, ReportOutcome::Lease);
        assert_eq!(
            put(&mut alerts, &report("1", Some(900), Some(1020)), 1020).1,
            ReportOutcome::Turned
        );
        assert_eq!(
            put(&mut alerts, &report("1", Some(900), Some(1020)), 1030).1,
            ReportOutcome::None
        );
        assert_eq!(put(&mut alerts, &report("1", Some(1040), None), 1040).1, ReportOutcome::Turned);
    }

    #[test]
    fn a_repeat_shares_the_strings_of_what_is_known() {
        let mut alerts = Alerts::default();
        let (id, _) = put(&mut alerts, &report("1", None, None), 1000);
        let before = alerts.get(id).unwrap().alert.labels.clone();
        put(&mut alerts, &report("1", None, None), 1010);
        let after = &alerts.get(id).unwrap().alert.labels;
        assert!(std::ptr::eq(before.get("i").unwrap(), after.get("i").unwrap()));
        alerts.remove(id);
        assert!(!alerts.pool.is_empty(), "somebody holds its labels");
        drop(before);
        assert!(alerts.pool.is_empty() && alerts.by_name.is_empty());
        assert_eq!(alerts.bytes, 0);
    }

    #[test]
    fn of_two_label_sets_of_one_fingerprint_the_first_stays() {
        let mut alerts = Alerts::default();
        let now = Wall::from_secs(1000);
        let (id, _) = put(&mut alerts, &report("1", None, None), 1000);
        let other = alerts.read(id, &report("2", None, None), now, now + TIMEOUT);
        assert_eq!(alerts.put(id, other, now), ReportOutcome::None);
        assert_eq!(alerts.get(id).unwrap().alert.labels.get("i"), Some("1"));
    }

    #[test]
    fn the_text_of_all_alerts_is_bounded() {
        let mut alerts = Alerts::default();
        let mut large = report("1", None, None);
        let half = "x".repeat(ALERTS_BYTES_MAX / 2);
        large.annotations = vec![("s".into(), half.into())];
        let (id, _) = put(&mut alerts, &large, 1000);
        assert!(alerts.has_bytes_for(Fingerprint(1), 10, 1));
        assert!(!alerts.has_bytes_for(Fingerprint(1), ALERTS_BYTES_MAX / 2, 1));
        assert!(!alerts.has_bytes_for(Fingerprint(1), 10, ALERTS_PAIRS_MAX));
        assert!(alerts.has_bytes_for(id, large.bytes(), 3), "it has as many already");
        assert!(!alerts.has_bytes_for(id, large.bytes() + 1, 3));
        put(&mut alerts, &report("1", None, None), 1010);
        assert_eq!(alerts.bytes, "alertnameAi1".len(), "a change is counted");
        assert!(alerts.has_bytes_for(Fingerprint(1), ALERTS_BYTES_MAX / 2, 1));
    }

    #[test]
    fn old_texts_that_somebody_holds_leave_less_room_for_new_ones() {
        let mut alerts = Alerts::default();
        let with = |summary: String| {
            let mut report = report("1", None, None);
            report.annotations = vec![("s".into(), summary.into())];
            report
        };
        let large = |number: usize| with(format!("{number:0$}", ALERT_BYTES_MAX / 2));
        let (id, _) = put(&mut alerts, &large(0), 1000);
        let mut held = Vec::new();
        let mut number = 0;
        while alerts.has_room_for_text(id, &large(number + 1)) {
            number += 1;
            held.push(Rc::clone(&alerts.get(id).unwrap().alert));
            put(&mut alerts, &large(number), 1000);
            assert!(alerts.pool.bytes() <= TEXTS_BYTES_MAX);
        }
        assert!(number > 100, "{number}");
        assert!(alerts.has_room_for_text(id, &large(number)), "it says nothing new");
        drop(held);
        assert!(alerts.has_room_for_text(id, &large(number + 1)));
        assert!(alerts.pool.bytes() < ALERT_BYTES_MAX);
    }

    #[test]
    fn an_alert_that_no_record_could_hold_is_refused() {
        let of = |bytes: usize| {
            let text = "x".repeat(bytes - "asummary".len() - 1);
            Report::new(
                vec![("a".into(), "1".into())],
                vec![("summary".into(), text.into())],
                None,
                None,
                "".into(),
            )
        };
        let fault = |report: &Report<'_>| fault(report, Wall::from_secs(1300), Grammar::Classic);
        assert_eq!(fault(&of(ALERT_BYTES_MAX)), None);
        let text = fault(&of(ALERT_BYTES_MAX + 1)).unwrap();
        assert_eq!(
            text,
            "labels, annotations and link of 49153 bytes; at most 49152 are kept: shorten them"
        );
    }

    #[test]
    fn faults_are_named_in_alertmanagers_words() {
        let fault = |report: &Report<'_>| {
            fault(report, report.ends_at.unwrap_or(Wall::from_secs(1300)), Grammar::Classic)
        };
        assert_eq!(fault(&report("1", None, None)), None);
        assert_eq!(
            fault(&report("1", Some(5), Some(4))).as_deref(),
            Some("start time must be before end time")
        );
        let bad = Report::new(vec![], vec![("a-b".into(), "x".into())], None, None, "".into());
        assert_eq!(
            fault(&bad).as_deref(),
            Some("at least one label pair required\ninvalid annotations: invalid name \"a-b\"")
        );
    }
}
