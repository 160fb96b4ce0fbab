//! Data that comes from no alert: from a JSON text, or made up.

use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use crate::model::Labels;
use crate::template::data::{AlertData, Data};
use crate::template::time::Time;
use crate::time::Wall;

impl Data {
    /// Reads data from the JSON that Alertmanager's `template.Data` has, as `amtool template render` takes it. A missing
    /// field is empty, as in Go.
    pub fn from_json(text: &str, now: Wall) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if !value.is_object() {
            return Err("expected an object".to_owned());
        }
        let of = |name: &str| field(&value, name);
        let alerts = match of("alerts") {
            None => Vec::new(),
            Some(Value::Array(alerts)) => alerts
                .iter()
                .map(|alert| self::alert(alert).map(Rc::new))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err("alerts: expected a list".to_owned()),
        };
        Ok(Self {
            receiver: text_of(of("receiver"), "receiver")?,
            status: text_of(of("status"), "status")?,
            alerts: alerts.into(),
            group_labels: labels(of("groupLabels"), "groupLabels")?,
            common_labels: labels(of("commonLabels"), "commonLabels")?,
            common_annotations: labels(of("commonAnnotations"), "commonAnnotations")?,
            route_labels: labels(of("routeLabels"), "routeLabels")?,
            unrendered: Labels::empty(),
            external_url: text_of(of("externalURL"), "externalURL")?,
            reason: text_of(of("notification_reason"), "notification_reason")?,
            cut: of("cut").and_then(Value::as_u64).unwrap_or(0),
            now,
        })
    }

    /// A notification that is made up: two alerts on a gateway, both of them ended if it is `resolved`, else one.
    pub fn sample(resolved: bool, now: Wall) -> Self {
        let alert = |instance: &str, severity: &str, ended: bool, minutes: u64| {
            let labels: Labels = [
                ("alertname", "DiskFull"),
                ("instance", instance),
                ("job", "node"),
                ("severity", severity),
                ("site", "berlin"),
            ]
            .into_iter()
            .collect();
            let summary = format!("The disk of {instance} is 93 % full");
            let annotations = [
                ("summary", &*summary),
                ("description", "It will be full within a day."),
                ("runbook_url", "https://example.com/runbooks/disk"),
            ];
            let starts = now - Duration::from_secs(60 * minutes);
            Rc::new(AlertData {
                status: status(ended),
                fingerprint: labels.fingerprint().to_string().into(),
                labels,
                annotations: annotations.into_iter().collect(),
                starts_at: starts.into(),
                ends_at: if ended { (now - Duration::from_secs(30)).into() } else { Time::ZERO },
                generator_url: "http://prometheus:9090/graph?g0.expr=disk_used+%3E+0.9".into(),
                late: false,
            })
        };
        let alerts =
            [alert("gw1:9100", "critical", resolved, 12), alert("gw2:9100", "warning", true, 45)];
        Self {
            receiver: "example".into(),
            status: status(resolved),
            group_labels: [("alertname", "DiskFull"), ("site", "berlin")].into_iter().collect(),
            common_labels: Self::common(&alerts, |alert| &alert.labels),
            common_annotations: Self::common(&alerts, |alert| &alert.annotations),
            alerts: alerts.into(),
            route_labels: Labels::empty(),
            unrendered: Labels::empty(),
            external_url: "http://gateway:9093".into(),
            reason: "first notification".into(),
            cut: 0,
            now,
        }
    }
}

fn status(resolved: bool) -> Rc<str> {
    if resolved { "resolved" } else { "firing" }.into()
}

/// A field by its name, in whatever case, as Go's JSON finds it; `null` is none.
fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let fields = value.as_object()?;
    let found = fields.get(name).or_else(|| {
        fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    });
    found.filter(|value| !value.is_null())
}

fn text_of(value: Option<&Value>, name: &str) -> Result<Rc<str>, String> {
    match value {
        None => Ok("".into()),
        Some(Value::String(text)) => Ok(text.as_str().into()),
        Some(other) => Err(format!("{name}: expected a string, found {other}")),
    }
}

fn labels(value: Option<&Value>, name: &str) -> Result<Labels, String> {
    let Some(value) = value else { return Ok(Labels::empty()) };
    let Some(fields) = value.as_object() else { return Err(format!("{name}: expected an object")) };
    let pairs = fields.iter().map(|(key, value)| {
        let value = if value.is_null() { None } else { Some(value) };
        Ok((key.as_str(), text_of(value, key)?))
    });
    let pairs: Vec<(&str, Rc<str>)> = pairs.collect::<Result<_, String>>()?;
    Ok(pairs.iter().map(|(key, value)| (*key, &**value)).collect())
}

fn time(value: Option<&Value>, name: &str) -> Result<Time, String> {
    let text = text_of(value, name)?;
    if value.is_none() { Ok(Time::ZERO) } else { Time::parse_rfc3339(&text) }
}

fn alert(value: &Value) -> Result<AlertData, String> {
    let of = |name: &str| field(value, name);
    Ok(AlertData {
        status: text_of(of("status"), "status")?,
        labels: labels(of("labels"), "labels")?,
        annotations: labels(of("annotations"), "annotations")?,
        starts_at: time(of("startsAt"), "startsAt")?,
        ends_at: time(of("endsAt"), "endsAt")?,
        generator_url: text_of(of("generatorURL"), "generatorURL")?,
        fingerprint: text_of(of("fingerprint"), "fingerprint")?,
        late: matches!(of("late"), Some(Value::Bool(true))),
    })
}
