//! Every key of Alertmanager 0.35 is known: a value that makes no sense anywhere is refused for what it is, never as an
//! unknown key.

use std::path::Path;

use bellwether::config::{Config, Environment, Flags, Language, LoadOptions};
use bellwether::notify::SCHEMAS;

/// The errors of a text, or nothing if there are none.
fn errors(text: &str) -> String {
    let (flags, environment) = (Flags::default(), Environment::default());
    let file = Path::new("alertmanager.yml");
    let options = LoadOptions {
        file,
        language: Language::Yaml,
        flags: &flags,
        environment: &environment,
        schemas: SCHEMAS,
    };
    Config::load(text.as_bytes(), &options).map_or_else(|it| it.to_string(), |_| String::new())
}

/// The keys that are unknown where `before` leads to, a text that ends where a key begins.
fn unknown(before: &str, keys: &str) -> Vec<String> {
    let is_unknown = |key: &&str| {
        let told = errors(&format!("{before}{key}: [[y]]\n"));
        // Where a secret may stand, keys are not shown.
        told.contains(&format!("unknown key \"{key}\"")) || told.contains("an unknown key")
    };
    keys.split_whitespace().filter(is_unknown).map(|key| format!("{before}{key}")).collect()
}

/// Types of receivers and their keys, but for `send_resolved` and `http_config`.
const RECEIVERS: &[(&str, &str)] = &[
    ("webhook", "url url_file max_alerts timeout payload"),
    (
        "email",
        "to from smarthost hello auth_username auth_password auth_password_file auth_secret auth_secret_file auth_identity \
         require_tls force_implicit_tls tls_config html text headers threading",
    ),
    (
        "pagerduty",
        "routing_key routing_key_file service_key service_key_file url client client_url description severity source \
         details images links component group class timeout",
    ),
    (
        "slack",
        "api_url api_url_file app_token app_token_file app_url channel username color title title_link pretext text \
         message_text fields short_fields footer fallback callback_id icon_emoji icon_url image_url thumb_url link_names \
         mrkdwn_in actions update_message timeout",
    ),
    (
        "telegram",
        "api_url bot_token bot_token_file chat_id chat_id_file message_thread_id message disable_notifications parse_mode",
    ),
    (
        "opsgenie",
        "api_key api_key_file api_url message description source details entity responders actions tags note priority \
         update_alerts",
    ),
    ("discord", "webhook_url webhook_url_file content title message username avatar_url"),
    ("msteams", "webhook_url webhook_url_file title summary text"),
    ("msteamsv2", "webhook_url webhook_url_file title text"),
    (
        "mattermost",
        "webhook_url webhook_url_file channel username text fallback color pretext author_name author_link author_icon title \
         title_link fields thumb_url footer footer_icon image_url icon_url icon_emoji attachments type props priority",
    ),
    (
        "rocketchat",
        "api_url token token_file token_id token_id_file channel color title title_link text fields short_fields emoji \
         icon_url image_url thumb_url link_names actions",
    ),
    (
        "jira",
        "api_url api_type project summary description labels priority issue_type reopen_transition resolve_transition \
         wont_fix_resolution reopen_duration fields",
    ),
    (
        "incidentio",
        "url url_file alert_source_token alert_source_token_file max_alerts timeout metadata",
    ),
    (
        "sns",
        "api_url sigv4 topic_arn phone_number target_arn subject message attributes use_aws_http_client",
    ),
    (
        "victorops",
        "api_key api_key_file api_url routing_key message_type entity_display_name state_message monitoring_tool \
         custom_fields",
    ),
    (
        "pushover",
        "user_key user_key_file token token_file title message url url_title device sound priority retry expire ttl html \
         monospace",
    ),
    ("webex", "api_url room_id message"),
    (
        "wechat",
        "api_secret api_secret_file corp_id api_url message message_type agent_id to_user to_party to_tag",
    ),
];

/// A text up to a key in a section of a receiver.
macro_rules! receiver {
    ($section:literal) => {
        concat!("receivers:\n- name: r\n  ", $section)
    };
}

const SIGV4: &str =
    "region access_key secret_key profile role_arn external_id use_fips_sts_endpoint service_name";

