//! Files of `web.config.file` and the hashes of passwords in them: what is taken keeps to the limits, and no hash is shown.

use std::path::Path;

use bellwether::config::{Admission, PasswordHash};
use bellwether::limits::{BCRYPT_COST_MAX, TOKEN_BYTES_MIN, WEB_NAMES_MAX};

use crate::input::{is_line_end, utf8};

/// The part of a hash that no message may show.
const SALT: &str = "abcdefghijklmnopqrstuuHNbAK";

pub fn run(bytes: &[u8]) {
    let lines = bytes.split(is_line_end).count();
    match Admission::load(bytes, Path::new("web.yml")) {
        Ok((admission, _)) => {
            assert!(admission.users.len() + admission.tokens.len() <= WEB_NAMES_MAX);
            assert!(admission.users.iter().all(|user| user.hash.cost <= BCRYPT_COST_MAX));
            for token in &admission.tokens {
                assert!(token.secret.inline().is_none_or(|it| it.len() >= TOKEN_BYTES_MIN));
            }
            assert!(!format!("{admission:?}").contains(SALT));
        }
        Err(errors) => {
            assert!(!errors.problems.is_empty());
            assert!(errors.problems.iter().all(|it| it.line <= lines && !it.text.is_empty()));
        }
    }
    let text = utf8(bytes).lines().next().unwrap_or_default();
    match PasswordHash::parse(text) {
        Ok(hash) => {
            assert!((4..=BCRYPT_COST_MAX).contains(&hash.cost));
            // The versions differ in the mistakes that were made long ago, not in their form.
            let other = format!("$2y{}", &text[3..]);
            assert_eq!(PasswordHash::parse(&other), Ok(hash));
        }
        Err(why) => {
            // A fuzzer that learns from comparisons writes the message itself.
            let is_ours = PasswordHash::parse("").is_err_and(|ours| ours.contains(text));
            assert!(text.len() < 20 || is_ours || !why.contains(text), "{why}");
        }
    }
}
