//! Every decoder under libFuzzer. One program for all: `FUZZ_TARGET` names the target, `run` builds and starts it.
#![no_main]

mod access;
mod answers;
mod api;
mod bodies;
mod certificates;
mod config;
mod datagrams;
mod durations;
mod flock;
mod input;
mod intervals;
mod journal;
mod matchers;
mod mqtt;
mod parts;
mod patterns;
mod records;
mod replies;
mod requests;
mod sealed;
mod smtp;
mod subcommands;
mod templates;
mod texts;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

/// The targets, each with the decoders that it tries.
const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("access", access::run),
    ("answers", answers::run),
    ("api", api::run),
    ("bodies", bodies::run),
    ("certificates", certificates::run),
    ("datagrams", datagrams::run),
    ("durations", durations::run),
    ("intervals", intervals::run),
    ("journal", journal::run),
    ("matchers", matchers::run),
    ("mqtt", mqtt::run),
    ("parts", parts::run),
    ("patterns", patterns::run),
    ("records", records::run),
    ("replies", replies::run),
    ("requests", requests::run),
    ("sealed", sealed::run),
    ("smtp", smtp::run),
    ("subcommands", subcommands::run),
    ("templates", templates::run),
    ("texts", texts::run),
    ("toml", config::toml),
    ("yaml", config::yaml),
];

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

fn chosen() -> fn(&[u8]) {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    let Some((_, target)) = found else {
        let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("FUZZ_TARGET={name:?} is no target; one of: {}", names.join(" "));
        std::process::exit(2);
    };
    *target
}

fuzz_target!(|bytes: &[u8]| TARGET.get_or_init(chosen)(bytes));
