//! The build script: tells the binary of which commit it is, and compresses the page into it.
#![expect(
    clippy::disallowed_methods,
    reason = "a build script is told everything by its environment"
)]

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    tell_commit();
    pack_page()
}

/// Debug builds are not told: each commit would compile them anew.
fn tell_commit() {
    println!("cargo::rerun-if-env-changed=BELLWETHER_COMMIT");
    let given = env::var("BELLWETHER_COMMIT").ok();
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = given.or_else(|| if is_release { commit() } else { None }).unwrap_or_default();
    println!("cargo::rustc-env=BELLWETHER_COMMIT={commit}");
}

/// Compresses the files of the page and lists them for `src/ui.rs`: name, media type, tag and bytes.
fn pack_page() -> io::Result<()> {
    let folder = Path::new("src/ui");
    println!("cargo::rerun-if-changed={}", folder.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|it| it.path())).collect::<Result<_, _>>()?;
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let media_type = match file.extension().and_then(|it| it.to_str()) {
            Some("css") => "text/css; charset=utf-8",
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            _ => continue,
        };
        let name = file.file_name().and_then(|it| it.to_str()).ok_or(io::ErrorKind::InvalidData)?;
        let bytes = fs::read(&file)?;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let tag = format!("\"{:016x}\"", hasher.finish());
        let mut gzip = Vec::new();
        zopfli::compress(zopfli::Options::default(), zopfli::Format::Gzip, &*bytes, &mut gzip)?;
        let packed = out.join(format!("{name}.gz"));
        fs::write(&packed, gzip)?;
        writeln!(
            list,
            "Asset {{ name: {name:?}, media_type: {media_type:?}, tag: {tag:?}, gzip: include_bytes!(r#\"{}\"#) }},",
            packed.display(),
        )
        .map_err(io::Error::other)?;
    }
    fs::write(out.join("assets.rs"), list + "]\n")
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
