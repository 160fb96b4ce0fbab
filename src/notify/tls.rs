//! `tls_config` of receiver types that do not speak HTTP.
use std::sync::Arc;

use crate::config::{Identity, Key, Secret, Takes, Tls, TlsVersion, Values};

const VERSIONS: Takes = Takes::Choice(&["TLS10", "TLS11", "TLS12", "TLS13"]);

/// The keys of a `tls_config`.
pub(super) const KEYS: &[Key] = &[
    Key::secret("ca", "ca_file"),
    Key::secret("cert", "cert_file"),
    Key::secret("key", "key_file"),
    Key::text("server_name", ""),
    Key::bool("insecure_skip_verify", "false"),
    Key::new("min_version", VERSIONS),
    Key::new("max_version", VERSIONS),
];

/// A `tls_config` with its files read.
pub(super) fn read(values: &Values, key: &str) -> Arc<Tls> {
    let Some(table) = values.table(key) else { return Arc::default() };
    let text = |key| Some(table.text(key)).filter(|text| !text.is_empty());
    let secret = |key| text(key).map(|text| Secret::Inline(text.into()));
    // Older versions than 1.2 are not spoken by anybody here.
    let version = |key| match table.text(key) {
        "TLS13" => Some(TlsVersion::V13),
        "TLS12" => Some(TlsVersion::V12),
        _ => None,
    };
    Arc::new(Tls {
        ca: secret("ca"),
        identity: secret("cert").zip(secret("key")).map(|(cert, key)| Identity { cert, key }),
        server_name: text("server_name").map(str::to_owned),
        insecure_skip_verify: table.is("insecure_skip_verify"),
        min_version: version("min_version"),
        max_version: version("max_version"),
        pins: Vec::new(),
    })
}

/// The error of a `tls_config`.
pub(super) fn check(values: &Values, key: &str) -> Vec<String> {
    let Some(table) = values.table(key) else { return Vec::new() };
    let half = table.has("cert") != table.has("key");
    let wrong = half.then(|| format!("{key}: cert and key are set together"));
    wrong.into_iter().collect()
}
