//! An HTTP request as a receiver makes it: pure, with holes where secrets go.

use std::fmt;
use std::sync::Arc;

use crate::config::{Http, Secret};
use crate::model::url::escape_component;

/// An HTTP request to make.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// `POST`
    pub method: &'static str,
    /// Where to: an absolute URL. A user in it is told as `basic_auth` would.
    pub url: SecretText,
    /// In order. `Host`, `Content-Length`, `User-Agent`, `Connection` and whatever `http` says are the shell's. One
    /// with a secret in it is lost when a redirect leads to another host.
    pub headers: Vec<(String, SecretText)>,
    /// The body.
    pub body: SecretText,
    /// How the other side is reached: authorization, more headers, TLS, proxy, redirects.
    pub http: Arc<Http>,
}

/// A text in which secrets may stand that are read only when it is sent. `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretText(Vec<Part>);

/// A piece of a [`SecretText`].
#[derive(Clone, PartialEq, Eq)]
pub enum Part {
    /// As it is.
    Plain(String),
    /// The secret's text, escaped for its place.
    Secret(Secret, Escape),
}

/// How a secret is written into its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// As it is.
    Nothing,
    /// Inside the quotes of a JSON string.
    Json,
    /// In a path segment, a query or a form.
    Url,
}

impl Escape {
    /// The secret as it is written.
    pub fn apply(self, secret: &str) -> String {
        match self {
            Self::Nothing => secret.to_owned(),
            Self::Url => escape_component(secret),
            Self::Json => {
                let quoted = serde_json::Value::from(secret).to_string();
                let inner = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                inner.unwrap_or_default().to_owned()
            }
        }
    }
}

impl SecretText {
    /// A secret that is read already.
    pub fn secret(text: &str) -> Self {
        Self::from(&Secret::Inline(text.into()))
    }

    /// Adds what is no secret.
    pub fn push(&mut self, text: impl Into<String>) {
        self.0.push(Part::Plain(text.into()));
    }

    /// Adds a secret.
    pub fn push_secret(&mut self, secret: &Secret, escape: Escape) {
        self.0.push(Part::Secret(secret.clone(), escape));
    }

    /// Its pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Whether any of it is secret.
    pub fn has_secrets(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Secret(..)))
    }

    /// The whole, secrets included, if none of them is in a file.
    pub fn inline(&self) -> Option<String> {
        self.written(|secret| match secret {
            Secret::Inline(text) => Some(text.as_ref().to_owned()),
            Secret::File(_) => None,
        })
    }

    /// The whole with what `read` makes of its secrets; none if that has none.
    fn written(&self, read: impl Fn(&Secret) -> Option<String>) -> Option<String> {
        let part = |part: &Part| match part {
            Part::Plain(text) => Some(text.clone()),
            Part::Secret(secret, escape) => Some(escape.apply(&read(secret)?)),
        };
        self.0.iter().map(part).collect()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<text>")
    }
}

/// Plain text.
impl<T: Into<String>> From<T> for SecretText {
    fn from(text: T) -> Self {
        Self(vec![Part::Plain(text.into())])
    }
}

/// A secret as it is, by itself.
impl From<&Secret> for SecretText {
    fn from(secret: &Secret) -> Self {
        Self(vec![Part::Secret(secret.clone(), Escape::Nothing)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_put_together_and_debug_shows_nothing_of_it() {
        let secret = Secret::Inline("a\"b/c".into());
        let mut text = SecretText::from("{\"key\":\"");
        text.push_secret(&secret, Escape::Json);
        text.push("\"} ");
        text.push_secret(&secret, Escape::Url);
        assert_eq!(text.inline().unwrap(), r#"{"key":"a\"b/c"} a%22b%2Fc"#);
        assert_eq!(format!("{text:?}"), "<text>");
        assert!(text.has_secrets() && !SecretText::from("x").has_secrets());
        assert_eq!(SecretText::from(&Secret::File("x".into())).inline(), None);
    }
}
