//! Tokens of OAuth 2 by client credentials or a refresh token (RFC 6749, sections 4.4 and 6): fetched when needed, kept
//! until they end.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use smol::lock::Mutex;

use super::{Call, Client, Error, Header, Taken, basic, read};
use crate::config::OAuth2;
use crate::limits::{TOKEN_MARGIN, TOKENS_MAX};
use crate::model::Brief;
use crate::model::url::{UserInfo, escape_component};
use crate::shell::clock;

/// The tokens of all settings, least recently used first.
#[derive(Debug, Default)]
pub(super) struct Tokens(RefCell<Vec<(OAuth2, Slot)>>);

/// Held while a token is fetched, so that many notifications fetch one.
type Slot = Rc<Mutex<State>>;

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    /// Whether the server wants the client's id and secret in the body. It is asked with a header first.
    in_body: bool,
}

#[derive(Clone)]
struct Token {
    header: String,
    /// On the clock since boot.
    ends: Option<Duration>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("ends", &self.ends).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Granted {
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

impl Tokens {
    fn slot(&self, oauth2: &OAuth2) -> Slot {
        let mut all = self.0.borrow_mut();
        let place = all.iter().position(|(known, _)| known == oauth2);
        let one = place.map(|place| all.remove(place));
        let one = one.unwrap_or_else(|| (oauth2.clone(), Slot::default()));
        let slot = Rc::clone(&one.1);
        if all.len() >= TOKENS_MAX {
            all.remove(0);
        }
        all.push(one);
        slot
    }

    /// Forgets a token that was refused.
    pub(super) async fn forget(&self, oauth2: &OAuth2) {
        self.slot(oauth2).lock().await.token = None;
    }
}

impl Client {
    /// The value of the header `Authorization`: a token that is kept, or a new one.
    pub(in crate::shell::notifier) async fn token(&self, oauth2: &OAuth2) -> Result<String, Error> {
        let slot = self.tokens.slot(oauth2);
        let mut state = slot.lock().await;
        let now = clock::boot_time();
        let is_good = |token: &&Token| token.ends.is_none_or(|ends| now + TOKEN_MARGIN < ends);
        if let Some(token) = state.token.as_ref().filter(is_good) {
            return Ok(token.header.clone());
        }
        let mut token = self.fetch(oauth2, state.in_body).await?;
        if token.is_none() {
            token = self.fetch(oauth2, true).await?;
            state.in_body = token.is_some();
        }
        state.token = token;
        Ok(state.token.as_ref().map(|token| token.header.clone()).unwrap_or_default())
    }

    /// Fetches a token. None if the server refuses our credentials in a header: it may take them in the body.
    async fn fetch(&self, oauth2: &OAuth2, in_body: bool) -> Result<Option<Token>, Error> {
        let secret = read(&oauth2.client_secret).await?;
        let mut form = Vec::new();
        // As in Go, this parameter may be another than usual.
        if !oauth2.endpoint_params.iter().any(|(name, _)| name == "grant_type") {
            let is_user = oauth2.refresh_token.is_some();
            let grant = if is_user { "refresh_token" } else { "client_credentials" };
            form.push(("grant_type", grant.to_owned()));
        }
        if let Some(token) = &oauth2.refresh_token {
            form.push(("refresh_token", read(token).await?));
        }
        if !oauth2.scopes.is_empty() {
            form.push(("scope", oauth2.scopes.join(" ")));
        }
        form.extend(oauth2.endpoint_params.iter().map(|(name, value)| (&**name, value.clone())));
        let plain = |name: &str, value: &str, is_secret| Header {
            name: name.to_owned(),
            value: value.to_owned(),
            is_secret,
        };
        let mut headers = vec![
            plain("User-Agent", super::AGENT, false),
            plain("Content-Type", "application/x-www-form-urlencoded", false),
        ];
        if in_body || secret.is_empty() {
            form.push(("client_id", oauth2.client_id.clone()));
            if !secret.is_empty() {
                form.push(("client_secret", secret));
            }
        } else {
            let (name, password) = (escape_component(&oauth2.client_id), escape_component(&secret));
            headers.push(plain("Authorization", &basic(&UserInfo { name, password }), true));
        }
        let pairs = form
            .iter()
            .map(|(name, value)| format!("{}={}", escape_component(name), escape_component(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let call = Call {
            method: "POST",
            target: oauth2.token_url.clone(),
            headers,
            body: Some(&body),
            tls: &oauth2.tls,
            proxy: &oauth2.proxy,
        };
        let answer = self.exchange(&call, &Taken::default()).await?;
        if answer.status / 100 != 2 {
            if in_body || !matches!(answer.status, 400 | 401 | 403) {
                return Err(refused(oauth2, answer.status, &answer.body));
            }
            return Ok(None);
        }
        granted(&answer.body).map(Some).ok_or_else(|| {
            let why = "the answer has no access_token".to_owned();
            Error::Token(oauth2.token_url.authority(), why)
        })
    }
}

fn granted(body: &[u8]) -> Option<Token> {
    let granted: Granted = serde_json::from_slice(body).ok()?;
    // Some say `"3600"`.
    let seconds = granted.expires_in.and_then(|value| match value {
        serde_json::Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    });
    let scheme = match granted.token_type.as_str() {
        kind if kind.is_empty() || kind.eq_ignore_ascii_case("bearer") => "Bearer",
        kind => kind,
    };
    let header = format!("{scheme} {}", granted.access_token);
    let ends = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
    Some(Token { header, ends: ends.map(|life| clock::boot_time() + life) })
}

/// Says what the server says of its refusal, as far as RFC 6749 has it.
fn refused(oauth2: &OAuth2, status: u16, body: &[u8]) -> Error {
    let said: Refused = serde_json::from_slice(body).unwrap_or_default();
    let mut why = format!("status {status}");
    for text in [said.error, said.error_description] {
        if !text.is_empty() {
            why = format!("{why}: {}", Brief(&text));
        }
    }
    why.push_str("; check client_id, client_secret and scopes");
    Error::Token(oauth2.token_url.authority(), why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Proxy, Secret, Tls};
    use crate::model::Url;

    #[test]
    fn a_token_is_read_from_the_answer_of_its_server() {
        let token = granted(br#"{"access_token":"a","token_type":"bearer","expires_in":"60"}"#);
        let token = token.unwrap();
        assert_eq!(token.header, "Bearer a");
        assert!(token.ends.is_some_and(|ends| ends > clock::boot_time()));
        assert!(!format!("{token:?}").contains("Bearer"));
        let bare = granted(br#"{"access_token":"a","token_type":"MAC","expires_in":0}"#).unwrap();
        assert_eq!((&*bare.header, bare.ends), ("MAC a", None));
        assert!(granted(b"<html>").is_none() && granted(b"{}").is_none());
    }

    #[test]
    fn so_many_tokens_are_kept_and_the_one_used_longest_ago_goes() {
        let of = |number: usize| OAuth2 {
            client_id: number.to_string(),
            client_secret: Secret::Inline("x".into()),
            refresh_token: None,
            scopes: Vec::new(),
            token_url: Url::parse("http://tokens.example/").unwrap(),
            endpoint_params: Vec::new(),
            tls: Tls::default(),
            proxy: Proxy::default(),
        };
        let tokens = Tokens::default();
        let first = tokens.slot(&of(0));
        for number in 1..TOKENS_MAX {
            tokens.slot(&of(number));
        }
        assert!(Rc::ptr_eq(&first, &tokens.slot(&of(0))), "all have room");
        tokens.slot(&of(TOKENS_MAX));
        assert_eq!(tokens.0.borrow().len(), TOKENS_MAX);
        let is_kept = |number: usize| tokens.0.borrow().iter().any(|it| it.0 == of(number));
        assert!(is_kept(0) && !is_kept(1) && is_kept(TOKENS_MAX));
    }
}
