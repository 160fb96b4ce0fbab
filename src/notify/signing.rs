//! The signature of a webhook's body, computed while the body is written: of a large one at once it would take long.

use ring::hmac;

use crate::notify::text::hex;
use crate::time::Wall;

/// A signature that is being computed.
#[derive(Clone, Debug)]
pub(super) struct Signing {
    secs: i64,
    context: hmac::Context,
    /// Bytes of the body that it has seen.
    seen: usize,
}

impl Signing {
    /// HMAC with SHA-256 over the time, a dot and the body: a receiver that checks both refuses what is not ours, and what
    /// was sent long ago.
    pub(super) fn new(secret: &str, now: Wall) -> Self {
        let secs = now.as_ns().div_euclid(1_000_000_000);
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let mut context = hmac::Context::with_key(&key);
        context.update(format!("{secs}.").as_bytes());
        Self { secs, context, seen: 0 }
    }

    /// Takes what was written of the body since it was last asked.
    pub(super) fn go_on(&mut self, body: &str) {
        self.context.update(body.as_bytes().get(self.seen..).unwrap_or_default());
        self.seen = body.len();
    }

    /// How many bytes of the body it has taken.
    #[cfg(test)]
    pub(super) const fn seen(&self) -> usize {
        self.seen
    }

    /// The text that stands in the header, once all of the body is written.
    pub(super) fn finish(mut self, body: &str) -> String {
        self.go_on(body);
        format!("t={},v1={}", self.secs, hex(self.context.sign().as_ref()))
    }
}
