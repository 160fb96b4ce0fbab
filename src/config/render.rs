//! The configuration as Alertmanager shows it in its status: YAML with the defaults filled in and `<secret>` for what is
//! one. `amtool` reads it, back to version 0.25; so what that version does not know is shown only where it is set, and
//! what only we know is a comment.

use std::rc::Rc;
use std::time::Duration;

use crate::config::tree::{Entry, Node, Value};
use crate::config::{
    Authorization, Config, GroupBy, Http, InhibitRule, Integration, IntegrationKind, Receiver,
    Route, Secret, Webhook,
};
use crate::model::duration::Spelled;
use crate::model::{Labels, Matchers};

const SECRET: &str = "<secret>";
/// What stands for a secret URL: `amtool` of 0.25 wants a URL there.
const SECRET_URL: &str = "http://<secret>";

/// A value to be printed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Yaml {
    /// Printed as it is.
    Raw(String),
    /// Quoted where it must be.
    Text(String),
    List(Vec<Self>),
    Table(Vec<(String, Self)>),
}

impl Default for Yaml {
    fn default() -> Self {
        Self::Table(Vec::new())
    }
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for Yaml {
    fn from(is: bool) -> Self {
        Self::Raw(is.to_string())
    }
}

impl Yaml {
    pub(super) fn table(entries: Vec<(&str, Self)>) -> Self {
        Self::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    pub(super) fn duration(duration: Duration) -> Self {
        Self::Raw(Spelled(duration).to_string())
    }

    pub(super) fn secret() -> Self {
        Self::Raw(SECRET.to_owned())
    }

    /// A value as it was read. Where no boolean can stand, `yes` is a text.
    pub(super) fn from_node(node: &Node, has_booleans: bool) -> Self {
        let below = |node: &Node| Self::from_node(node, has_booleans);
        match (&node.value, &node.plain) {
            (Value::Null, _) => Self::Raw("null".to_owned()),
            (Value::Bool(is), _) if has_booleans => Self::from(*is),
            (Value::Text(text) | Value::Float(text), None) | (_, Some(text)) => Self::from(&**text),
            (Value::Int(number), None) => Self::Text(number.to_string()),
            (Value::Bool(is), None) => Self::Text(is.to_string()),
            (Value::List(items), None) => Self::List(items.iter().map(below).collect()),
            (Value::Table(entries), None) => {
                let entry = |entry: &Entry| (entry.key.to_string(), below(&entry.node));
                Self::Table(entries.iter().map(entry).collect())
            }
        }
    }

    fn texts<T: AsRef<str>>(texts: &[T]) -> Self {
        Self::List(texts.iter().map(|text| Self::from(text.as_ref())).collect())
    }

    /// Block style: a list is indented as its key is.
    fn print(&self, indent: usize, out: &mut String) {
        match self {
            Self::Raw(text) => line(out, text),
            Self::Text(text) => line(out, &quoted(text)),
            Self::List(items) if items.is_empty() => line(out, "[]"),
            Self::Table(entries) if entries.is_empty() => line(out, "{}"),
            Self::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    pad(out, if i == 0 { 0 } else { indent });
                    out.push_str("- ");
                    item.print(indent + 2, out);
                }
            }
            Self::Table(entries) => {
                for (i, (key, value)) in entries.iter().enumerate() {
                    pad(out, if i == 0 { 0 } else { indent });
                    out.push_str(&quoted(key));
                    out.push(':');
                    let deeper = match value {
                        Self::List(items) if !items.is_empty() => indent,
                        Self::Table(entries) if !entries.is_empty() => indent + 2,
                        _ => {
                            out.push(' ');
                            value.print(indent, out);
                            continue;
                        }
                    };
                    out.push('\n');
                    pad(out, deeper);
                    value.print(deeper, out);
                }
            }
        }
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// The text plain where nobody can take it for anything else, in double quotes otherwise.
fn quoted(text: &str) -> String {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let starts_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || "_/<".contains(c));
    let is_clean = text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    let is_marked = text.contains(": ") || text.contains(" #") || text.ends_with([':', ' ']);
    let is_word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)) || text == "<<";
    if starts_plain && is_clean && !is_marked && !is_word {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if !is_printable(c) => {
                let escape = format!("\\U{:08X}", u32::from(c));
                quoted.push_str(&escape);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// What YAML 1.1 allows unescaped, line ends apart.
fn is_printable(c: char) -> bool {
    let is_break = matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    !c.is_control() && !is_break && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// The whole; `global`, the templates and the intervals as their sections have them.
pub(super) fn original(
    config: &Config,
    global: Yaml,
    templates: &[String],
    intervals: &[Yaml],
) -> String {
    let mut sections = vec![("global", global), ("route", route(&config.route, &Route::default()))];
    let inhibit: Vec<Yaml> = config.inhibit_rules.iter().map(inhibit_rule).collect();
    if !inhibit.is_empty() {
        sections.push(("inhibit_rules", Yaml::List(inhibit)));
    }
    sections.push(("receivers", Yaml::List(config.receivers.iter().map(receiver).collect())));
    sections.push(("templates", Yaml::texts(templates)));
    if !intervals.is_empty() {
        sections.push(("time_intervals", Yaml::List(intervals.to_vec())));
    }
    let mut out = String::new();
    Yaml::table(sections).print(0, &mut out);
    for receiver in &config.receivers {
        let count =
            receiver.integrations.iter().filter(|one| one.kind == IntegrationKind::Log).count();
        if count > 0 {
            let name = quoted(&receiver.name);
            line(&mut out, &format!("# receiver {name} prints to the log: log_configs"));
        }
    }
    out
}

/// A route without what it has from its parent.
fn route(route: &Route, parent: &Route) -> Yaml {
    let mut entries = Vec::new();
    if route.receiver != parent.receiver {
        entries.push(("receiver", Yaml::from(&*route.receiver)));
    }
    if route.group_by != parent.group_by {
        entries.push((
            "group_by",
            match &route.group_by {
                GroupBy::All => Yaml::texts(&["..."]),
                GroupBy::Labels(names) => Yaml::texts(names),
            },
        ));
    }
    if !route.matchers.is_empty() {
        entries.push(("matchers", matchers(&route.matchers)));
    }
    for (key, names) in [
        ("mute_time_intervals", &route.mute_time_intervals),
        ("active_time_intervals", &route.active_time_intervals),
    ] {
        if !names.is_empty() {
            entries.push((key, Yaml::texts(names)));
        }
    }
    entries.push(("continue", Yaml::from(route.continue_)));
    if !route.routes.is_empty() {
        let children = route.routes.iter().map(|child| self::route(child, route)).collect();
        entries.push(("routes", Yaml::List(children)));
    }
    for (key, own, inherited) in [
        ("group_wait", route.group_wait, parent.group_wait),
        ("group_interval", route.group_interval, parent.group_interval),
        ("repeat_interval", route.repeat_interval, parent.repeat_interval),
    ] {
        if own != inherited {
            entries.push((key, Yaml::duration(own)));
        }
    }
    if route.labels != parent.labels {
        entries.push(("labels", labels(&route.labels)));
    }
    Yaml::table(entries)
}

fn labels(labels: &Labels) -> Yaml {
    Yaml::table(labels.iter().map(|(name, value)| (name, Yaml::from(value))).collect())
}

fn matchers(matchers: &Matchers) -> Yaml {
    Yaml::List(matchers.iter().map(|matcher| Yaml::Text(matcher.to_string())).collect())
}

fn inhibit_rule(rule: &InhibitRule) -> Yaml {
    let mut entries = Vec::new();
    if !rule.name.is_empty() {
        entries.push(("name", Yaml::from(&*rule.name)));
    }
    for (key, list) in [("source_matchers", &rule.source), ("target_matchers", &rule.target)] {
        if !list.is_empty() {
            entries.push((key, matchers(list)));
        }
    }
    if !rule.equal.is_empty() {
        entries.push(("equal", Yaml::texts(&rule.equal)));
    }
    Yaml::table(entries)
}

fn receiver(receiver: &Rc<Receiver>) -> Yaml {
    let mut entries = vec![("name", Yaml::from(&*receiver.name))];
    if !receiver.labels.is_empty() {
        entries.push(("labels", labels(&receiver.labels)));
    }
    let shown = |one: &Integration| match &one.kind {
        IntegrationKind::Webhook(webhook) => Some(self::webhook(webhook, one.send_resolved)),
        IntegrationKind::Log => None,
    };
    let webhooks: Vec<Yaml> = receiver.integrations.iter().filter_map(shown).collect();
    if !webhooks.is_empty() {
        entries.push(("webhook_configs", Yaml::List(webhooks)));
    }
    Yaml::table(entries)
}

fn webhook(webhook: &Webhook, send_resolved: bool) -> Yaml {
    let url = match &webhook.url {
        Secret::Inline(_) => ("url", Yaml::from(SECRET_URL)),
        Secret::File(path) => ("url_file", Yaml::Text(path.display().to_string())),
    };
    let mut entries = vec![
        ("send_resolved", Yaml::from(send_resolved)),
        ("http_config", http(&webhook.http)),
        url,
        ("max_alerts", Yaml::Raw(webhook.max_alerts.to_string())),
    ];
    if !webhook.timeout.is_zero() {
        entries.push(("timeout", Yaml::duration(webhook.timeout)));
    }
    Yaml::table(entries)
}

/// `http_config`.
pub(super) fn http(http: &Http) -> Yaml {
    fn hidden(inline: &'static str, file: &'static str, secret: &Secret) -> (&'static str, Yaml) {
        match secret {
            Secret::Inline(_) => (inline, Yaml::secret()),
            Secret::File(path) => (file, Yaml::Text(path.display().to_string())),
        }
    }
    let mut entries = Vec::new();
    match &http.authorization {
        Authorization::None | Authorization::OAuth2(_) => {}
        Authorization::Basic { username, password } => {
            let username = match username {
                Secret::Inline(name) => ("username", Yaml::from(&**name)),
                file @ Secret::File(_) => hidden("username", "username_file", file),
            };
            let password = hidden("password", "password_file", password);
            entries.push(("basic_auth", Yaml::table(vec![username, password])));
        }
        Authorization::Scheme(scheme, credentials) => {
            let credentials = hidden("credentials", "credentials_file", credentials);
            let scheme = ("type", Yaml::from(scheme.as_str()));
            entries.push(("authorization", Yaml::table(vec![scheme, credentials])));
        }
    }
    entries.push(("follow_redirects", Yaml::from(http.follow_redirects)));
    entries.push(("enable_http2", Yaml::from(http.enable_http2)));
    let mut named: Vec<(&str, Yaml)> = Vec::new();
    for (name, _) in &http.headers {
        if named.iter().all(|(other, _)| other != name) {
            named.push((name, Yaml::table(vec![("secrets", Yaml::texts(&[SECRET]))])));
        }
    }
    if !named.is_empty() {
        entries.push(("http_headers", Yaml::table(named)));
    }
    Yaml::table(entries)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::tree::parse;
    use crate::config::{Environment, Flags, Language, Options};

    fn original(text: &str) -> String {
        let (file, flags) = (Path::new("/etc/x.yml"), &Flags::default());
        let options =
            Options { file, language: Language::Yaml, flags, environment: &Environment::default() };
        match Config::load(text.as_bytes(), &options) {
            Ok(loaded) => loaded.config.original,
            Err(errors) => panic!("{errors}"),
        }
    }

    const FULL: &str = r#"
global: {resolve_timeout: 90s, http_config: {basic_auth: {username: u, password: geheim}}}
templates: [t/*.tmpl]
route:
  receiver: a
  group_by: [alertname, "n"]
  group_wait: 5s
  routes:
  - receiver: b
    match: {severity: crit}
    matchers: ['foo="b\"ar"', 'baz=~x|y,q!=1']
    continue: yes
    mute_time_intervals: [yes]
    repeat_interval: 5d
    routes: [{group_by: []}]
  - group_by: ['...']
receivers:
- name: a
  log_configs: [{}]
  webhook_configs:
  - {url: 'http://x:1/geheim', send_resolved: off}
  - url_file: u
    max_alerts: 3
    timeout: 90s
    http_config:
      authorization: {credentials_file: c}
      http_headers: {X-A: {values: [geheim]}}
- name: b
  labels: {team: "1"}
inhibit_rules:
- {source_match: {a: b}, target_matchers: ['c=d'], equal: [e]}
- {}
time_intervals:
- name: yes
  time_intervals: [{times: [{start_time: 09:00, end_time: '17:00'}], years: [2030]}]
"#;

    const GOLDEN: &str = r#"global:
  resolve_timeout: 1m30s
  http_config:
    basic_auth:
      username: u
      password: <secret>
    follow_redirects: true
    enable_http2: true
  smtp_hello: localhost
  smtp_require_tls: true
  pagerduty_url: https://events.pagerduty.com/v2/enqueue
  opsgenie_api_url: https://api.opsgenie.com/
  wechat_api_url: https://qyapi.weixin.qq.com/cgi-bin/
  victorops_api_url: https://alert.victorops.com/integrations/generic/20131114/alert/
  telegram_api_url: https://api.telegram.org
  webex_api_url: https://webexapis.com/v1/messages
route:
  receiver: a
  group_by:
  - alertname
  - "n"
  continue: false
  routes:
  - receiver: b
    matchers:
    - baz=~"x|y"
    - foo="b\"ar"
    - q!="1"
    - severity="crit"
    mute_time_intervals:
    - "yes"
    continue: true
    routes:
    - group_by: []
      continue: false
    repeat_interval: 5d
  - group_by:
    - "..."
    continue: false
  group_wait: 5s
inhibit_rules:
- source_matchers:
  - a="b"
  target_matchers:
  - c="d"
  equal:
  - e
- {}
receivers:
- name: a
  webhook_configs:
  - send_resolved: false
    http_config:
      basic_auth:
        username: u
        password: <secret>
      follow_redirects: true
      enable_http2: true
    url: http://<secret>
    max_alerts: 0
  - send_resolved: true
    http_config:
      authorization:
        type: Bearer
        credentials_file: /etc/c
      follow_redirects: true
      enable_http2: true
      http_headers:
        X-A:
          secrets:
          - <secret>
    url_file: /etc/u
    max_alerts: 3
    timeout: 1m30s
- name: b
  labels:
    team: "1"
templates:
- t/*.tmpl
time_intervals:
- name: "yes"
  time_intervals:
  - times:
    - start_time: "09:00"
      end_time: "17:00"
    years:
    - "2030"
# receiver a prints to the log: log_configs
"#;

    #[test]
    fn a_configuration_is_shown_as_alertmanager_shows_it() {
        assert_eq!(original(FULL), GOLDEN);
    }

    #[test]
    fn what_is_shown_is_the_same_configuration() {
        let route = "route: {receiver: d, group_by: ['...'], routes: [{matchers: ['a=~\"b|\\\\d\"'], group_by: []}]}\n\
            receivers: [{name: d}]\n";
        let once = original(route);
        assert_eq!(original(&once), once);
    }

    proptest! {
        #[test]
        fn every_text_survives_being_shown(key: String, text: String) {
            let mut out = String::new();
            Yaml::table(vec![(&key, Yaml::List(vec![Yaml::Text(text.clone())]))]).print(0, &mut out);
            let root = parse(Language::Yaml, out.as_bytes()).unwrap();
            let Value::Table(entries) = &root.value else { panic!() };
            prop_assert_eq!(&*entries[0].key, key.as_str());
            let Value::List(items) = &entries[0].node.value else { panic!() };
            prop_assert_eq!(&items[0].value, &Value::Text(text.as_str().into()), "{}", out);
        }

        #[test]
        fn every_word_survives_being_shown(text in "[a-zA-Z0-9~.:# <\\-]{0,6}") {
            let mut out = String::new();
            Yaml::table(vec![("key", Yaml::Text(text.clone()))]).print(0, &mut out);
            let root = parse(Language::Yaml, out.as_bytes()).unwrap();
            let Value::Table(entries) = &root.value else { panic!() };
            prop_assert_eq!(&entries[0].node.value, &Value::Text(text.as_str().into()), "{}", out);
        }
    }
}
