//! `bellwether journal inspect|check|compact DIR`: for a card out of its machine. Works on the files alone.

use std::io::{self, Write};
use std::path::Path;

use rand::Rng as _;

use super::{Cx, Outcome, usage};
use crate::shell::clock;
use crate::shell::flash::FlashDir;
use crate::store::{Journal, JournalOptions, SegmentSurvey, Slot, Survey, survey};
use crate::wire::record;

/// Everything is as it should be.
const SOUND: u8 = 0;
/// Something is damaged, or could not be done.
const DAMAGED: u8 = 1;

pub(super) fn inspect(cx: &mut Cx<'_>) -> Outcome {
    let dir = dir(cx)?;
    Ok(look(Path::new(&dir), true, &mut cx.out, &mut cx.err)?)
}

pub(super) fn check(cx: &mut Cx<'_>) -> Outcome {
    let dir = dir(cx)?;
    Ok(look(Path::new(&dir), false, &mut cx.out, &mut cx.err)?)
}

pub(super) fn compact(cx: &mut Cx<'_>) -> Outcome {
    let dir = dir(cx)?;
    let salt = clock::rng().map_or(0, |mut rng| rng.next_u64());
    Ok(rewrite(Path::new(&dir), salt, &mut cx.out, &mut cx.err)?)
}

fn dir(cx: &Cx<'_>) -> Result<String, super::Fault> {
    match cx.args.words.as_slice() {
        [dir] => Ok(dir.clone()),
        _ => Err(usage("expected the directory of one journal")),
    }
}

fn look(dir: &Path, whole: bool, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let flash = match FlashDir::look(dir) {
        Ok(flash) => flash,
        Err(error) => return failed(err, &error),
    };
    if flash.volatile() {
        writeln!(out, "warning: {} is in memory; nothing in it survives a reboot", dir.display())?;
    }
    let survey = match survey(flash) {
        Ok(survey) => survey,
        Err(fault) => return failed(err, &fault),
    };
    if survey.segments.iter().all(|segment| segment.slot == Slot::Empty) {
        writeln!(
            err,
            "error: {}: no journal there, no file journal-0 to journal-2",
            dir.display()
        )?;
        return Ok(DAMAGED);
    }
    if whole {
        print_segments(&survey, out)?;
    }
    print_damage(&survey, out)
}

fn print_segments(survey: &Survey, out: &mut dyn Write) -> io::Result<()> {
    for segment in &survey.segments {
        writeln!(out, "{}: {}", segment.name, describe(segment, survey.replay.epoch))?;
    }
    let replay = &survey.replay;
    writeln!(out, "live: {} records, {} bytes", replay.records, replay.bytes)?;
    for kind in &survey.kinds {
        let name = record::kind_name(kind.kind);
        writeln!(out, "  {name}: {} records, {} bytes", kind.records, kind.bytes)?;
    }
    Ok(())
}

fn describe(segment: &SegmentSurvey, epoch: u32) -> String {
    match segment.slot {
        Slot::Empty => "no file".to_owned(),
        Slot::Failed => "does not read".to_owned(),
        Slot::Foreign { header } => {
            format!("epoch {}, format {}, not readable by this version", header.epoch, header.major)
        }
        Slot::Unknown { size, damaged } => {
            let what = if damaged { "damaged header" } else { "never finished" };
            format!("{size} bytes, {what}")
        }
        Slot::Segment { header, size } => format!(
            "epoch {}{}, format {}.{}, {} of {size} bytes used, {} groups, {} records",
            header.epoch,
            if header.epoch == epoch { " (in use)" } else { "" },
            header.major,
            header.minor,
            segment.tail,
            segment.groups,
            segment.records
        ),
    }
}

fn print_damage(survey: &Survey, out: &mut dyn Write) -> io::Result<u8> {
    let replay = &survey.replay;
    // The generation before is there for bad days; that it is damaged matters, but nothing live is cut for it.
    let spare = survey.segments.iter().flat_map(|segment| &segment.cuts);
    let spare: Vec<_> = spare.filter(|cut| !replay.cuts.contains(cut)).collect();
    for cut in &replay.cuts {
        writeln!(out, "cut: {cut}")?;
    }
    for cut in &spare {
        writeln!(out, "damaged, not in use: {cut}")?;
    }
    if replay.repaired {
        writeln!(
            out,
            "repaired: the damaged base is taken from the generation before; nothing is lost"
        )?;
    }
    if let Some(major) = replay.foreign_major {
        writeln!(
            out,
            "format {major} is newer than this version: a start would set it aside and begin empty"
        )?;
    }
    let sound = replay.cuts.is_empty() && replay.foreign_major.is_none();
    if sound {
        writeln!(out, "sound")?;
    }
    Ok(if sound { SOUND } else { DAMAGED })
}

