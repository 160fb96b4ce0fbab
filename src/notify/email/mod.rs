//! `email_configs`: a notification as a mail.

mod message;

use std::fmt::{self, Write as _};
use std::sync::Arc;

use ring::digest;

use crate::config::schema::{Around, Origin};
use crate::config::{Key, OAuth2, Schema, Takes, Tls, Values};
use crate::model::hash::fnv128;
use crate::model::mail::check_domain;
use crate::model::{MailAddress, Mailbox};
use crate::notify::{Message, Notification, Outgoing, Type, Verdict, oauth2, tls};
use crate::template::Time;
use crate::time::{SET_SINCE, Wall};
use crate::wire::smtp::{Login, Plan};
use message::Value;

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "email",
        section: "email_configs",
        origin: Origin::Old,
        send_resolved: false,
        http: false,
        instant: false,
        incidents: false,
        address: "smarthost",
        body: "html",
        keys: &[
            Key::template("to", "").required(),
            Key::template("from", "").or_global("smtp_from").required(),
            Key::text("hello", "localhost").or_global("smtp_hello"),
            Key::new("smarthost", Takes::Address).or_global("smtp_smarthost").required(),
            Key::text("auth_username", "").or_global("smtp_auth_username"),
            Key::secret("auth_password", "auth_password_file").or_global("smtp_auth_password"),
            Key::secret("auth_secret", "auth_secret_file").or_global("smtp_auth_secret"),
            Key::text("auth_identity", "").or_global("smtp_auth_identity"),
            Key::secret("auth_token", "auth_token_file").or_global("smtp_auth_token").ours(),
            Key::new("auth_oauth2", Takes::Table(oauth2::KEYS))
                .or_global("smtp_auth_oauth2")
                .ours(),
            Key::bool("require_tls", "true").or_global("smtp_require_tls"),
            Key::bool("force_implicit_tls", "").or_global("smtp_force_implicit_tls").newer(),
            Key::new("tls_config", Takes::Table(tls::KEYS)).or_global("smtp_tls_config"),
            Key::new("html", Takes::Html).or(r#"{{ template "email.default.html" . }}"#),
            Key::template("text", ""),
            Key::new("headers", Takes::Map)
                .or("Subject={{ template \"email.default.subject\" . }}"),
            Key::new("threading", Takes::Table(THREADING)).newer(),
        ],
        globals: &[
            Key::text("smtp_from", ""),
            Key::text("smtp_hello", "localhost"),
            Key::new("smtp_smarthost", Takes::Address),
            Key::text("smtp_auth_username", ""),
            Key::secret("smtp_auth_password", "smtp_auth_password_file"),
            Key::secret("smtp_auth_secret", "smtp_auth_secret_file"),
            Key::text("smtp_auth_identity", ""),
            Key::secret("smtp_auth_token", "smtp_auth_token_file").ours(),
            Key::new("smtp_auth_oauth2", Takes::Table(oauth2::KEYS)).ours(),
            Key::bool("smtp_require_tls", "true"),
            Key::new("smtp_tls_config", Takes::Table(tls::KEYS)).newer(),
            Key::bool("smtp_force_implicit_tls", "").newer(),
        ],
        check,
    },
    request,
    each: None,
    judge: |_, reply| Verdict::of(reply, &[]),
};

const THREADING: &[Key] = &[
    Key::bool("enabled", "false"),
    Key::new("thread_by_date", Takes::Choice(&["daily", "none"])).or("daily"),
];

/// A mail to send. `Debug` shows nothing secret.
#[derive(Clone)]
pub struct Mail {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How TLS is spoken with it.
    pub tls: Arc<Tls>,
    /// Where the token of the plan's login is fetched.
    pub oauth2: Option<Arc<OAuth2>>,
    /// The mail.
    pub plan: Plan,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("server", &self.plan.server).finish_non_exhaustive()
    }
}

/// Headers that are lists of addresses.
const ADDRESSES: [&str; 6] = ["From", "To", "Cc", "Bcc", "Reply-To", "Sender"];

