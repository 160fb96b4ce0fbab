//! Verdicts of each receiver type on answers. The configs are the examples of `configs/README.md`.

use std::rc::Rc;

use bellwether::config::{Config, Environment, Flags, Integration, Language, LoadOptions};
use bellwether::limits::REQUESTS_PER_ATTEMPT_MAX;
use bellwether::model::{Alert, GroupKey, Labels};
use bellwether::notify::{
    AlertView, Draft, Notification, Outgoing, Reply, SCHEMAS, Verdict, draft,
};
use bellwether::template::Templates;
use bellwether::time::Wall;

use crate::input::{Input, utf8};

const DOCS: &str = include_str!("../../../configs/README.md");

/// Receivers whose answers are read further: a role's credentials, and the name of a message.
const MORE: [&str; 2] = [
    "sns_configs: [{topic_arn: 'arn:aws:sns:x:1:y', sigv4: {region: x, access_key: a, secret_key: b, role_arn: 'arn:aws:iam::1:role/x'}}]\n",
    "slack_configs: [{app_token: xoxb-1, channel: '#a', update_message: true}]\n",
];

pub fn run(bytes: &[u8]) {
    thread_local! {
        static DRAFTS: Vec<Draft> = drafts();
    }
    let mut input = Input::new(bytes);
    let choice = usize::from(input.byte());
    DRAFTS.with(|drafts| {
        let mut draft = drafts[choice % drafts.len()].clone();
        for _ in 0..=REQUESTS_PER_ATTEMPT_MAX {
            let status = 100 + input.u16() % 900;
            let length = usize::from(input.u16());
            let body = utf8(input.take(length)).to_owned();
            let reply = Reply::Http { status, retry_after: None, body };
            match draft.judge(&reply) {
                Verdict::Next(step) | Verdict::NextFor(step, _) => {
                    draft = draft.at(step);
                    // The next request has whole headers, whatever the answer was.
                    if let Ok(Outgoing::Http(request)) = draft.inline() {
                        for (name, value) in &request.headers {
                            let value = value.inline().unwrap_or_default();
                            assert!(!value.contains(['\r', '\n']), "{name}: {value:?}");
                        }
                    }
                }
                Verdict::Sent | Verdict::Remember(_) => {
                    assert!(status < 300, "{} takes status {status} for sent", draft.schema().name);
                    return;
                }
                Verdict::Retry(..) | Verdict::Refused(_) => return,
            }
        }
    });
}

fn drafts() -> Vec<Draft> {
    let shown: Vec<_> = examples().iter().flat_map(|example| integrations(example)).collect();
    let more: Vec<_> = MORE.iter().flat_map(|example| integrations(example)).collect();
    assert_eq!(more.len(), MORE.len(), "no config of these");
    let all = shown.iter().chain(&more);
    let drafts = all.map(|it| draft(it, notification(), &Templates::builtin()));
    let drafts: Vec<_> =
        drafts.filter(|draft| matches!(draft.inline(), Ok(Outgoing::Http(_)))).collect();
    assert!(drafts.len() >= 15, "the examples were not found");
    drafts
}

/// The YAML of each example of receivers.
fn examples() -> Vec<String> {
    let blocks = DOCS.split("```yaml\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let is_receiver =
        |block: &&str| block.lines().next().is_some_and(|line| line.ends_with("_configs:"));
    blocks.map(|(block, _)| block).filter(is_receiver).map(str::to_owned).collect()
}

fn integrations(example: &str) -> Vec<Integration> {
    let indented: String = example.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!("route: {{receiver: r}}\nreceivers:\n- name: r\n{indented}");
    let options = LoadOptions {
        file: "x.yml".as_ref(),
        language: Language::Yaml,
        flags: &Flags::default(),
        environment: &Environment::default(),
        schemas: SCHEMAS,
    };
    // An example may be of a receiver that needs more than its own section.
    Config::load(text.as_bytes(), &options)
        .map(|loaded| loaded.config.receivers[0].integrations.clone())
        .unwrap_or_default()
}

fn notification() -> Notification {
    let labels: Labels = [("alertname", "A")].into_iter().collect();
    let at = Wall::from_secs(1_800_000_000);
    let alert = Alert {
        labels: labels.clone(),
        annotations: Labels::empty(),
        starts_at: at,
        ends_at: at,
        updated_at: at,
        timeout: true,
        generator_url: "".into(),
    };
    Notification {
        receiver: "r".into(),
        group_key: GroupKey::new("{}", &labels),
        group_labels: labels.clone(),
        route_labels: Labels::empty(),
        reason: "first notification",
        external_url: "http://x".into(),
        alerts: Rc::new([AlertView {
            fingerprint: labels.fingerprint(),
            alert: Rc::new(alert),
            resolved: false,
            late: false,
        }]),
        cut: 0,
        remembered: Rc::default(),
        held_back: None,
        now: at,
    }
}