const SECTIONS: &[(&str, &str)] = &[
    (
        "",
        "global templates route receivers inhibit_rules mute_time_intervals time_intervals tracing event_recorder",
    ),
    (
        "global:\n  ",
        "resolve_timeout http_config smtp_from smtp_smarthost smtp_hello smtp_auth_username smtp_auth_password \
         smtp_auth_password_file smtp_auth_secret smtp_auth_secret_file smtp_auth_identity smtp_require_tls smtp_tls_config \
         smtp_force_implicit_tls slack_api_url slack_api_url_file slack_app_token slack_app_token_file slack_app_url \
         pagerduty_url opsgenie_api_url opsgenie_api_key opsgenie_api_key_file victorops_api_url victorops_api_key \
         victorops_api_key_file wechat_api_url wechat_api_secret wechat_api_secret_file wechat_api_corp_id telegram_api_url \
         telegram_bot_token telegram_bot_token_file webex_api_url rocketchat_api_url rocketchat_token rocketchat_token_file \
         rocketchat_token_id rocketchat_token_id_file mattermost_webhook_url mattermost_webhook_url_file jira_api_url",
    ),
    (
        "route:\n  ",
        "receiver group_by continue match match_re matchers mute_time_intervals active_time_intervals group_wait \
         group_interval repeat_interval routes labels",
    ),
    (
        "inhibit_rules:\n- ",
        "name source_match source_match_re source_matchers target_match target_match_re target_matchers equal",
    ),
    ("time_intervals:\n- ", "name time_intervals"),
    (
        "time_intervals:\n- name: x\n  time_intervals:\n  - ",
        "times weekdays days_of_month months years location",
    ),
    ("time_intervals:\n- name: x\n  time_intervals:\n  - times:\n    - ", "start_time end_time"),
    ("receivers:\n- ", "name labels"),
    (
        "global:\n  http_config:\n    ",
        "basic_auth authorization oauth2 tls_config proxy_url no_proxy proxy_from_environment proxy_connect_header \
         follow_redirects enable_http2 http_headers",
    ),
    (
        "global:\n  http_config:\n    basic_auth:\n      ",
        "username username_file password password_file",
    ),
    ("global:\n  http_config:\n    authorization:\n      ", "type credentials credentials_file"),
    (
        "global:\n  http_config:\n    oauth2:\n      client_id: a\n      client_secret: b\n      token_url: http://x\n      ",
        "client_id client_secret client_secret_file client_certificate_key_id client_certificate_key \
         client_certificate_key_file grant_type signature_algorithm iss audience claims scopes token_url endpoint_params \
         tls_config proxy_url no_proxy proxy_from_environment proxy_connect_header",
    ),
    (
        "global:\n  http_config:\n    tls_config:\n      ",
        "ca ca_file cert cert_file key key_file server_name insecure_skip_verify min_version max_version",
    ),
    ("global:\n  http_config:\n    http_headers:\n      X-A:\n        ", "values secrets files"),
    (receiver!("sns_configs:\n  - sigv4:\n      "), SIGV4),
    (receiver!("slack_configs:\n  - actions:\n    - "), "type text url style name value confirm"),
    (
        receiver!("slack_configs:\n  - actions:\n    - confirm:\n        "),
        "title text ok_text dismiss_text",
    ),
    (receiver!("slack_configs:\n  - fields:\n    - "), "title value short"),
    (receiver!("opsgenie_configs:\n  - responders:\n    - "), "id name username type"),
    (receiver!("pagerduty_configs:\n  - images:\n    - "), "href src alt"),
    (receiver!("pagerduty_configs:\n  - links:\n    - "), "href text"),
    (receiver!("jira_configs:\n  - summary:\n      "), "template enable_update"),
    (receiver!("jira_configs:\n  - description:\n      "), "template enable_update"),
    (receiver!("email_configs:\n  - threading:\n      "), "enabled thread_by_date"),
    (receiver!("mattermost_configs:\n  - props:\n      "), "card"),
    (
        receiver!("mattermost_configs:\n  - priority:\n      "),
        "priority requested_ack persistent_notifications",
    ),
    (receiver!("mattermost_configs:\n  - fields:\n    - "), "title value short"),
    (
        receiver!("mattermost_configs:\n  - attachments:\n    - "),
        "fallback color pretext text author_name author_link author_icon title title_link fields thumb_url footer footer_icon \
         image_url",
    ),
    (receiver!("rocketchat_configs:\n  - fields:\n    - "), "title value short"),
    (
        receiver!("rocketchat_configs:\n  - actions:\n    - "),
        "type text url msg imageurl iswebview webviewheightratio msginchatwindow msgprocessingtype",
    ),
];

#[test]
fn every_key_of_alertmanager_is_known() {
    let mut missing = Vec::new();
    for (before, keys) in SECTIONS {
        missing.extend(unknown(before, keys));
    }
    for (kind, keys) in RECEIVERS {
        missing.extend(unknown("receivers:\n- name: r\n  ", &format!("{kind}_configs")));
        let before = format!("receivers:\n- name: r\n  {kind}_configs:\n  - ");
        missing.extend(unknown(&before, keys));
        missing.extend(unknown(&before, "send_resolved"));
        if *kind != "email" {
            missing.extend(unknown(&before, "http_config"));
        }
    }
    assert!(missing.is_empty(), "unknown:\n{}", missing.join("\n"));
}

#[test]
fn a_key_that_nobody_knows_is_found_everywhere() {
    for (before, _) in SECTIONS {
        assert_eq!(unknown(before, "no_such_key").len(), 1, "{before}");
    }
    for (kind, _) in RECEIVERS {
        let before = format!("receivers:\n- name: r\n  {kind}_configs:\n  - ");
        assert_eq!(unknown(&before, "no_such_key").len(), 1, "{kind}");
    }
}
