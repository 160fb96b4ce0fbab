//! The receiver types, one a line. To add one: its file, a line here, its docs in `configs/README.md`, its test.

use crate::config::Schema;
use crate::notify::{
    Each, Message, Outgoing, Reply, Verdict, alertmanager, discord, email, exec, file, gotify,
    heartbeat, incidentio, jira, log, mattermost, mqtt, msteams, msteamsv2, ntfy, opsgenie,
    pagerduty, pushover, rocketchat, slack, sns, syslog, telegram, victorops, webex, webhook,
    wechat,
};

/// A receiver type: what it can be configured with, what it sends, and what it makes of the answer.
#[derive(Debug)]
pub struct Type {
    /// Its keys.
    pub schema: Schema,
    /// The request that tells a message, or why there can be none.
    pub request: fn(&Message<'_>) -> Result<Outgoing, String>,
    /// How it writes the alerts, if it writes each for itself.
    pub each: Option<Each>,
    /// How the reply to it is judged.
    pub judge: fn(&Message<'_>, &Reply) -> Verdict,
}

/// Every receiver type, in the order of their sections in a receiver.
pub(super) static TYPES: &[&Type] = &[
    &discord::TYPE,
    &email::TYPE,
    &gotify::TYPE,
    &incidentio::TYPE,
    &jira::TYPE,
    &mattermost::TYPE,
    &msteams::TYPE,
    &msteamsv2::TYPE,
    &ntfy::TYPE,
    &opsgenie::TYPE,
    &pagerduty::TYPE,
    &pushover::TYPE,
    &rocketchat::TYPE,
    &slack::TYPE,
    &sns::TYPE,
    &telegram::TYPE,
    &victorops::TYPE,
    &webex::TYPE,
    &webhook::TYPE,
    &wechat::TYPE,
    &alertmanager::TYPE,
    &exec::TYPE,
    &file::TYPE,
    &log::TYPE,
    &mqtt::TYPE,
    &syslog::TYPE,
];

/// Whether receivers of this type open incidents and close them.
pub fn has_incidents(name: &str) -> bool {
    TYPES.iter().any(|it| it.schema.name == name && it.schema.incidents)
}

/// Their schemas for the configuration.
pub static SCHEMAS: &[&Schema] = &{
    let mut schemas = [&log::TYPE.schema; TYPES.len()];
    let mut at = 0;
    while at < schemas.len() {
        schemas[at] = &TYPES[at].schema;
        at += 1;
    }
    schemas
};

/// The type with this schema.
pub(super) fn of(schema: &Schema) -> Option<&'static Type> {
    let heartbeat = &heartbeat::TYPE;
    TYPES.iter().copied().chain([heartbeat]).find(|it| it.schema.name == schema.name)
}
