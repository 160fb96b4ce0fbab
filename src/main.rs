//! The `bellwether` binary: arguments to exit code.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bellwether::api::Access;
use bellwether::cli;
use bellwether::config::flags::{self, Invocation, choose_config};
use bellwether::config::settings::{ClusterSettings, Listener, Web};
use bellwether::config::{Environment, Flags, Settings};
use bellwether::gossip::{self, KeyRing};
use bellwether::node::{Options, SilenceRules};
use bellwether::shell::reload::Reloader;
use bellwether::shell::source::{self, ALONE, ConfigSource};
use bellwether::shell::{self, Setup, keys};
use bellwether::version;
use log::{error, info, warn};

/// `EX_CONFIG` of `sysexits.h`, of what was read and is wrong: systemd does not try again with the same config.
const BAD_CONFIG: u8 = 78;
/// Of what may be otherwise in a while, such as a file on a disk that is mounted late: systemd tries again.
const FAILED: u8 = 1;

#[cfg(all(target_env = "musl", target_pointer_width = "64"))]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_default();
    let args: Vec<OsString> = args.collect();
    let process = process(Path::new(&name));
    if let Some(code) = cli::run(&args, &process, &mut io::stdout().lock(), &mut io::stderr()) {
        return ExitCode::from(code);
    }
    match flags::parse(args) {
        Ok(Invocation::Help) => print(&cli::help::daemon(&flags::help())),
        Ok(Invocation::Version) => print(&version::text()),
        Ok(Invocation::Run(flags)) => run(source(flags)),
        Err(errors) => {
            for error in errors {
                writeln!(io::stderr(), "bellwether: {error}").ok();
            }
            ExitCode::from(2)
        }
    }
}

fn print(text: &str) -> ExitCode {
    // Ignore a closed pipe.
    io::stdout().write_all(text.as_bytes()).ok();
    ExitCode::SUCCESS
}

/// The part of this process, called by `name`, that subcommands see.
fn process(name: &Path) -> cli::Process {
    let is_terminal = io::stdout().is_terminal();
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok().filter(|_| is_terminal);
    cli::Process {
        name: name.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        home: environment("HOME").map(PathBuf::from),
        user: environment("USER").or_else(user).unwrap_or_else(|| "bellwether".to_owned()),
        columns: size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0),
        has_colour: environment("NO_COLOR").is_none(),
        is_local: true,
    }
}

/// The name of the user that this process runs as.
fn user() -> Option<String> {
    let id = rustix::process::getuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let user = users.lines().find(|line| line.split(':').nth(2) == Some(&*id))?;
    user.split(':').next().map(ToOwned::to_owned)
}

fn run(source: ConfigSource) -> ExitCode {
    let journal = environment("JOURNAL_STREAM").is_some();
    let loaded = match source.load() {
        Ok(loaded) => loaded,
        Err(error) => {
            shell::log::start(&Settings::default().log, journal);
            let code = match &error {
                source::SourceError::Unreadable(_) => FAILED,
                source::SourceError::Wrong(_) => BAD_CONFIG,
            };
            return Failure { why: error.to_string(), code }.tell();
        }
    };
    shell::log::start(&loaded.settings.log, journal);
    info!(version = version::VERSION, commit = version::COMMIT; "Starting Bellwether");
    for note in &source.flags.notes {
        warn!("{note}");
    }
    source.warn(&loaded.warnings);
    let config_file = source.name().display().to_string();
    info!(file = config_file.as_str(); "the config was loaded");
    let (external_url, prefix) = match place(&loaded.settings) {
        Ok(place) => place,
        Err(why) => return Failure { why, code: BAD_CONFIG }.tell(),
    };
    warn_of_dead_links(&loaded.settings.web, &external_url);
    let cluster = loaded.settings.cluster.clone();
    let (keys, missing) = match source.keys(&cluster) {
        Ok(keys) => (keys, None),
        Err(keys::KeysError::Wrong(why)) => {
            return Failure { why: format!("cluster.key_files: {why}"), code: BAD_CONFIG }.tell();
        }
        Err(unreadable) => {
            let restarted = environment("NOTIFY_SOCKET").is_some();
            (KeyRing::default(), Some(source.missing(&cluster, &unreadable, restarted)))
        }
    };
    if let Some(missing) = &missing {
        error!("{}; {ALONE}", missing.why);
    }
    let is_alone = missing.is_some();
    let reloader = Reloader::new(source, loaded.settings.clone(), is_alone);
    reloader.warn_if_unsealed(&keys);
    let setup = Setup {
        config: loaded.config,
        access: Access::new(&loaded.settings.web, &external_url, &host_name()),
        options: options(&loaded.settings, external_url),
        flock: cluster.port().filter(|_| !is_alone).map(|_| flock(&cluster, keys)),
        missing,
        name: if cluster.name.is_empty() { host_name() } else { cluster.name.clone() },
        cluster,
        web: loaded.settings.web,
        storage: loaded.settings.storage,
        prefix,
        config_file,
        reloader,
    };
    match shell::run(setup) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let is_wrong =
                matches!(why, shell::Error::Admission(shell::admission::AdmissionError::Wrong(_)));
            let code = if is_wrong { BAD_CONFIG } else { FAILED };
            Failure { why: why.to_string(), code }.tell()
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "here is where the environment is read")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The variables of the environment with these names, as far as they are text.
fn variables(is_wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).filter(|(name, _)| is_wanted(name)).collect()
}

