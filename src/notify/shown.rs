//! Requests and answers for people to read: everything that is sent, and `<secret>` where a secret stands.

use std::fmt::Write as _;

use crate::config::{Authorization, Proxy, Secret, sounds_secret};
use crate::limits::REPLY_BYTES_MAX;
use crate::model::mail::MailAddress;
use crate::model::{Url, base64, brief};
use crate::notify::{Draft, HttpRequest, Outgoing, Reply, Target};

const SECRET: &str = "<secret>";
const SECRET_ESCAPED: &str = "%3Csecret%3E";
/// A secret that is shorter is not looked for in an answer: the text of chance would be hidden.
const HIDDEN_BYTES_MIN: usize = 4;

impl Draft {
    /// The request that is sent, without its secrets, or why there can be none.
    pub fn shown(&self) -> Result<String, String> {
        let outgoing = self.outgoing(self.notification().now, &mut |_| SECRET.to_owned())?;
        let mut text = shown(&outgoing);
        if let (Outgoing::Http(_), Ok(Outgoing::Http(whole))) = (&outgoing, self.inline())
            && let Some(origin) = whole.url.inline().and_then(|url| Url::parse(&url).ok())
        {
            // The host is no secret, and it is what a wrong URL shows in.
            let (line, rest) = text.split_once('\n').unwrap_or((&text, ""));
            if let Some(method) = line.strip_suffix(SECRET).filter(|it| it.ends_with(' ')) {
                text = format!("{method}{origin}/{SECRET}\n{rest}");
            }
        }
        Ok(brief::cut(&text, REPLY_BYTES_MAX).to_owned())
    }

    /// Every secret that this draft sends: those of its keys and those of `http_config`.
    pub fn all_secrets(&self) -> Vec<Secret> {
        let mut all = self.secrets();
        match &self.http().authorization {
            Authorization::None => {}
            Authorization::Basic { password, .. } => all.push(password.clone()),
            Authorization::Scheme(_, credentials) => all.push(credentials.clone()),
            Authorization::OAuth2(oauth2) => {
                all.push(oauth2.client_secret.clone());
                all.extend(oauth2.refresh_token.clone());
                let params = oauth2.endpoint_params.iter().filter(|(name, _)| sounds_secret(name));
                all.extend(params.map(|(_, value)| Secret::Inline(value.as_str().into())));
                all.extend(of_proxy(&oauth2.proxy));
            }
        }
        all.extend(of_proxy(&self.http().proxy));
        all.extend(self.http().headers.iter().map(|(_, value)| value.clone()));
        all
    }
}

/// The secrets that a proxy is sent.
fn of_proxy(proxy: &Proxy) -> impl Iterator<Item = Secret> {
    let users = proxy.http.iter().chain(&proxy.https).filter_map(Url::user);
    let passwords = users.map(|user| Secret::Inline(user.password.as_str().into()));
    passwords.chain(proxy.connect_headers.iter().map(|(_, value)| value.clone()))
}

impl Reply {
    /// Whether it has a text of the other side.
    pub const fn has_text(&self) -> bool {
        !matches!(self, Self::Done) && !matches!(self, Self::Http { body, .. } if body.is_empty())
    }

    /// The answer, if there was one.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::Done => Some("accepted".to_owned()),
            Self::Http { status, body, .. } if body.is_empty() => Some(format!("status {status}")),
            Self::Http { status, body, .. } => Some(format!("status {status}\n\n{body}")),
            Self::Exit { code, output } => {
                let end = match code {
                    Some(code) => format!("exit status {code}"),
                    None => "ended by a signal".to_owned(),
                };
                Some(if output.is_empty() { end } else { format!("{end}\n\n{output}") })
            }
            Self::Failed(_) | Self::Unsendable(_) => None,
        }
    }

    /// The same with `<secret>` for each of these texts that the other side repeats.
    #[must_use]
    pub fn without(mut self, secrets: &[String]) -> Self {
        let text = match &mut self {
            Self::Done => return self,
            Self::Http { body, .. } => body,
            Self::Exit { output, .. } => output,
            Self::Failed(failure) => &mut failure.why,
            Self::Unsendable(why) => why,
        };
        for secret in secrets {
            // Of a URL, its password, path and query are what is secret.
            let rest = secret.split_once("://").map(|(_, rest)| rest);
            let path = rest.and_then(|rest| rest.split_once('/')).map(|(_, path)| path);
            let user = rest.and_then(|rest| rest.split('/').next()?.rsplit_once('@'));
            let password = user.and_then(|(user, _)| user.split_once(':')).map(|(_, it)| it);
            // As JSON has it, and as a mail server is told it.
            let quoted = serde_json::Value::from(secret.as_str()).to_string();
            let quoted = quoted.trim_matches('"');
            let encoded = base64::encode(secret.as_bytes());
            let parts = [Some(secret.as_str()), Some(quoted), Some(&encoded), path, password];
            for part in parts.into_iter().flatten().filter(|it| it.len() >= HIDDEN_BYTES_MIN) {
                *text = text.replace(part, SECRET);
            }
        }
        self
    }
}

