//! The clocks, the one timer of the loop, and entropy. The only place that asks the system for either.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rustix::rand::GetRandomFlags;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use smol::channel::Sender;
use smol::{Async, Timer};

use crate::limits::REJOIN_INTERVAL;
use crate::shell::Event;
use crate::time::{ClockTrust, Mono, Now, SET_SINCE, Wall};

/// Reads both clocks.
pub fn now() -> Now {
    Now { mono: mono(), wall: wall() }
}

/// Reads the clock of what waits.
pub fn mono() -> Mono {
    Mono::from_ms(u64::try_from(boot_time().as_millis()).unwrap_or(u64::MAX))
}

/// Reads the wall clock.
pub fn wall() -> Wall {
    let time = clock_gettime(ClockId::Realtime);
    Wall::from_secs(time.tv_sec) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// The file that `systemd-timesyncd` leaves there, and touches each time it has asked a server.
const TIMESYNC: &str = "/run/systemd/timesync";
/// After so long without a server the kernel would call the clock unsynchronised: an error of 16 s, at 500 ppm.
const SYNCED_FOR: Duration = Duration::from_secs(32_000);

/// Where there is no clock with a battery, systemd begins with the time of the first of these, which is years old.
const EPOCHS: [&str; 2] = ["/usr/lib/clock-epoch", "/usr/lib/systemd/systemd"];
/// How long after the kernel systemd may begin, and how far its own time is from its file's.
const EPOCH_SPREAD: Duration = Duration::from_secs(5 * 60);

/// Says 1 if the kernel began with the time of this clock, which has a battery.
const BATTERY: &str = "/sys/class/rtc/rtc0/hctosys";

/// Whether the wall clock is synchronised, see [`trust`].
pub fn synced() -> bool {
    trust() == ClockTrust::Synced
}

/// How far the wall clock is to be believed, as far as files tell: the kernel's own answer (`adjtimex`) is refused to a
/// service with `ProtectClock=yes`, as ours is, and has no safe binding that is well kept. Without `systemd-timesyncd`,
/// whose files say it, a clock is believed that was set at all: chrony and ntpd leave nothing that others may read.
pub fn trust() -> ClockTrust {
    let epochs: Vec<Wall> = EPOCHS.iter().filter_map(|file| modified(Path::new(file))).collect();
    let files = (Path::new(TIMESYNC), Path::new(BATTERY));
    trust_by(files, &epochs, wall(), boot_time())
}

fn trust_by(
    (timesync, battery): (&Path, &Path),
    epochs: &[Wall],
    wall: Wall,
    boot_time: Duration,
) -> ClockTrust {
    if wall < SET_SINCE || !timesync.is_dir() {
        let is_set = is_set(epochs, wall, boot_time);
        return if is_set { ClockTrust::Synced } else { ClockTrust::Unset };
    }
    // Its folder does not survive a boot.
    match fs::metadata(timesync.join("synchronized")).and_then(|file| file.modified()) {
        Ok(at) if at.elapsed().is_ok_and(|age| age < SYNCED_FOR) => ClockTrust::Synced,
        Ok(_) => ClockTrust::Set,
        Err(_) if fs::read(battery).is_ok_and(|text| text.starts_with(b"1")) => ClockTrust::Set,
        Err(_) => ClockTrust::Unset,
    }
}

/// Whether somebody has set a clock that shows `wall` at `boot_time`: one that nobody has goes on from an epoch.
fn is_set(epochs: &[Wall], wall: Wall, boot_time: Duration) -> bool {
    let booted = wall - boot_time;
    let began_at = |epoch: &Wall| booted.since(*epoch).max(epoch.since(booted)) < EPOCH_SPREAD;
    wall >= SET_SINCE && !epochs.iter().any(began_at)
}

/// When a file was written, if it is there.
fn modified(file: &Path) -> Option<Wall> {
    let modified = fs::metadata(file).and_then(|file| file.modified()).ok()?;
    Some(Wall::EPOCH + modified.duration_since(SystemTime::UNIX_EPOCH).ok()?)
}

/// Time since the boot, suspend counted.
pub fn boot_time() -> Duration {
    duration(clock_gettime(ClockId::Boottime))
}

/// Time that this process has computed.
pub fn cpu_time() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

fn duration(time: Timespec) -> Duration {
    let secs = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(secs, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Seeds a generator from the kernel's.
pub fn rng() -> io::Result<StdRng> {
    let mut seed = [0; 32];
    // Up to 256 bytes come whole.
    rustix::rand::getrandom(&mut seed, GetRandomFlags::empty())?;
    Ok(StdRng::from_seed(seed))
}

/// The one timer of the loop. It runs on the clock of [`Mono`], so that it is on time after a suspend too.
#[derive(Debug)]
pub struct LoopTimer {
    fd: Async<OwnedFd>,
}

impl LoopTimer {
    /// A timer that is not set.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self { fd: Async::new(timerfd_create(TimerfdClockId::Boottime, flags)?)? })
    }

    /// Goes off at `at`, even if that has passed, and at no other time.
    pub fn set(&self, at: Option<Mono>) -> io::Result<()> {
        // All zero would disarm it.
        let at = at.map_or(Duration::ZERO, |at| Duration::from_millis(at.as_ms().max(1)));
        let tv_sec = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
        let it_value = Timespec { tv_sec, tv_nsec: at.subsec_nanos().into() };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = Itimerspec { it_interval, it_value };
        timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &spec)?;
        Ok(())
    }

    /// Waits until it goes off.
    pub async fn wait(&self) -> io::Result<()> {
        self.fd.read_with(|fd| Ok(rustix::io::read(fd, &mut [0; 8])?)).await?;
        Ok(())
    }
}

/// Tells each time that the timer has gone off: when `wait` ends.
pub(super) async fn send_timeouts(wait: impl AsyncFn() -> io::Result<()>, events: Sender<Event>) {
    loop {
        let waited = wait().await;
        let is_deaf = waited.is_err();
        let event = match waited {
            Ok(()) => Event::Timeout,
            Err(error) => Event::SourceFailed("waiting for the timer", error),
        };
        if events.send(event).await.is_err() || is_deaf {
            return;
        }
    }
}

/// Tells again and again whether the clock is synchronised.
pub(super) async fn send_synced(events: Sender<Event>) {
    while events.send(Event::Synced(trust())).await.is_ok() {
        Timer::after(REJOIN_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_not_believed_whatever_files_say() {
        let nowhere = Path::new("/nonexistent");
        let trust = |timesync, wall| trust_by((timesync, nowhere), &[], wall, Duration::ZERO);
        assert_eq!(trust(nowhere, Wall::from_secs(1_700_000_000)), ClockTrust::Unset);
        assert_eq!(trust(Path::new("/"), Wall::EPOCH), ClockTrust::Unset);
        assert_eq!(trust(nowhere, SET_SINCE), ClockTrust::Synced);
    }

    #[test]
    fn a_clock_is_set_once_it_was_synchronised_or_came_from_a_battery() {
        let folder = std::env::temp_dir().join(format!("bellwether-clock-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (file, battery) = (folder.join("synchronized"), folder.join("hctosys"));
        let trust = || trust_by((&folder, &battery), &[], SET_SINCE, Duration::ZERO);
        assert_eq!(trust(), ClockTrust::Unset);
        fs::write(&battery, "0\n").unwrap();
        assert_eq!(trust(), ClockTrust::Unset);
        fs::write(&battery, "1\n").unwrap();
        assert_eq!(trust(), ClockTrust::Set);
        fs::remove_file(&battery).unwrap();
        let touched = fs::File::create(&file).unwrap();
        assert_eq!(trust(), ClockTrust::Synced);
        let now = touched.metadata().unwrap().modified().unwrap();
        touched.set_modified(now - SYNCED_FOR).unwrap();
        assert_eq!(trust(), ClockTrust::Set);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_clock_that_started_at_systemds_build_is_unset_until_it_steps() {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let (built, week) = (SET_SINCE + minutes(1000), minutes(7 * 24 * 60));
        for begins in [Duration::ZERO, minutes(4)] {
            assert!(!is_set(&[built], built, begins));
            assert!(!is_set(&[SET_SINCE + week * 9, built], built + week, begins + week));
        }
        for stepped in [minutes(6), minutes(60), week] {
            assert!(is_set(&[built], built + stepped, Duration::ZERO), "{stepped:?}");
            assert!(is_set(&[built], built + week - stepped, week), "{stepped:?}");
        }
        // The clock of a machine that was booted long after its system was built.
        assert!(is_set(&[built], built + week, minutes(3)));
    }

    #[test]
    fn a_file_tells_when_it_was_written() {
        assert_eq!(modified(Path::new("/nonexistent")), None);
        assert!(modified(Path::new("/")).is_some_and(|at| at > Wall::EPOCH && at <= wall()));
    }
}
