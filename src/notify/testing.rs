//! Support for the tests of receiver types: a config in, the request out.

use std::path::Path;
use std::rc::Rc;

use crate::config::{self, Config, Environment, Flags, Integration, Language};
use crate::model::{Alert, GroupKey, Labels};
use crate::notify::{AlertView, Draft, HttpRequest, Notification, Outgoing, SCHEMAS, draft};
use crate::template::Templates;
use crate::time::Wall;

/// Alerts `B` of these instances, and whether each has ended, told to `crit.hook`.
pub(crate) fn notification(alerts: &[(&str, bool)]) -> Notification {
    let view = |(instance, resolved): &(&str, bool)| {
        let labels: Labels = [("alertname", "B"), ("instance", *instance)].into_iter().collect();
        AlertView {
            fingerprint: labels.fingerprint(),
            alert: Rc::new(Alert {
                labels,
                annotations: [("summary", "s")].into_iter().collect(),
                starts_at: Wall::from_ns(1_700_000_000_120_000_000),
                ends_at: Wall::from_secs(1_700_000_300),
                updated_at: Wall::from_secs(1_700_000_000),
                timeout: true,
                generator_url: "http://p/g".into(),
            }),
            resolved: *resolved,
            late: false,
        }
    };
    let group_labels: Labels = [("alertname", "B")].into_iter().collect();
    Notification {
        receiver: "crit.hook".into(),
        group_key: GroupKey::new("{}", &group_labels),
        group_labels,
        route_labels: Labels::empty(),
        reason: "first notification",
        external_url: "http://vm:9093".into(),
        alerts: alerts.iter().map(view).collect(),
        cut: 0,
        remembered: Rc::default(),
        held_back: None,
        now: Wall::from_secs(1_700_000_100),
    }
}

/// The integration that a receiver has by this YAML, such as `webhook_configs: [{url: 'http://x'}]`; `global` likewise.
pub(crate) fn integration(global: &str, receiver: &str) -> Result<Integration, String> {
    let text = format!(
        "global: {{{global}}}\nroute: {{receiver: r}}\nreceivers: [{{name: r, {receiver}}}]\n"
    );
    let loaded = load(&text)?;
    Ok(loaded.config.receivers[0].integrations[0].clone())
}

/// A whole configuration of this YAML.
pub(crate) fn load(text: &str) -> Result<config::Loaded, String> {
    let options = config::LoadOptions {
        file: Path::new("x.yml"),
        language: Language::Yaml,
        flags: &Flags::default(),
        environment: &Environment::default(),
        schemas: SCHEMAS,
    };
    Config::load(text.as_bytes(), &options).map_err(|errors| errors.to_string())
}

/// The draft of a notification for the integration of this YAML.
pub(crate) fn drafted(global: &str, receiver: &str, notification: Notification) -> Draft {
    let integration = integration(global, receiver).unwrap_or_else(|errors| panic!("{errors}"));
    draft(&integration, notification, &Templates::builtin())
}

/// The HTTP request of a draft.
pub(crate) fn request(draft: &Draft) -> HttpRequest {
    match draft.inline() {
        Ok(Outgoing::Http(request)) => request,
        other => panic!("no HTTP request: {other:?}"),
    }
}
