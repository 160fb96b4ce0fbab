//! The clocks, the one timer of the loop, and entropy. The only place that asks the system for either.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rustix::rand::GetRandomFlags;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use smol::Async;

use crate::time::{Mono, Now, SET_SINCE, Wall};

/// Reads both clocks.
pub fn now() -> Now {
    Now {
        mono: Mono::from_ms(u64::try_from(boot_time().as_millis()).unwrap_or(u64::MAX)),
        wall: wall(),
    }
}

/// Reads the wall clock.
pub fn wall() -> Wall {
    let time = clock_gettime(ClockId::Realtime);
    Wall::from_secs(time.tv_sec) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// What `systemd-timesyncd` leaves there, and touches each time it has asked a server.
const TIMESYNC: &str = "/run/systemd/timesync";
/// After so long without a server the kernel would call the clock unsynchronised: an error of 16 s, at 500 ppm.
const SYNCED_FOR: Duration = Duration::from_secs(32_000);

/// Whether the wall clock is synchronised, as far as files tell: the kernel's own answer (`adjtimex`) is refused to a
/// service with `ProtectClock=yes`, as ours is, and has no safe binding that is well kept. Without `systemd-timesyncd`,
/// whose files say it, a clock that was set at all is believed: chrony and ntpd leave nothing that others may read.
pub fn synced() -> bool {
    synced_by(Path::new(TIMESYNC), wall())
}

fn synced_by(timesync: &Path, wall: Wall) -> bool {
    if wall < SET_SINCE || !timesync.is_dir() {
        return wall >= SET_SINCE;
    }
    let touched = fs::metadata(timesync.join("synchronized")).and_then(|file| file.modified());
    touched.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < SYNCED_FOR))
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
pub struct Timer {
    fd: Async<OwnedFd>,
}

impl Timer {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_not_believed_whatever_files_say() {
        let nowhere = Path::new("/nonexistent");
        assert!(!synced_by(nowhere, Wall::from_secs(1_700_000_000)));
        assert!(!synced_by(Path::new("/"), Wall::EPOCH));
        assert!(synced_by(nowhere, SET_SINCE));
    }
}
