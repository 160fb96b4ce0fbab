//! 166 configs that together use what 166 public ones were counted to use, each feature as often as it was counted.
//!
//! The public configs themselves are not here. These are made up from the counts, so that no two have the same features: each
//! loads without an error, each of its integrations makes its request for alerts that fire and that have ended, and no
//! template fails.

#![expect(
    clippy::too_many_lines,
    clippy::format_push_string,
    reason = "the counts are one list, and the texts short"
)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bellwether::config::{
    Config, Environment, Flags, Language, LoadOptions, Loaded, Receiver, convert,
};
use bellwether::model::Labels;
use bellwether::notify::{SCHEMAS, draft, sample};
use bellwether::template::Templates;
use bellwether::time::Wall;

const CONFIGS: usize = 166;

/// How many integrations of each type there are.
type Counts = BTreeMap<&'static str, usize>;

/// Whether the config `i` is among the `count` of a feature; which they are, differs by feature.
fn has(i: usize, count: usize, feature: usize) -> bool {
    // Of a number that shares no factor with 166 each product is another one.
    let steps = [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39];
    let step = steps[feature % steps.len()];
    (i * step + feature * 11) % CONFIGS < count
}

/// Template texts: each action, function, field and time that was counted, in one of them at least.
const TEXTS: [&str; 22] = [
    "{{ range .Alerts }}{{ .Labels.alertname }}: {{ .Annotations.summary }}\n{{ end }}",
    "{{ if eq .Status \"firing\" }}on fire{{ else }}over{{ end }}",
    "{{ if gt (len .Alerts.Firing) 0 }}{{ len .Alerts.Firing }}{{ else if gt (len .Alerts.Resolved) 0 }}over{{ end }}",
    "[{{ .Status | toUpper }}{{ if eq .Status \"firing\" }}:{{ .Alerts.Firing | len }}{{ end }}] {{ .GroupLabels.SortedPairs.Values | join \" \" }}",
    "{{ template \"__subject\" . }} {{ template \"__alertmanagerURL\" . }} {{ template \"__alertmanager\" . }}",
    "{{ with index .Alerts 0 }}{{ .Labels.instance }} {{ .GeneratorURL }}{{ end }}",
    "{{ range $k, $v := .CommonLabels }}{{ $k }}={{ $v }} {{ end }}",
    "{{- range .Alerts -}} {{- .Labels.severity -}} {{- end -}}",
    "{{ $n := len .Alerts }}{{ $n }} {{ printf \"%d\" $n }}",
    "{{ (index .Alerts 0).StartsAt.Format \"2006-01-02 15:04:05\" }}",
    "{{ ((index .Alerts 0).StartsAt.Add 28800e9).Format \"15:04\" }} {{ (index .Alerts 0).StartsAt.Local.Format \"Jan\" }}",
    "{{ if not (index .Alerts 0).EndsAt.IsZero }}{{ (index .Alerts 0).EndsAt.Format \"15:04\" }} {{ (index .Alerts 0).StartsAt.Unix }}{{ end }}",
    "{{ .CommonLabels.Remove .GroupLabels.Names | len }} {{ range .CommonAnnotations.SortedPairs }}{{ .Name }}={{ .Value }}{{ end }}",
    "{{ if or (ne .Status \"firing\") (and (eq .Receiver \"x\") (match \"^a\" .Receiver)) }}yes{{ else }}no{{ end }}",
    "{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}",
    "{{ reReplaceAll \"(.*):(.*)\" \"$1\" (index .Alerts 0).Labels.alertname | title }}",
    "{{ .CommonAnnotations.summary | safeHtml }} {{ html .Status }} {{ .CommonLabels.alertname | toLower }}",
    "{{ range .Alerts.Firing }}since {{ since .StartsAt | humanizeDuration }}{{ end }}{{ now.Format \"2006\" }}",
    "{{ template \"__text_alert_list\" .Alerts.Firing }}{{ template \"slack.default.title\" . }}",
    "{{ define \"mine\" }}{{ .Status }}{{ end }}{{ template \"mine\" . }}{{/* a comment */}}",
    "{{ range $i, $a := .Alerts }}{{ if $i }}, {{ end }}{{ $a.Labels.instance }}{{ end }}",
    "{{ with .CommonLabels.cluster }}{{ . }}{{ else }}no cluster{{ end }} {{ .GroupLabels.Values }}",
];

/// Files of templates, some of which redefine default names.
const FILES: [&str; 4] = [
    "{{ define \"slack.default.title\" }}[{{ .Status | toUpper }}] {{ .CommonLabels.alertname }}{{ end }}",
    "{{ define \"telegram.default\" }}{{ range .Alerts }}<b>{{ .Labels.alertname }}</b>\n{{ end }}{{ end }}",
    "{{ define \"email.default.html\" }}<table>{{ range .Alerts.Firing }}<tr><td>{{ .Labels.SortedPairs.Values | join \",\" }}</td></tr>{{ end }}</table>{{ end }}",
    "{{ define \"__subject\" }}{{ .Status }} {{ template \"own\" . }}{{ end }}{{ define \"own\" }}{{ len .Alerts }}{{ end }}",
];