/// Headers that say how the mail is built.
const RESERVED: [&str; 3] = ["Mime-Version", "Content-Type", "Content-Transfer-Encoding"];

fn check(values: &mut Values, _: &Around<'_>) -> Vec<String> {
    let mut wrong = tls::check(values, "tls_config");
    wrong.extend(oauth2::check(values, "auth_oauth2"));
    let has_oauth2 = values.table("auth_oauth2").is_some_and(|it| it.has("client_id"));
    if has_oauth2 && !values.has("auth_username") {
        wrong.push("auth_oauth2: missing auth_username: whose mailbox the token is for".to_owned());
    }
    if has_oauth2 && values.has("auth_token") {
        wrong.push("at most one of auth_token and auth_oauth2 can be set".to_owned());
    }
    if values.text("hello").is_empty() {
        values.set("hello", crate::config::Value::from_text("localhost"));
    }
    if let Err(why) = check_domain(values.text("hello")) {
        wrong.push(format!("hello: {why}"));
    }
    if let Err(why) = place(values.text("smarthost")) {
        wrong.push(format!("smarthost: {why}"));
    }
    for key in ["to", "from"] {
        if values.source(key).is_some_and(str::is_empty) {
            wrong.push(format!("{key}: no address"));
        }
    }
    for name in values.names("headers") {
        let name = canonical(name);
        if !message::is_header_name(&name) {
            wrong.push(format!("headers: {name:?} is no name of a header"));
        } else if RESERVED.contains(&name.as_str()) {
            wrong.push(format!("headers: {name} is set by the agent itself: remove it"));
        }
    }
    wrong
}

/// Host and port of `host:port`.
fn place(text: &str) -> Result<(String, u16), &'static str> {
    let (host, port) = text.rsplit_once(':').ok_or("missing port: write host:port")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err("missing host: write host:port");
    }
    // Alertmanager's dialer knows services by their names.
    let port = match port.trim() {
        "smtp" => 25,
        "submission" => 587,
        "smtps" | "submissions" => 465,
        number => number.parse().map_err(|_| "the port is no number")?,
    };
    Ok((host.to_owned(), port))
}

/// A header's name with a capital at the beginning of each word.
fn canonical(name: &str) -> String {
    let mut begins = true;
    let capital = |c: char| {
        let is_first = std::mem::replace(&mut begins, c == '-');
        if is_first { c.to_ascii_uppercase() } else { c }
    };
    name.chars().map(capital).collect()
}

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let list = |key| Mailbox::list(values.text(key)).map_err(|why| format!("{key}: {why}"));
    let (from, to) = (list("from")?, list("to")?);
    let [from] = from.as_slice() else {
        return Err(format!("from: must be exactly one address, found {}", from.len()));
    };
    let (host, port) = place(values.text("smarthost"))?;
    let implicit =
        values.get("force_implicit_tls").map_or(port == 465, |_| values.is("force_implicit_tls"));
    let mut recipients: Vec<MailAddress> = Vec::new();
    for mailbox in &to {
        if !recipients.contains(&mailbox.address) {
            recipients.push(mailbox.address.clone());
        }
    }
    let secret = |key| Some(values.text(key).to_owned()).filter(|text| !text.is_empty());
    let login = secret("auth_username").map(|username| Login {
        username,
        identity: values.text("auth_identity").to_owned(),
        password: secret("auth_password"),
        secret: secret("auth_secret"),
        token: secret("auth_token"),
    });
    let plan = Plan {
        hello: values.text("hello").to_owned(),
        server: values.text("smarthost").to_owned(),
        encrypted: implicit,
        require_tls: values.is("require_tls"),
        is_local: ["localhost", "127.0.0.1", "::1"].contains(&host.as_str()),
        login,
        from: from.address.clone(),
        to: recipients,
        message: mail(values, message.notification, &from.address),
    };
    let oauth2 = oauth2::read(values, "auth_oauth2")?.map(Arc::new);
    let tls = tls::read(values, "tls_config");
    Ok(Outgoing::Mail(Box::new(Mail { host, port, tls, oauth2, plan })))
}

