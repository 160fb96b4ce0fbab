//! Tokens of OAuth 2 by client credentials or a refresh token (RFC 6749, sections 4.4 and 6): fetched when needed, kept
//! until they end.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use smol::lock::Mutex;

use super::{Call, Client, Error, Header, Taken, basic, read};
use crate::config::OAuth2;
use crate::limits::{TOKEN_MARGIN, TOKENS_MAX};
use crate::model::url::{UserInfo, escape_component};
use crate::shell::clock;
use crate::wire::oauth2::{Granted, granted, refused};

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

impl Token {
    /// A server may grant it for longer than any clock goes.
    fn new(granted: Granted, now: Duration) -> Self {
        let ends = granted.life.map(|life| now.saturating_add(life));
        Self { header: granted.header, ends }
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("ends", &self.ends).finish_non_exhaustive()
    }
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
                let why = refused(answer.status, &answer.body);
                let why = format!("{why}; check client_id, client_secret and scopes");
                return Err(Error::Token(oauth2.token_url.authority(), why));
            }
            return Ok(None);
        }
        let granted = granted(&answer.body).ok_or_else(|| {
            let why = "the answer has no access_token".to_owned();
            Error::Token(oauth2.token_url.authority(), why)
        })?;
        Ok(Some(Token::new(granted, clock::boot_time())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Proxy, Secret, Tls};
    use crate::model::Url;

    #[test]
    fn a_token_may_last_longer_than_any_clock_goes() {
        let body = br#"{"access_token":"a","expires_in":18446744073709551615}"#;
        let token = Token::new(granted(body).unwrap(), Duration::from_secs(1));
        assert_eq!(token.ends, Some(Duration::MAX));
        assert!(!format!("{token:?}").contains("Bearer"));
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
