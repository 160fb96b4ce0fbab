//! The simulator: whole nodes in one thread under virtual time, all from one seed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a test program"
)]

#[path = "../support/mod.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "shared between test programs, not all of which use all of it"
)]
mod support;

mod net;
mod receiver;
mod scenarios;
mod seat;
mod trace;
mod world;

use std::panic::catch_unwind;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut filters = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--trace" => trace::LINES.set(true),
            "--test-threads" | "--format" | "--color" => drop(args.next()),
            flag if flag.starts_with('-') => {}
            filter => filters.push(filter.to_owned()),
        }
    }
    let mut failed = Vec::new();
    for (name, test) in scenarios::ALL {
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(&**filter)) {
            continue;
        }
        println!("test {name} ...");
        #[expect(clippy::disallowed_methods, reason = "tells how long a test took")]
        let begun = std::time::Instant::now();
        if catch_unwind(test).is_ok() {
            println!("test {name} ... ok, {:.1} s", begun.elapsed().as_secs_f64());
        } else {
            println!("test {name} ... FAILED");
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("failed: {failed:?}");
    ExitCode::FAILURE
}