/// The mail itself. A retry of the same notification is the same mail, so that servers that know its `Message-Id` keep one.
fn mail(values: &Values, told: &Notification, from: &MailAddress) -> Vec<u8> {
    let now = told.now.to_string();
    let key = told.group_key.as_str();
    let id = fnv128([key, &told.receiver, values.text("to"), &now, values.text("html")]);
    let mut headers: Vec<(String, Value)> = Vec::new();
    let mut add = |name: &str, value: Value| {
        if !headers.iter().any(|(other, _)| other == name) {
            headers.push((name.to_owned(), value));
        }
    };
    let given = values.map("headers").map(|(name, text)| (canonical(name), text));
    let defaults =
        [("From", "from"), ("To", "to")].map(|(name, key)| (name.to_owned(), values.text(key)));
    for (name, text) in given.chain(defaults) {
        let list = if ADDRESSES.contains(&name.as_str()) { Mailbox::list(text).ok() } else { None };
        add(&name, list.map_or_else(|| Value::Text(text.to_owned()), Value::Mailboxes));
    }
    // The mail server sets a date where there is none, and its clock is better than one that was never set.
    if let Some(date) = date(told.now) {
        add("Date", Value::Raw(date));
    }
    add("Message-Id", Value::Raw(format!("<{id:032x}@{}>", from.domain())));
    if let Some(thread) = thread(values, told) {
        add("References", Value::Raw(thread.clone()));
        add("In-Reply-To", Value::Raw(thread));
    }
    // RFC 3834: nobody's absence is to answer.
    add("Auto-Submitted", Value::Raw("auto-generated".to_owned()));
    let part =
        |key: &str, kind| Some((kind, values.text(key).to_owned())).filter(|it| !it.1.is_empty());
    // The last part is the one that is shown where it can be.
    let mut parts: Vec<_> =
        [part("text", "text/plain"), part("html", "text/html")].into_iter().flatten().collect();
    if parts.is_empty() {
        parts.push(("text/plain", String::new()));
    }
    message::build(&headers, &parts, id)
}

/// RFC 5322's date; none while the clock was never set.
fn date(now: Wall) -> Option<String> {
    (now >= SET_SINCE).then(|| Time::from(now).format("Mon, 2 Jan 2006 15:04:05 -0000"))
}

