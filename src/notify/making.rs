//! A request that is being made: what it says of thousands of alerts is written in pieces, so that others have their turn
//! between two of them.

use std::cell::RefCell;
use std::mem;

use crate::config::Values;
use crate::limits::WRITTEN_BYTES_AT_ONCE;
use crate::model::{Alert, Labels};
use crate::notify::signing::Signing;
use crate::notify::{AlertView, Draft, Message, Outgoing};
use crate::time::Wall;

/// How a receiver type writes the alerts of a notification, if it writes all of them and each for itself.
#[derive(Debug)]
pub struct Each {
    /// The text before the first alert.
    pub begin: fn(&Message<'_>) -> String,
    /// Adds an alert; what stands between two is the next one's.
    pub add: fn(&Message<'_>, &AlertView, &mut String),
}

/// The written alerts, and the values that these have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    /// The text, without its end.
    pub(super) text: String,
    common: Option<(Labels, Labels)>,
    /// Its signature so far, if it is to have one.
    signing: Option<Signing>,
}

impl Written {
    /// The labels that all alerts that were written share.
    pub(super) fn common_labels(&self) -> Labels {
        self.common.as_ref().map_or_else(Labels::empty, |(labels, _)| labels.clone())
    }

    /// The annotations that they share.
    pub(super) fn common_annotations(&self) -> Labels {
        self.common.as_ref().map_or_else(Labels::empty, |(_, annotations)| annotations.clone())
    }

    fn note(&mut self, alert: &Alert) {
        let Alert { labels, annotations, .. } = alert;
        self.common = Some(match self.common.take() {
            None => (labels.clone(), annotations.clone()),
            Some((all, of_all)) => (all.common(labels), of_all.common(annotations)),
        });
    }
}

/// A request that is being made.
#[derive(Debug)]
pub struct Making<'a> {
    draft: &'a Draft,
    /// Templates rendered, secrets read.
    values: Values,
    now: Wall,
    written: Option<Written>,
    /// How many alerts were written.
    count: usize,
}

impl<'a> Making<'a> {
    pub(super) const fn new(draft: &'a Draft, values: Values, now: Wall) -> Self {
        Self { draft, values, now, written: None, count: 0 }
    }

    /// Writes another piece, of [`WRITTEN_BYTES_AT_ONCE`] and at most an alert more. Returns whether everything is written.
    pub fn go_on(&mut self) -> bool {
        let Some(each) = self.each() else { return true };
        let message = self.draft.message(&self.values, self.now, Written::default());
        let mut written = self.written.take().unwrap_or_else(|| {
            let mut text = (each.begin)(&message);
            // Else it would be copied whenever it grows.
            text.reserve(self.draft.bytes());
            let signs = self.values.knows("hmac_secret") && self.values.has("hmac_secret");
            let sign = || Signing::new(self.values.text("hmac_secret"), self.now);
            Written { text, common: None, signing: signs.then(sign) }
        });
        let most = written.text.len() + WRITTEN_BYTES_AT_ONCE;
        let mut left = message.told().iter().skip(self.count);
        while written.text.len() < most
            && let Some(view) = left.next()
        {
            (each.add)(&message, view, &mut written.text);
            written.note(&view.alert);
            self.count += 1;
        }
        if let Some(signing) = &mut written.signing {
            signing.go_on(&written.text);
        }
        let is_all = left.len() == 0;
        self.written = Some(written);
        is_all
    }

    /// The request, once everything is written, or why nothing can be sent.
    pub fn finish(mut self) -> Result<Outgoing, String> {
        while !self.go_on() {}
        let written = mem::take(&mut self.written).unwrap_or_default();
        self.draft.request(&self.draft.message(&self.values, self.now, written))
    }

    /// How the alerts are written, if they are.
    fn each(&self) -> Option<&'static Each> {
        // A text of the user's own stands instead of them.
        let has_own = self.values.knows("payload") && self.values.has("payload");
        self.draft.each().filter(|_| !has_own)
    }
}

