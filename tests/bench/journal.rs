//! Figures of the journal. `cargo bench --bench journal` replays and compacts 10,000 silences and 10,000 alerts.
//! `journal write DIR N SIZE` and `journal idle DIR` do so many commits, for `device_bytes.py` to count at the device.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

use std::fs;
use std::path::Path;

use bellwether::shell::flash::FlashDir;
use bellwether::store::{Journal, JournalOptions, JournalRecord};

/// Replay may take so long, on the developer's machine.
const REPLAY_MS_MAX: u128 = 200;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => figures(),
        ["replay", dir] => replay(Path::new(dir)),
        ["write", dir, commits, records] => {
            write(Path::new(dir), commits.parse().unwrap(), records.parse().unwrap());
        }
        ["idle", dir] => idle(Path::new(dir)),
        _ => println!("usage: journal [write DIR COMMITS RECORDS_EACH | idle DIR]"),
    }
}

fn open(dir: &Path) -> (Journal<FlashDir>, usize) {
    let mut records = 0;
    let flash = FlashDir::own(dir).unwrap();
    let opened = Journal::open(flash, JournalOptions::new(1), &mut |_, _, _| records += 1);
    (opened.unwrap().0, records)
}

/// A body of so many bytes, unlike any other.
fn body(n: usize, bytes: usize) -> Vec<u8> {
    n.to_le_bytes().into_iter().cycle().take(bytes).collect()
}

fn figures() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-journal");
    if dir.exists() {
        fs::remove_dir_all(&dir).unwrap();
    }
    fs::create_dir_all(&dir).unwrap();
    let (mut journal, _) = open(&dir);
    for first in (0..10_000).step_by(100) {
        let ids = first..first + 100;
        let silences =
            ids.clone().map(|n| JournalRecord::put(1, format!("silence-{n:08}"), body(n, 200)));
        let alerts = ids.map(|n| JournalRecord::put(2, n.to_le_bytes(), body(n, 400)));
        journal.commit(&silences.chain(alerts).collect::<Vec<_>>()).unwrap();
    }
    let (records, bytes) = journal.live();
    println!("live records                 {records:>10}, {bytes} bytes");
    drop(journal);
    // In a process of its own, whose memory nobody has used before.
    let this = std::env::current_exe().unwrap();
    let replay = std::process::Command::new(this).arg("replay").arg(&dir).status().unwrap();
    assert!(replay.success());
    fs::remove_dir_all(&dir).unwrap();
}

fn replay(dir: &Path) {
    let before = memory("VmRSS");
    reset_peak();
    let (elapsed, (mut journal, found)) = timed(|| open(dir));
    assert_eq!(found, 20_000);
    println!("replay                       {:>10.1} ms", elapsed.as_secs_f64() * 1000.0);
    println!("memory while replaying       {:>10} KiB more at peak", memory("VmHWM") - before);
    println!("index                        {:>10} KiB more after", memory("VmRSS") - before);
    assert!(elapsed.as_millis() < REPLAY_MS_MAX, "slower than {REPLAY_MS_MAX} ms");

    let before = memory("VmRSS");
    reset_peak();
    let (elapsed, ()) = timed(|| journal.compact().unwrap());
    println!("compaction                   {:>10.1} ms", elapsed.as_secs_f64() * 1000.0);
    println!("memory while compacting      {:>10} KiB more at peak", memory("VmHWM") - before);
}

fn timed<T>(run: impl FnOnce() -> T) -> (std::time::Duration, T) {
    #[expect(clippy::disallowed_methods, reason = "it measures real time")]
    let start = std::time::Instant::now();
    let result = run();
    (start.elapsed(), result)
}

/// A line of `/proc/self/status`, in KiB.
fn memory(line: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix(line)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Makes `VmHWM` start again from here.
fn reset_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Commits of records of 200 bytes; 50 keys, so that the state stays as small as an edge site's. Waits for a line on
/// stdin first, and after, so that a counter can be read.
fn write(dir: &Path, commits: usize, records: usize) {
    let (mut journal, _) = open(dir);
    journal.commit(&[JournalRecord::put(1, "first", body(0, 200))]).unwrap();
    wait("ready");
    for n in 0..commits {
        let group: Vec<JournalRecord> = (0..records)
            .map(|r| JournalRecord::put(1, format!("key-{}", (n * records + r) % 50), body(n, 184)))
            .collect();
        journal.commit(&group).unwrap();
    }
    wait("done");
    let wear = journal.wear();
    wait(&format!("{} commits {} syncs {} segments", wear.commits, wear.syncs, wear.compactions));
}

/// Opens what is there and commits what changes nothing.
fn idle(dir: &Path) {
    let (mut journal, _) = open(dir);
    wait("ready");
    for n in 0..300 {
        assert!(!journal.commit(&[JournalRecord::delete(1, format!("gone-{n}"))]).unwrap().wrote);
    }
    wait("done");
}

fn wait(say: &str) {
    println!("{say}");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}