/// The sections of a receiver, for the config `i`, and how many of each type there are.
fn sections(i: usize, counts: &mut Counts, used: &Cell<usize>) -> String {
    let mut yaml = String::new();
    let is_templated = has(i, 73, 12);
    let text = |key: &str| {
        if !is_templated {
            return String::new();
        }
        // Each in its turn.
        let n = used.replace(used.get() + 1);
        let source = TEXTS[n % TEXTS.len()].replace('\'', "''").replace('\n', " ");
        format!("\n    {key}: '{source}'")
    };
    let mut add = |name: &'static str, body: String| {
        *counts.entry(name).or_default() += 1;
        let section = name.trim_end_matches("-http").trim_end_matches("-https");
        if !yaml.contains(&format!("{section}_configs")) {
            yaml.push_str(&format!("\n  {section}_configs:"));
        }
        yaml.push_str(&format!("\n  - {body}"));
    };
    if has(i, 56, 0) {
        let port = [587, 25, 465][(i / 3) % 3];
        let tls = if has(i, 22, 1) { "\n    require_tls: false" } else { "" };
        let auth = if has(i, 37, 2) {
            "\n    auth_username: me\n    auth_password: secret\n    auth_identity: me"
        } else {
            ""
        };
        let headers =
            if has(i, 12, 3) { "\n    headers: {Subject: 'x {{ .Status }}'}" } else { "" };
        let html = if has(i, 10, 4) { text("html") } else { String::new() };
        add(
            "email",
            format!(
                "to: a@b.example, c@d.example\n    from: me@x.example\n    smarthost: mail.x.example:{port}{tls}{auth}{headers}{html}"
            ),
        );
    }
    if has(i, 50, 5) {
        let channel = "api_url: https://hooks.slack.com/services/T/B/X\n    channel: '#alerts'\n    send_resolved: true";
        add("slack", format!("{channel}{}{}", text("title"), text("text")));
    }
    if has(i, 41, 6) {
        add("webhook-http", "url: http://127.0.0.1:5001/".to_owned());
    }
    if has(i, 16, 7) {
        let tls = if has(i, 60, 13) {
            "\n    http_config: {tls_config: {insecure_skip_verify: true}}"
        } else {
            ""
        };
        add("webhook-https", format!("url: https://hooks.example/x{tls}"));
    }
    if has(i, 18, 8) {
        let message = text("message");
        add(
            "telegram",
            format!("bot_token: '1:x'\n    chat_id: -100\n    parse_mode: ''{message}"),
        );
    }
    if has(i, 9, 9) {
        add("pagerduty", format!("routing_key: x{}", text("description")));
    }
    if has(i, 4, 10) {
        add(
            "wechat",
            format!(
                "corp_id: c\n    agent_id: '1'\n    api_secret: s\n    to_user: '@all'{}",
                text("message")
            ),
        );
    }
    if has(i, 3, 11) {
        add("discord", format!("webhook_url: https://discord.example/x{}", text("message")));
    }
    for (name, count, body) in [
        ("opsgenie", 2, "api_key: k"),
        ("pushover", 2, "user_key: u\n    token: t"),
        (
            "sns",
            1,
            "topic_arn: arn:aws:sns:eu-central-1:1:t\n    sigv4: {region: eu-central-1, access_key: a, secret_key: s}",
        ),
        ("victorops", 1, "api_key: k\n    routing_key: r"),
    ] {
        if has(i, count, 14 + name.len()) {
            add(name, body.to_owned());
        }
    }
    yaml
}

fn config(i: usize, counts: &mut Counts, used: &Cell<usize>) -> String {
    let mut routes = String::new();
    let mut add = |body: &str| routes.push_str(&format!("\n  - {body}\n    receiver: main"));
    if has(i, 49, 1) {
        add("match: {severity: critical}");
    }
    if has(i, 28, 2) {
        add("matchers: ['severity=~\"warning|info\"', team!=\"x\"]");
    }
    if has(i, 17, 3) {
        add("match_re: {service: ^(a|b)$}");
    }
    if has(i, 25, 4) {
        add(
            "match: {deep: 'yes'}\n    continue: true\n    routes: [{match: {a: b}, receiver: main, routes: [{match: {c: d}, receiver: none}]}]",
        );
    }
    let routes = if routes.is_empty() { routes } else { format!("\n  routes:{routes}") };
    let inhibit = match (has(i, 48, 5), has(i, 33, 5)) {
        (true, true) => {
            "\ninhibit_rules:\n- source_match: {severity: critical}\n  target_match: {severity: warning}\n  equal: [alertname, instance]"
        }
        (true, false) => {
            "\ninhibit_rules:\n- source_matchers: [severity=critical]\n  target_matchers: [severity=~\"warning|info\"]\n  equal: [alertname]"
        }
        _ => "",
    };
    let templates = if has(i, 60, 6) { "\ntemplates: ['/etc/alertmanager/*.tmpl']" } else { "" };
    let main = if has(i, 35, 7) { String::new() } else { sections(i, counts, used) };
    let extra = if has(i, 35, 7) { sections(i, counts, used) } else { String::new() };
    format!(
        "global: {{resolve_timeout: 5m}}{templates}\nroute:\n  receiver: main\n  group_by: [alertname]\n  group_wait: 10s\n  group_interval: 1m\n  repeat_interval: 1h{routes}{inhibit}\nreceivers:\n- name: main{main}\n- name: none\n- name: extra{extra}\n"
    )
}

