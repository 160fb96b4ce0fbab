//! Answers of a token server of OAuth 2 (RFC 6749, section 5).

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::model::Brief;

/// A token that a server has granted.
#[derive(Clone, PartialEq, Eq)]
pub struct Granted {
    /// The value of `Authorization` for it.
    pub header: String,
    /// How long it is good for, if the server says so.
    pub life: Option<Duration>,
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted").field("life", &self.life).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Grant {
    access_token: String,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

#[derive(Default, Deserialize)]
struct Refused {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// The token in the body of an answer, if there is one.
pub fn granted(body: &[u8]) -> Option<Granted> {
    let token: Grant = serde_json::from_slice(body).ok()?;
    // Some say `"3600"`.
    let seconds = token.expires_in.and_then(|value| match value {
        serde_json::Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    });
    let scheme = match token.token_type.as_str() {
        kind if kind.is_empty() || kind.eq_ignore_ascii_case("bearer") => "Bearer",
        kind => kind,
    };
    let header = format!("{scheme} {}", token.access_token);
    let life = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
    Some(Granted { header, life })
}

/// The refusal in the body of an answer; only its status where it says nothing.
pub fn refused(status: u16, body: &[u8]) -> String {
    let said: Refused = serde_json::from_slice(body).unwrap_or_default();
    let mut why = format!("status {status}");
    for text in [said.error, said.error_description] {
        if !text.is_empty() {
            why = format!("{why}: {}", Brief(&text));
        }
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_from_the_answer_of_its_server() {
        let token = granted(br#"{"access_token":"a","token_type":"bearer","expires_in":"60"}"#);
        let token = token.unwrap();
        assert_eq!((&*token.header, token.life), ("Bearer a", Some(Duration::from_mins(1))));
        assert!(!format!("{token:?}").contains("Bearer"));
        let bare = granted(br#"{"access_token":"a","token_type":"MAC","expires_in":0}"#).unwrap();
        assert_eq!((&*bare.header, bare.life), ("MAC a", None));
        assert!(granted(b"<html>").is_none() && granted(b"{}").is_none());
    }

    #[test]
    fn a_refusal_is_told_as_far_as_the_server_tells_it() {
        let body = br#"{"error":"invalid_client","error_description":"no such client"}"#;
        assert_eq!(refused(401, body), "status 401: invalid_client: no such client");
        assert_eq!(refused(500, b"<html>"), "status 500");
    }
}