impl Message<'_> {
    /// The alerts that are told of.
    pub(super) fn told(&self) -> &[AlertView] {
        let alerts = &self.notification.alerts;
        let max =
            if self.values.knows("max_alerts") { self.values.number("max_alerts") } else { 0 };
        let most = usize::try_from(max).ok().filter(|max| *max > 0);
        most.and_then(|max| alerts.get(..max)).unwrap_or(alerts)
    }

    /// Whether the texts of the alerts alone have more bytes than that: then what is made of them need not be made to be
    /// refused, which takes long.
    pub(super) fn tells_more_than(&self, bytes: usize) -> bool {
        let mut told = self.told().iter();
        let left = told.try_fold(bytes, |left, it| left.checked_sub(it.alert.bytes()));
        left.is_none()
    }

    /// Takes the signature of what was written.
    pub(super) fn signing(&self) -> Option<Signing> {
        self.written.borrow_mut().signing.take()
    }

    /// Takes what was written of the alerts.
    pub(super) fn written(&self) -> Written {
        self.written.take()
    }
}

/// The written text, until a request takes it.
pub(super) type Holder = RefCell<Written>;

#[cfg(test)]
mod tests {
    use crate::config::Secret;
    use crate::notify::signing::Signing;
    use crate::notify::testing::{drafted, notification};
    use crate::notify::{Draft, Notification, Outgoing};

    /// Some thousand alerts, many times what is written at once.
    fn large() -> Notification {
        let mut large = notification(&[("i1", false), ("i2", false)]);
        large.alerts = large.alerts.iter().cycle().take(5_000).cloned().collect();
        large
    }

    fn debug(outgoing: Outgoing) -> String {
        match outgoing {
            Outgoing::Http(it) => it.body.inline().unwrap(),
            other => format!("{other:?}"),
        }
    }

    fn pieces(draft: &Draft) -> (usize, String) {
        let mut read = |secret: &Secret| secret.inline().unwrap_or_default().to_owned();
        let mut making = draft.begin(draft.notification().now, &mut read).unwrap();
        let mut pieces = 1;
        while !making.go_on() {
            pieces += 1;
        }
        (pieces, debug(making.finish().unwrap()))
    }

    #[test]
    fn a_large_request_is_written_in_pieces_and_is_the_same() {
        for config in [
            "webhook_configs: [{url: 'http://x'}]",
            "alertmanager_configs: [{url: 'http://x'}]",
            "exec_configs: [{command: [/bin/true]}]",
            "file_configs: [{path: /run/x, max_bytes: 100000000}]",
            "log_configs: [{}]",
        ] {
            let draft = drafted("", config, large());
            let (count, text) = pieces(&draft);
            assert!(count > 1, "{config}: {count}");
            assert_eq!(text, debug(draft.inline().unwrap()), "{config}");
        }
    }

    #[test]
    fn a_large_request_is_signed_as_it_is_written() {
        let config = "webhook_configs: [{url: 'http://x', hmac_secret: k}]";
        let draft = drafted("", config, large());
        let mut read = |secret: &Secret| secret.inline().unwrap_or_default().to_owned();
        let mut making = draft.begin(draft.notification().now, &mut read).unwrap();
        let mut seen = 0;
        while !making.go_on() {
            let written = making.written.as_ref().unwrap();
            let new = written.signing.as_ref().unwrap().seen();
            assert_eq!(new, written.text.len());
            assert!(new > seen, "{new}");
            seen = new;
        }
        let Outgoing::Http(sent) = making.finish().unwrap() else { panic!("it is HTTP") };
        let body = sent.body.inline().unwrap();
        let at_once = Signing::new("k", draft.notification().now).finish(&body);
        assert_eq!(sent.headers.last().unwrap().1.inline().unwrap(), at_once);
    }

    #[test]
    fn a_payload_of_the_users_own_and_few_alerts_are_one_piece() {
        let own = "webhook_configs: [{url: 'http://x', payload: {n: 1}}]";
        assert_eq!(pieces(&drafted("", own, large())), (1, "{\"n\":1}\n".to_owned()));
        let few = "webhook_configs: [{url: 'http://x', max_alerts: 3}]";
        let (count, text) = pieces(&drafted("", few, large()));
        assert!(count == 1 && text.contains("\"truncatedAlerts\":4997"), "{text}");
    }
}
