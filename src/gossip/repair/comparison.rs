//! Which member ranges are compared with: one at a time, so that a node that has lost everything gets it once.

use std::time::Duration;

use crate::time::Mono;

/// If the partner sends no record for so long another member may take its place; later if it has sent so many records that it
/// is likely to be busy sending more.
const PARTNER_FOR: Duration = Duration::from_millis(300);
const BULK_PARTNER_FOR: Duration = Duration::from_secs(2);
const BULK: u32 = 512;
/// A comparison that is not answered is begun again after this, so many times in all.
const ASK_AGAIN: Duration = Duration::from_millis(200);
const ASK_TRIES: u32 = 3;

/// The comparison that is going on, if any.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    partner: Option<Partner>,
    /// A comparison that we began and that was not answered.
    asked: Option<Asked>,
}

/// The member with which ranges are compared.
#[derive(Debug)]
struct Partner {
    node: u64,
    until: Mono,
    /// Records that it has sent.
    received: u32,
    /// Until when it is taken to be sending more.
    sends_until: Mono,
}

#[derive(Debug)]
struct Asked {
    node: u64,
    tries: u32,
    next: Mono,
}

impl Comparison {
    pub(super) fn next_timeout(&self) -> Option<Mono> {
        self.asked.as_ref().map(|asked| asked.next)
    }

    /// Begins to compare with this member, unless another comparison is going on.
    pub(super) fn begin(&mut self, now: Mono, node: u64) {
        if self.take_partner(now, node) {
            self.asked = Some(Asked { node, tries: 0, next: now });
        }
    }

    /// The member to ask for its ranges now, for the first time or again.
    pub(super) fn due(&mut self, now: Mono) -> Option<u64> {
        let asked = self.asked.as_mut().filter(|asked| asked.next <= now)?;
        (asked.tries, asked.next) = (asked.tries + 1, now + ASK_AGAIN);
        let (node, tries) = (asked.node, asked.tries);
        if tries > ASK_TRIES {
            self.asked = None;
            self.partner.take_if(|partner| partner.node == node && partner.received == 0);
            return None;
        }
        self.take_partner(now, node).then_some(node)
    }

    /// This member has answered.
    pub(super) fn note_answer(&mut self, node: u64) {
        self.asked.take_if(|asked| asked.node == node);
    }

    /// This member has the same records: there is nothing to compare.
    pub(super) fn note_agreement(&mut self, node: u64) {
        self.partner.take_if(|partner| partner.node == node);
        self.note_answer(node);
    }

    /// Notes a record that a member has sent in repair. A member that sends only records that were asked for by name has
    /// little to send: it does not become the partner.
    pub(super) fn note_received(&mut self, now: Mono, node: u64, by_name: bool) {
        let is_partner = self.partner.as_ref().is_some_and(|partner| partner.node == node);
        if (is_partner || !by_name)
            && self.take_partner(now, node)
            && let Some(partner) = &mut self.partner
        {
            partner.received += 1;
            partner.sends_until = partner.until;
            self.note_answer(node);
        }
    }

    /// The member that is sending us the records we lack. A member that was asked and has sent nothing does not count, or three
    /// members could wait in a circle.
    pub(super) fn sender(&self, now: Mono) -> Option<u64> {
        self.sending(now).map(|partner| partner.node)
    }

    /// Whether a member is sending us so much that others, if they knew how much we lack, could not help.
    pub(super) fn receives_much(&self, now: Mono) -> bool {
        self.sending(now).is_some_and(|partner| partner.received >= BULK)
    }

    fn sending(&self, now: Mono) -> Option<&Partner> {
        self.partner.as_ref().filter(|partner| partner.sends_until > now)
    }

    /// Whether ranges may be compared with this member now; then it is the partner.
    fn take_partner(&mut self, now: Mono, node: u64) -> bool {
        self.partner.take_if(|partner| partner.node != node && partner.until <= now);
        let partner =
            self.partner.get_or_insert(Partner { node, until: now, received: 0, sends_until: now });
        if partner.node == node {
            let bulk = partner.received >= BULK;
            partner.until = now + if bulk { BULK_PARTNER_FOR } else { PARTNER_FOR };
        }
        partner.node == node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_sends_no_more_keeps_nobody_waiting() {
        let at = Mono::from_ms;
        let mut comparison = Comparison::default();
        comparison.note_received(at(0), 7, false);
        assert_eq!(comparison.sender(at(299)), Some(7));
        assert!(comparison.take_partner(at(200), 7), "asked again");
        assert_eq!(comparison.sender(at(300)), None);
        assert!(!comparison.take_partner(at(499), 8), "it is compared with all the same");
        assert!(comparison.take_partner(at(500), 8));
    }
}
