//! The configuration as Alertmanager shows it in its status: YAML with the defaults filled in and `<secret>` for what is
//! one. `amtool` reads it, back to version 0.25; so what that version does not know is shown only where it is set, and
//! what only we know is a comment.

mod http;

use std::sync::Arc;
use std::time::Duration;

pub(super) use http::http;

use crate::config::schema::{Key, Origin, Takes};
use crate::config::tree::{self, Entry, Node};
use crate::config::values::default;
use crate::config::{
    Config, DayBudget, DeclaredSilence, Expectation, Fallback, GroupBy, Heartbeat, InhibitRule,
    Integration, RateLimit, Receiver, Route, Secret, StaticLabels, Value, Values,
};
use crate::model::duration::Spelled;
use crate::model::{Matchers, Url};

const SECRET: &str = "<secret>";
/// The text in place of a secret URL: `amtool` of 0.25 wants a URL there.
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
            (tree::Value::Null, _) => Self::Raw("null".to_owned()),
            (tree::Value::Bool(is), _) if has_booleans => Self::from(*is),
            (tree::Value::Text(text) | tree::Value::Float(text), None) | (_, Some(text)) => {
                Self::from(&**text)
            }
            (tree::Value::Int(number), None) => Self::Text(number.to_string()),
            (tree::Value::Bool(is), None) => Self::Text(is.to_string()),
            (tree::Value::List(items), None) => Self::List(items.iter().map(below).collect()),
            (tree::Value::Table(entries), None) => {
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

/// The characters that YAML 1.1 allows unescaped, line ends apart.
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
        if let Some(Fallback { receiver: to, after }) = &receiver.fallback {
            let (from, to, after) = (quoted(&receiver.name), quoted(to), Spelled(*after));
            line(&mut out, &format!("# receiver {from}: fallback: {to}, fallback_after: {after}"));
        }
        if let Some(RateLimit { notifications, per }) = receiver.rate_limit {
            let (name, per) = (quoted(&receiver.name), Spelled(per));
            line(
                &mut out,
                &format!(
                    "# receiver {name}: rate_limit: {{notifications: {notifications}, per: {per}}}"
                ),
            );
        }
        if let Some((DayBudget { bytes, messages }, keeps)) = &receiver.budget {
            let bytes = bytes.map(|it| format!("bytes: {it}"));
            let both: Vec<String> =
                bytes.into_iter().chain(messages.map(|it| format!("messages: {it}"))).collect();
            let (name, both) = (quoted(&receiver.name), both.join(", "));
            line(
                &mut out,
                &format!("# receiver {name}: budget: {{{both}}}, budget_keeps: {keeps}"),
            );
        }
        for note in receiver.integrations.iter().filter_map(ours) {
            line(&mut out, &format!("# receiver {}: {note}", quoted(&receiver.name)));
        }
    }
    for DeclaredSilence { name, matchers, time_intervals, .. } in &config.silences {
        let times: Vec<String> = time_intervals.iter().map(|it| quoted(&it.name)).collect();
        let (name, times) = (quoted(name), times.join(", "));
        line(
            &mut out,
            &format!("# silence {name}: matchers: {matchers}, time_intervals: [{times}]"),
        );
    }
    quiet_routes(&mut out, &config.route, &Route::default());
    for Expectation { name, period, .. } in &config.expect {
        line(&mut out, &format!("# expect {}: period: {}", quoted(name), Spelled(*period)));
    }
    for Heartbeat { name, period, .. } in &config.heartbeats {
        line(&mut out, &format!("# heartbeat {}: period: {}", quoted(name), Spelled(*period)));
    }
    out
}