fn options<'a>(flags: &'a Flags, environment: &'a Environment) -> LoadOptions<'a> {
    let file = Path::new("alertmanager.yml");
    LoadOptions { file, language: Language::Yaml, flags, environment, schemas: SCHEMAS }
}

fn load(text: &str) -> Loaded {
    let (flags, environment) = (Flags::default(), Environment::default());
    Config::load(text.as_bytes(), &options(&flags, &environment))
        .unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// The notifications of a sample that fires and of one that has ended; none fails.
fn requests(receiver: &Receiver, templates: &Templates) -> usize {
    let labels: Labels = [("instance", "gw1:9100"), ("severity", "critical")].into_iter().collect();
    let mut made = 0;
    for integration in &receiver.integrations {
        for resolved in [false, true] {
            let given = (&labels, &Labels::empty());
            let now = Wall::from_secs(1_764_324_000);
            let told = sample(receiver, given, resolved, &"http://gw:9093".into(), now);
            let draft = draft(integration, told, templates);
            assert!(draft.faults().is_empty(), "{:?}", draft.faults());
            draft.inline().unwrap_or_else(|why| panic!("{}: {why}", integration.name()));
            made += 1;
        }
    }
    made
}

#[test]
fn features_of_public_configs_load_and_notify() {
    let (mut counts, used, mut made) = (Counts::new(), Cell::new(0), 0);
    for i in 0..CONFIGS {
        let text = config(i, &mut counts, &used);
        let loaded = load(&text);
        let own = || ("own.tmpl".to_owned(), FILES[i % FILES.len()].to_owned());
        let files: Vec<_> = (!loaded.templates.is_empty()).then(own).into_iter().collect();
        let templates = Templates::new(&files).unwrap();
        let receivers: &[Arc<Receiver>] = &loaded.config.receivers;
        made += receivers.iter().map(|it| requests(it, &templates)).sum::<usize>();
    }
    let counted = [
        ("discord", 3),
        ("email", 56),
        ("opsgenie", 2),
        ("pagerduty", 9),
        ("pushover", 2),
        ("slack", 50),
        ("sns", 1),
        ("telegram", 18),
        ("victorops", 1),
        ("webhook-http", 41),
        ("webhook-https", 16),
        ("wechat", 4),
    ];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), counted);
    assert_eq!(made, 2 * counted.iter().map(|it| it.1).sum::<usize>());
}

#[test]
fn every_text_is_in_some_config() {
    let (mut counts, used) = (Counts::new(), Cell::new(0));
    let all: String = (0..CONFIGS).map(|i| config(i, &mut counts, &used)).collect();
    for text in TEXTS {
        let text = text.replace('\'', "''").replace('\n', " ");
        assert!(all.contains(&text), "{text}");
    }
}

#[test]
fn each_has_a_toml_of_the_same_meaning_with_its_comments() {
    let (mut counts, used) = (Counts::new(), Cell::new(0));
    let (flags, environment) = (Flags::default(), Environment::default());
    let options = options(&flags, &environment);
    for i in 0..CONFIGS {
        let text = format!("# Above.\n{}# Below.\n", config(i, &mut counts, &used));
        let toml = convert(text.as_bytes(), &options).unwrap_or_else(|it| panic!("{it}\n{text}"));
        let toml_options = LoadOptions { language: Language::Toml, ..options };
        let mut same = Config::load(toml.as_bytes(), &toml_options).unwrap();
        let loaded = load(&text);
        same.config.original.clone_from(&loaded.config.original);
        assert_eq!(same.config, loaded.config, "{toml}");
        assert_eq!((same.settings, same.templates), (loaded.settings, loaded.templates), "{toml}");
        assert!(
            toml.contains("\n# Above.\n[global]\n") || toml.starts_with("# Above.\n"),
            "{toml}"
        );
        assert!(toml.ends_with("# Below.\n"), "{toml}");
    }
}
