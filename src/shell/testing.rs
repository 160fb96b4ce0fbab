//! A shell for tests.

use std::path::Path;

use crate::api;
use crate::config::settings::{ClusterSettings, Listener, Storage, Web};
use crate::config::{Environment, Flags, Settings};
use crate::core::testing::{config, route};
use crate::node;
use crate::shell::Setup;
use crate::shell::reload::Reloader;
use crate::shell::source::ConfigSource;

/// A shell's setup whose state and socket are in this folder.
pub(super) fn setup(folder: &Path) -> Setup {
    let (flags, environment) = (Flags::default(), Environment::default());
    let source = ConfigSource { flags, file: None, environment };
    let web = Web {
        listen_addresses: vec![Listener::Unix(folder.join("socket"))],
        ..Settings::default().web
    };
    Setup {
        config: config(route("r", &[])),
        options: node::Options::default(),
        flock: None,
        missing: None,
        name: "gw".to_owned(),
        cluster: ClusterSettings::default(),
        access: api::Access::new(&web, "http://localhost:9093", "gw"),
        web,
        storage: Storage { path: folder.join("data"), ..Storage::default() },
        prefix: String::new(),
        config_file: String::new(),
        reloader: Reloader::new(source, Settings::default(), false),
    }
}