/// The part of the environment that a config may take.
fn config_environment() -> Environment {
    // As Go has it: either spelling, in capitals first.
    let either = |name: &str| {
        environment(name).or_else(|| environment(&name.to_ascii_lowercase())).unwrap_or_default()
    };
    let credentials_directory = environment("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    Environment {
        state_directory: environment("STATE_DIRECTORY").map(PathBuf::from),
        credentials: credentials_directory.as_deref().map(names_in).unwrap_or_default(),
        credentials_directory,
        http_proxy: either("HTTP_PROXY"),
        https_proxy: either("HTTPS_PROXY"),
        no_proxy: either("NO_PROXY"),
        aws: variables(|name| name == "HOME" || name.starts_with("AWS_")),
    }
}

/// The names of the files in a directory, which systemd bounds; none if it cannot be read.
fn names_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Why the agent does not run, in lines, and its exit code.
struct Failure {
    why: String,
    code: u8,
}

impl Failure {
    fn tell(self) -> ExitCode {
        for line in self.why.lines() {
            error!("{line}");
        }
        ExitCode::from(self.code)
    }
}

/// Where the config comes from, as the flags and the environment say.
fn source(flags: Flags) -> ConfigSource {
    ConfigSource {
        file: choose_config(flags.config_file.as_deref(), Path::exists),
        environment: config_environment(),
        flags,
    }
}

/// The external URL without a slash at its end, and the prefix of every path.
fn place(settings: &Settings) -> Result<(Arc<str>, String), String> {
    let web = &settings.web;
    let port = web.listen_addresses.iter().find_map(Listener::address).map_or(0, |it| it.port);
    let scheme = if web.admission.tls.is_some() { "https" } else { "http" };
    let url = match web.external_url.trim_end_matches('/') {
        "" => format!("{scheme}://{}:{port}", host_name()),
        url => url.to_owned(),
    };
    let rest = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.starts_with('/')) else {
        return Err(format!("--web.external-url={url}: expected http://HOST[:PORT][/PATH]"));
    };
    let path = match web.route_prefix.as_str() {
        "" => rest.split_once('/').map_or("", |(_, path)| path),
        prefix => prefix,
    };
    let path = path.trim_matches('/');
    let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
    Ok((url.into(), prefix))
}

/// Says so if the links in notifications lead to this machine's name while nothing but itself can connect.
fn warn_of_dead_links(web: &Web, external_url: &str) {
    if web.external_url.is_empty() && web.listen_addresses.iter().all(Listener::is_local) {
        let address = web.listen_addresses.iter().find_map(Listener::address);
        let port = address.map_or(9093, |it| it.port);
        info!(
            "links in notifications lead to {external_url}, where nobody answers: only this machine can connect. Set --web.listen-address=:{port}, or --web.external-url to how users reach this agent"
        );
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The configuration of the flock's engine.
fn flock(cluster: &ClusterSettings, keys: KeyRing) -> gossip::Config {
    let defaults = gossip::Config::new(0, &cluster.name);
    gossip::Config {
        label: cluster.label.clone(),
        keys,
        expects_peers: !cluster.peers.is_empty(),
        multicast: cluster.multicast,
        probe_interval: cluster.probe_interval,
        probe_timeout: cluster.probe_timeout,
        reconnect_interval: cluster.reconnect_interval,
        reconnect_timeout: cluster.reconnect_timeout,
        // No later than it is over: zero is ready at once.
        settle_interval: defaults.settle_interval.min(cluster.settle_timeout),
        settle_timeout: cluster.settle_timeout,
        synced: shell::clock::synced(),
        // Its node id is drawn, or the one that was kept.
        ..defaults
    }
}

fn options(settings: &Settings, external_url: Arc<str>) -> Options {
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Options {
        external_url,
        retention: settings.storage.retention,
        alerts_gc_interval: settings.alerts.gc_interval,
        alerts_per_name_max: size(settings.alerts.per_alertname_limit),
        own_alerts: settings.alerts.own,
        start_delay: settings.dispatch.start_delay,
        silence_rules: SilenceRules {
            count: size(settings.silences.max_silences),
            bytes: size(settings.silences.max_silence_size_bytes),
            grammar: settings.grammar(),
        },
        grammar: settings.grammar(),
        log_silences: settings.log.silences,
        ..Options::default()
    }
}