fn shown(outgoing: &Outgoing) -> String {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match outgoing {
        Outgoing::Log(line) => format!("LOG\n\n{line}"),
        Outgoing::Http(request) => http(request),
        Outgoing::Mail(mail) => {
            let to: Vec<&str> = mail.plan.to.iter().map(MailAddress::as_str).collect();
            let message = lossy(&mail.plan.message).replace("\r\n", "\n");
            let (host, port) = (&mail.host, mail.port);
            let from = mail.plan.from.as_str();
            format!("MAIL {host}:{port}\nfrom {from}\nto {}\n\n{message}", to.join(", "))
        }
        Outgoing::Mqtt(mqtt) => {
            let mut text = format!("MQTT {}:{}", mqtt.broker.host, mqtt.broker.port);
            for message in &mqtt.messages {
                let payload = lossy(&message.payload);
                // Writing to a String cannot fail.
                write!(text, "\n\nPUBLISH {} qos={:?}\n{payload}", message.topic, message.qos).ok();
            }
            text
        }
        Outgoing::Exec(exec) => {
            let mut text = format!("EXEC {}", exec.command.join(" "));
            for (name, value) in &exec.environment {
                write!(text, "\n{name}={value}").ok();
            }
            format!("{text}\n\n{}", lossy(&exec.input))
        }
        Outgoing::Syslog(syslog) => {
            let place = match &syslog.target {
                Target::Udp(host, port) => format!("udp://{host}:{port}"),
                Target::Tcp(host, port) => format!("tcp://{host}:{port}"),
                Target::Tls(host, port, _) => format!("tls://{host}:{port}"),
                Target::Unix(path) => format!("unix://{path}"),
            };
            format!("SYSLOG {place}\n\n{}", syslog.message)
        }
        Outgoing::File(line) => format!("FILE {}\n\n{}", line.path.display(), lossy(&line.line)),
    }
}

/// A URL without a user and a password in it.
fn without_user(url: &str) -> String {
    match (url.split_once("://"), Url::parse(url)) {
        (Some((scheme, rest)), Ok(parsed)) if parsed.user().is_some() => {
            let place = rest.split_once('@').map_or(rest, |(_, place)| place);
            format!("{scheme}://{SECRET}@{place}")
        }
        _ => url.to_owned(),
    }
}

fn http(request: &HttpRequest) -> String {
    // A secret was replaced by its placeholder, so the whole can be shown.
    let url = request.url.inline().unwrap_or_default().replace(SECRET_ESCAPED, SECRET);
    let mut text = format!("{} {}", request.method, without_user(&url));
    let mut header = |name: &str, value: &str| write!(text, "\n{name}: {value}").ok();
    for (name, value) in &request.headers {
        let whole = value.inline().unwrap_or_default();
        // A signature that was made with that word is none.
        let is_signature = value.has_secrets()
            && !whole.contains(SECRET)
            && (name == "Authorization" || name.contains("Signature"));
        header(name, if is_signature { SECRET } else { &whole });
    }
    match &request.http.authorization {
        Authorization::None => None,
        Authorization::Basic { .. } => header("Authorization", "Basic <secret>"),
        Authorization::Scheme(scheme, _) => header("Authorization", &format!("{scheme} {SECRET}")),
        Authorization::OAuth2(_) => header("Authorization", "Bearer <secret>"),
    };
    for (name, _) in &request.http.headers {
        header(name, SECRET);
    }
    format!("{text}\n\n{}", request.body.inline().unwrap_or_default())
}
