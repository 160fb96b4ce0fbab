//! Tells the binary of which commit it is. Debug builds are not told: each commit would compile them anew.
#![expect(
    clippy::disallowed_methods,
    reason = "a build script is told everything by its environment"
)]

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=BELLWETHER_COMMIT");
    let given = std::env::var("BELLWETHER_COMMIT").ok();
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = given.or_else(|| if is_release { commit() } else { None }).unwrap_or_default();
    println!("cargo::rustc-env=BELLWETHER_COMMIT={commit}");
}

/// The commit that is checked out, 12 digits of it; none if this is no clone or there is no git.
fn commit() -> Option<String> {
    let head = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo::rerun-if-changed={head}");
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|it| it.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}
