//! The identity of this build: our version, the commit it was built of, and the Alertmanager whose API it speaks.

/// Our version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, 12 digits of it; empty where it was not built from a clone, and in debug builds.
pub const COMMIT: &str = env!("BELLWETHER_COMMIT");

/// The version of Alertmanager whose API and behaviour are spoken here. karma and amtool read it from `versionInfo` and
/// from `alertmanager_build_info`.
pub const ALERTMANAGER: &str = "0.34.0";

/// The text that `--version` prints.
pub fn text() -> String {
    let commit = if COMMIT.is_empty() { String::new() } else { format!(" (commit {COMMIT})") };
    format!(
        "bellwether, version {VERSION}{commit}, speaks the API of Alertmanager {ALERTMANAGER}\n"
    )
}