fn rewrite(dir: &Path, salt: u64, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let flash = match FlashDir::own(dir) {
        Ok(flash) => flash,
        Err(error) => return failed(err, &error),
    };
    let opened = Journal::open(flash, JournalOptions::new(salt), &mut |_, _, _| {});
    let (mut journal, replay) = match opened {
        Ok(opened) => opened,
        Err(fault) => return failed(err, &fault),
    };
    for cut in &replay.cuts {
        writeln!(out, "cut: {cut}")?;
    }
    if let Err(fault) = journal.compact() {
        return failed(err, &fault);
    }
    let ((epoch, used), (records, bytes)) = (journal.position(), journal.live());
    writeln!(out, "epoch {epoch}: {records} records, {bytes} bytes live, {used} bytes used")?;
    Ok(SOUND)
}

fn failed(err: &mut dyn Write, error: &dyn std::error::Error) -> io::Result<u8> {
    writeln!(err, "error: {error}")?;
    Ok(DAMAGED)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::store::JournalRecord;

    fn told(args: &[&str]) -> (u8, String) {
        let (code, out, _) = super::super::testing::told(&[&["journal"], args].concat());
        (code, out)
    }

    fn filled(name: &str) -> PathBuf {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-cli").join(name);
        if path.exists() {
            fs::remove_dir_all(&path).unwrap();
        }
        fs::create_dir_all(&path).unwrap();
        let flash = FlashDir::own(&path).unwrap();
        let (mut journal, _) =
            Journal::open(flash, JournalOptions::new(1), &mut |_, _, _| {}).unwrap();
        journal
            .commit(&[JournalRecord::put(1, "a", "one"), JournalRecord::put(99, "b", "two")])
            .unwrap();
        journal.commit(&[JournalRecord::put(1, "c", "three")]).unwrap();
        path
    }

    #[test]
    fn inspect_shows_segments_and_kinds() {
        let path = filled("inspect");
        let (code, text) = told(&["inspect", path.to_str().unwrap()]);
        assert_eq!(code, SOUND, "{text}");
        assert!(
            text.contains("journal-0: epoch 1 (in use), format 1.0, 16384 of 1048576"),
            "{text}"
        );
        assert!(text.contains("journal-1: no file"), "{text}");
        assert!(text.contains("\n  alert: 2 records, "), "{text}");
        assert!(text.contains("\n  kind 99 (newer): 1 records, "), "{text}");
        assert!(text.ends_with("sound\n"), "{text}");
    }

    #[test]
    fn check_tells_what_is_damaged_and_changes_nothing() {
        let path = filled("check");
        let file = path.join("journal-0");
        let mut bytes = fs::read(&file).unwrap();
        bytes[3 * 4096 + 40] ^= 1;
        fs::write(&file, &bytes).unwrap();
        let (code, text) = told(&["check", path.to_str().unwrap()]);
        assert_eq!(code, DAMAGED);
        let cut =
            "cut: a damaged write skipped, up to 1 record lost (journal-0, 4096 bytes at 12288)\n";
        assert_eq!(text, cut);
        assert_eq!(fs::read(&file).unwrap(), bytes);
        assert!(!path.join("journal-1").exists());
    }

    #[test]
    fn compact_keeps_what_is_live() {
        let path = filled("compact");
        let (code, text) = told(&["compact", path.to_str().unwrap()]);
        assert_eq!(code, SOUND, "{text}");
        assert_eq!(text, "epoch 2: 3 records, 62 bytes live, 12288 bytes used\n");
        assert!(told(&["inspect", path.to_str().unwrap()]).1.contains("live: 3 records"));
    }

    #[test]
    fn a_directory_without_a_journal_is_not_called_sound() {
        let path = filled("none");
        for file in fs::read_dir(&path).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        for word in ["check", "inspect"] {
            assert_eq!(told(&[word, path.to_str().unwrap()]), (DAMAGED, String::new()));
        }
    }

    #[test]
    fn nonsense_prints_the_usage() {
        assert_eq!(told(&["check"]).0, 2);
        assert_eq!(told(&["frobnicate", "/nowhere"]).0, 2);
        assert_eq!(told(&["check", "/nowhere/at/all"]).0, DAMAGED);
    }
}