/// The id of a mail that nobody sent, under which mail programs show all of a group together; Alertmanager's is the same.
fn thread(values: &Values, told: &Notification) -> Option<String> {
    let threading = values.table("threading").filter(|it| it.is("enabled"))?;
    let day = match threading.text("thread_by_date") {
        "none" => String::new(),
        _ => told.now.to_string().get(..10)?.to_owned(),
    };
    let hash = digest::digest(&digest::SHA256, told.group_key.as_str().as_bytes());
    let mut short = String::new();
    for byte in hash.as_ref().iter().take(8) {
        // Writing to a String cannot fail.
        write!(short, "{byte:02x}").ok();
    }
    Some(format!("<alert-{short}-{day}@alertmanager>"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::notify::testing::{drafted, integration, notification};

    const SERVER: &str = "smarthost: 'mail.example:587', from: 'Gate Way <gw@a.example>', html: '<b>x</b>', \
                          headers: {Subject: s}";

    fn sent(config: &str) -> Mail {
        let config = format!("email_configs: [{{{SERVER}, {config}}}]");
        match drafted("", &config, notification(&[("i", false)])).inline() {
            Ok(Outgoing::Mail(mail)) => *mail,
            other => panic!("no mail: {other:?}"),
        }
    }

    fn header<'a>(mail: &'a str, name: &str) -> Vec<&'a str> {
        let head = mail.split("\r\n\r\n").next().unwrap();
        head.split("\r\n").filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
    }

    fn text(mail: &Mail) -> String {
        String::from_utf8(mail.plan.message.clone()).unwrap()
    }

    #[test]
    fn the_date_is_rfc_5322s_and_there_once_the_clock_was_set() {
        assert_eq!(date(Wall::EPOCH), None);
        let at = |secs| date(Wall::from_secs(secs));
        assert_eq!(at(1_795_929_989).as_deref(), Some("Sun, 29 Nov 2026 05:26:29 -0000"));
        assert_eq!(at(1_788_220_801).as_deref(), Some("Tue, 1 Sep 2026 00:00:01 -0000"));
    }

    #[test]
    fn a_mail_goes_to_every_recipient_once() {
        let it = sent("to: 'Ann <ann@x>, bob@y, ann@x'");
        let to: Vec<_> = it.plan.to.iter().map(MailAddress::as_str).collect();
        assert_eq!((it.plan.from.as_str(), to), ("gw@a.example", vec!["ann@x", "bob@y"]));
        assert_eq!((it.host.as_str(), it.port), ("mail.example", 587));
        let text = text(&it);
        assert_eq!(header(&text, "To"), ["Ann <ann@x>, bob@y, ann@x"]);
        assert_eq!(header(&text, "From"), ["Gate Way <gw@a.example>"]);
        assert_eq!(header(&text, "Auto-Submitted"), ["auto-generated"]);
        assert!(header(&text, "Date").is_empty(), "the clock of this notification was never set");
        assert!(text.contains("\r\n\r\n<b>x</b>\r\n"), "{text}");
    }

    #[test]
    fn tls_is_spoken_from_the_beginning_on_port_465_or_if_it_is_said() {
        let config =
            |more: &str| format!("email_configs: [{{to: a@x, from: b@y, html: x, {more}}}]");
        for (more, encrypted) in [
            ("smarthost: 'm:465'", true),
            ("smarthost: 'm:587'", false),
            ("smarthost: 'm:465', force_implicit_tls: false", false),
            ("smarthost: 'm:587', force_implicit_tls: true", true),
        ] {
            let draft = drafted("", &config(more), notification(&[("i", false)]));
            let Ok(Outgoing::Mail(mail)) = draft.inline() else { panic!("{more}") };
            assert_eq!((mail.plan.encrypted, mail.plan.require_tls), (encrypted, true), "{more}");
        }
    }

    #[test]
    fn a_retry_is_the_same_mail_and_a_header_of_ours_can_be_replaced() {
        let id = |mail: &Mail| header(&text(mail), "Message-Id").join("");
        let (one, other) = (sent("to: a@x"), sent("to: a@x"));
        assert_eq!(id(&one), id(&other));
        assert!(id(&one).ends_with("@a.example>"), "{}", id(&one));
        assert_ne!(id(&one), id(&sent("to: b@x")));
        let draft = drafted(
            "",
            "email_configs: [{to: a@x, from: b@y, smarthost: 'm:1', html: x, \
             headers: {subject: mine, message-id: '<1@x>', to: 'list@x'}}]",
            notification(&[("i", false)]),
        );
        let Ok(Outgoing::Mail(mail)) = draft.inline() else { panic!() };
        let text = text(&mail);
        assert_eq!(header(&text, "Subject"), ["mine"]);
        assert_eq!(header(&text, "Message-Id"), ["<1@x>"]);
        assert_eq!(header(&text, "To"), ["list@x"]);
        assert_eq!(mail.plan.to[0].as_str(), "a@x");
    }

    #[test]
    fn a_thread_is_named_by_its_group_and_day() {
        let text_of =
            |threading: &str| text(&sent(&format!("to: a@x, threading: {{{threading}}}")));
        let daily = text_of("enabled: true");
        let thread = header(&daily, "References");
        assert!(thread[0].ends_with("-2023-11-14@alertmanager>"), "{thread:?}");
        assert_eq!(header(&daily, "In-Reply-To"), thread);
        assert!(
            header(&text_of("enabled: true, thread_by_date: none"), "References")[0]
                .ends_with("-@alertmanager>")
        );
        assert!(header(&text_of("enabled: false"), "References").is_empty());
    }

    #[test]
    fn wrong_settings_are_refused() {
        for wrong in [
            "to: a@x, from: ''",
            "to: a@x, hello: \"x\\r\\nRSET\"",
            "to: a@x, smarthost: 'mail'",
            "to: a@x, smarthost: 'mail:x'",
            "to: a@x, headers: {'a b': c}",
            "to: a@x, headers: {content-type: text/plain}",
            "to: a@x, tls_config: {cert_file: c}",
            "to: a@x, auth_username: u, auth_oauth2: {client_id: c, client_secret: s}",
            "to: a@x, auth_username: u, auth_oauth2: {client_id: c, token_url: 'http://t'}",
            "to: a@x, auth_oauth2: {client_id: c, client_secret: s, token_url: 'http://t'}",
        ] {
            let base = "from: b@y, smarthost: 'm:1', html: x";
            let known = |key: &str| wrong.contains(&format!("{key}:"));
            let base: Vec<_> =
                base.split(", ").filter(|it| !known(it.split(':').next().unwrap())).collect();
            let config = format!("email_configs: [{{{}, {wrong}}}]", base.join(", "));
            assert!(integration("", &config).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_fetched_by_client_credentials_or_a_refresh_token() {
        let own = "auth_username: u, auth_oauth2: {client_id: c, token_url: 'http://t/x', scopes: [a, b], ";
        let mail = sent(&format!("to: a@x, {own} client_secret: s}}"));
        let oauth2 = mail.oauth2.as_ref().unwrap();
        assert_eq!((oauth2.client_id.as_str(), oauth2.scopes.len()), ("c", 2));
        assert_eq!(oauth2.client_secret.inline(), Some("s"));
        assert_eq!((oauth2.refresh_token.as_ref(), mail.plan.login.unwrap().token), (None, None));
        let mail = sent(&format!("to: a@x, {own} refresh_token: r}}"));
        let oauth2 = mail.oauth2.as_ref().unwrap();
        assert_eq!(oauth2.refresh_token.as_ref().and_then(Secret::inline), Some("r"));
        assert!(!format!("{mail:?}").contains("\"r\""));
    }

    #[test]
    fn an_empty_hello_is_that_of_a_machine_without_a_name() {
        let mail = |global: &str, hello: &str| {
            let own = format!(
                "email_configs: [{{to: a@x, from: b@y, smarthost: 'm:25', html: x{hello}}}]"
            );
            match drafted(global, &own, notification(&[("i", false)])).inline() {
                Ok(Outgoing::Mail(mail)) => mail.plan.hello,
                other => panic!("no mail: {other:?}"),
            }
        };
        assert_eq!(mail("", ", hello: ''"), "localhost");
        assert_eq!(mail("smtp_hello: ''", ""), "localhost");
        assert_eq!(mail("smtp_hello: gw", ""), "gw");
    }

    #[test]
    fn globals_hold_for_each_mail() {
        let global = "smtp_from: gw@a, smtp_smarthost: 'm:25', smtp_require_tls: false, smtp_hello: gw, \
                      smtp_auth_username: u, smtp_auth_password: p";
        let draft =
            drafted(global, "email_configs: [{to: a@x, html: x}]", notification(&[("i", false)]));
        let Ok(Outgoing::Mail(mail)) = draft.inline() else { panic!() };
        let plan = &mail.plan;
        assert_eq!(
            (plan.from.as_str(), plan.hello.as_str(), plan.require_tls),
            ("gw@a", "gw", false)
        );
        let login = plan.login.as_ref().unwrap();
        assert_eq!((login.username.as_str(), login.password.as_deref()), ("u", Some("p")));
        assert!(!format!("{mail:?}").contains("\"p\""));
    }

    #[test]
    fn a_port_may_have_the_name_of_its_service_or_a_blank_before_it() {
        let of = |port: &str| place(&format!("m.example:{port}")).map(|(_, port)| port);
        let known = ["25", " 25", "smtp", "submission", "smtps"].map(of);
        assert_eq!(known, [Ok(25), Ok(25), Ok(25), Ok(587), Ok(465)]);
        for wrong in ["", "PORT", "70000", "-1"] {
            assert_eq!(of(wrong), Err("the port is no number"), "{wrong:?}");
        }
    }
}