/// Which routes differ from their parents in what they tell after quiet.
fn quiet_routes(out: &mut String, route: &Route, parent: &Route) {
    let told = route.resolved_after_quiet;
    if told != parent.resolved_after_quiet {
        line(out, &format!("# route {}: resolved_after_quiet: {told}", route.matchers));
    }
    for child in &route.routes {
        quiet_routes(out, child, route);
    }
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

fn labels(labels: &StaticLabels) -> Yaml {
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

fn receiver(receiver: &Arc<Receiver>) -> Yaml {
    let mut entries = vec![("name", Yaml::from(&*receiver.name))];
    if !receiver.labels.is_empty() {
        entries.push(("labels", labels(&receiver.labels)));
    }
    let mut lists: Vec<(&str, Vec<Yaml>)> = Vec::new();
    for one in receiver.integrations.iter().filter(|it| it.schema.origin != Origin::Ours) {
        match lists.last_mut().filter(|(section, _)| *section == one.schema.section) {
            Some((_, list)) => list.push(integration(one)),
            None => lists.push((one.schema.section, vec![integration(one)])),
        }
    }
    entries.extend(lists.into_iter().map(|(section, list)| (section, Yaml::List(list))));
    Yaml::table(entries)
}

fn integration(one: &Integration) -> Yaml {
    let mut entries = vec![("send_resolved", Yaml::from(one.send_resolved))];
    if one.schema.http {
        entries.push(("http_config", http(&one.http)));
    }
    entries.extend(section(&one.values));
    Yaml::table(entries)
}

/// The keys of an integration that only we know.
fn ours(one: &Integration) -> Option<String> {
    let place = format!("{}[{}]", one.schema.section, one.index);
    if one.schema.origin == Origin::Ours {
        return Some(place);
    }
    let keys: Vec<&str> = one
        .values
        .iter()
        .filter(|(key, value)| key.origin == Origin::Ours && *value != default(key).as_ref())
        .map(|(key, _)| key.name)
        .collect();
    (!keys.is_empty()).then(|| format!("{place} has {}", keys.join(", ")))
}

fn section(values: &Values) -> Vec<(&'static str, Yaml)> {
    // The value that a newer key has from `global` or by default is not shown here, so that an older `amtool` can read the rest.
    let is_shown = |key: &Key| key.origin != Origin::Newer || values.is_own(key.name);
    let entries = values.iter().filter(|(key, _)| is_shown(key));
    entries.filter_map(|(key, value)| entry(key, value?)).collect()
}

/// A key and its value; none where an older `amtool` would not know it and it says nothing, or where only we know it.
pub(super) fn entry(key: &'static Key, value: &Value) -> Option<(&'static str, Yaml)> {
    match key.origin {
        Origin::Ours => return None,
        Origin::Newer if default(key).as_ref() == Some(value) => return None,
        // A table that says nothing may lack what it needs once it is there.
        Origin::Old
            if matches!(key.takes, Takes::Table(_)) && default(key).as_ref() == Some(value) =>
        {
            return None;
        }
        _ => {}
    }
    Some(match (value, key.takes) {
        (Value::Secret(Secret::File(path)), _) => {
            (key.file()?, Yaml::Text(path.display().to_string()))
        }
        (Value::Template(_), Takes::UrlTemplate(_)) => (key.name, Yaml::from(SECRET_URL)),
        (Value::Text(url), Takes::Url) => {
            (key.name, Yaml::Text(Url::without_password(url).unwrap_or_else(|| url.to_string())))
        }
        (value, _) => (key.name, shown(value)),
    })
}

fn shown(value: &Value) -> Yaml {
    match value {
        Value::Bool(is) => Yaml::from(*is),
        Value::Duration(duration) => Yaml::duration(*duration),
        Value::Float(number) => Yaml::Raw(number.to_string()),
        Value::List(items) => Yaml::List(items.iter().map(shown).collect()),
        Value::Map(entries) => {
            Yaml::table(entries.iter().map(|(name, value)| (&**name, shown(value))).collect())
        }
        Value::Null => Yaml::Raw("null".to_owned()),
        Value::Number(number) => Yaml::Raw(number.to_string()),
        Value::Secret(_) => Yaml::secret(),
        Value::Table(values) => Yaml::table(section(values)),
        Value::Template(template) if template.secret => Yaml::secret(),
        Value::Template(template) => Yaml::from(&*template.source),
        Value::Text(text) => Yaml::from(&**text),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::tree::{Value, parse};
    use crate::config::{Environment, Flags, Language, LoadOptions};

    fn original(text: &str) -> String {
        let (file, flags) = (Path::new("/etc/x.yml"), &Flags::default());
        let options = LoadOptions {
            file,
            language: Language::Yaml,
            flags,
            environment: &Environment::default(),
            schemas: crate::notify::SCHEMAS,
        };
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
  opsgenie_api_url: https://api.opsgenie.com/
  pagerduty_url: https://events.pagerduty.com/v2/enqueue
  telegram_api_url: https://api.telegram.org
  victorops_api_url: https://alert.victorops.com/integrations/generic/20131114/alert/
  webex_api_url: https://webexapis.com/v1/messages
  wechat_api_url: https://qyapi.weixin.qq.com/cgi-bin/
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
# receiver a: log_configs[0]
"#;

    #[test]
    fn a_configuration_is_shown_as_alertmanager_shows_it() {
        assert_eq!(original(FULL), GOLDEN);
    }

    #[test]
    fn no_password_of_a_url_or_parameter_is_shown() {
        let shown = original(
            "global: {opsgenie_api_url: 'https://ann:geheim@og.example/x', victorops_api_url: 'http:\\\\ann:geheim@vo.example/'}\n\
            route: {receiver: d}\nreceivers: [{name: d, webex_configs: [{room_id: r, \
            api_url: 'https://ann:geheim@we.example/', http_config: {oauth2: {client_id: c, client_secret: geheim, \
            token_url: 'https://ann:geheim@to.example/t', endpoint_params: {password: geheim, audience: a}}}}]}]\n",
        );
        assert!(!shown.contains("geheim"), "{shown}");
        for place in
            ["ann:xxxxx@og.example/x", "ann:xxxxx@we.example/", "to.example/t", "audience: a"]
        {
            assert!(shown.contains(place), "{shown}");
        }
    }

    #[test]
    fn a_rendered_configuration_is_the_same() {
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
            let (root, _) = parse(Language::Yaml, out.as_bytes()).unwrap();
            let Value::Table(entries) = &root.value else { panic!() };
            prop_assert_eq!(&*entries[0].key, key.as_str());
            let Value::List(items) = &entries[0].node.value else { panic!() };
            prop_assert_eq!(&items[0].value, &Value::Text(text.as_str().into()), "{}", out);
        }

        #[test]
        fn every_word_survives_being_shown(text in "[a-zA-Z0-9~.:# <\\-]{0,6}") {
            let mut out = String::new();
            Yaml::table(vec![("key", Yaml::Text(text.clone()))]).print(0, &mut out);
            let (root, _) = parse(Language::Yaml, out.as_bytes()).unwrap();
            let Value::Table(entries) = &root.value else { panic!() };
            prop_assert_eq!(&entries[0].node.value, &Value::Text(text.as_str().into()), "{}", out);
        }
    }
}
