//! Runs a program: one at a time, in a process group of its own, which is ended as a whole.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use smol::channel::{self, Receiver};
use smol::future::or;
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use smol::lock::Semaphore;
use smol::{Async, Timer};

use crate::limits::{EXEC_GRACE_TIME, EXEC_OUTPUT_BYTES_MAX, EXEC_RUNNING_MAX};
use crate::notify::{Exec, Reply};

/// Where programs are looked for by those that we run; nothing else of our own environment is theirs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs a program to its end, or ends it when its time is over. If nobody waits for it any more it is killed.
pub(super) async fn run(exec: Exec) -> Reply {
    static TURNS: Semaphore = Semaphore::new(EXEC_RUNNING_MAX);
    let _turn = TURNS.acquire().await;
    let Exec { command, environment, input, timeout } = exec;
    let name = command.first().cloned().unwrap_or_default();
    match blocking::unblock(move || Running::start(&command, environment)).await {
        Ok((running, stdin, stdout)) => running.finish(stdin, stdout, input, timeout).await,
        Err(error) => {
            // As a shell has it.
            let code = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
            Reply::Exit { code: Some(code), output: format!("{name}: {error}") }
        }
    }
}

/// A program that runs. Dropped, it is killed, and so is whatever it started.
struct Running {
    /// None as soon as it has ended: its number may then be another's.
    leader: Arc<Mutex<Option<Pid>>>,
    ended: Receiver<io::Result<ExitStatus>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

impl Running {
    fn start(
        command: &[String],
        environment: Vec<(String, String)>,
    ) -> io::Result<(Self, Option<ChildStdin>, ChildStdout)> {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let (output, writer) = io::pipe()?;
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .envs(environment)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take();
        let leader = Arc::new(Mutex::new(i32::try_from(child.id()).ok().and_then(Pid::from_raw)));
        let (sender, ended) = channel::bounded(1);
        let waited = Arc::clone(&leader);
        blocking::unblock(move || {
            // Nobody may listen any more.
            sender.try_send(wait(child, &waited)).ok();
        })
        .detach();
        Ok((Self { leader, ended }, stdin, OwnedFd::from(output).into()))
    }

    fn signal(&self, signal: Signal) {
        let leader = self.leader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leader) = *leader {
            kill_process_group(leader, signal).ok();
        }
    }

    async fn finish(
        self,
        stdin: Option<ChildStdin>,
        stdout: ChildStdout,
        input: Vec<u8>,
        timeout: Duration,
    ) -> Reply {
        let mut output = Vec::new();
        let mut late = false;
        let talk = async {
            let write = async {
                // A program need not read.
                if let Some(Ok(mut stdin)) = stdin.map(Async::new) {
                    stdin.write_all(&input).await.ok();
                }
            };
            smol::future::zip(write, read(stdout, &mut output)).await;
        };
        let end = async {
            let mut status = self.within(timeout).await;
            for signal in [Signal::TERM, Signal::KILL] {
                if status.is_none() {
                    late = true;
                    self.signal(signal);
                    status = self.within(EXEC_GRACE_TIME).await;
                }
            }
            // The rest of its output is there now; a process that still holds it is not waited for.
            status
        };
        let status = together(talk, end).await;
        let output = String::from_utf8_lossy(&output).trim().replace('\0', "");
        match status {
            Some(Ok(status)) if !late => Reply::Exit { code: status.code(), output },
            Some(Ok(_)) => {
                Reply::Exit { code: None, output: format!("ended after {timeout:?}: {output}") }
            }
            Some(Err(error)) => Reply::failed(error.to_string()),
            None => Reply::failed(format!("cannot be ended: {output}")),
        }
    }

    async fn within(&self, time: Duration) -> Option<io::Result<ExitStatus>> {
        let over = async {
            Timer::after(time).await;
            None
        };
        or(async { self.ended.recv().await.ok() }, over).await
    }
}

/// Waits for the leader, ends its group, and only then lets its number go.
fn wait(mut child: Child, leader: &Mutex<Option<Pid>>) -> io::Result<ExitStatus> {
    let pid = *leader.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pid) = pid {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
    }
    let mut leader = leader.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pid) = leader.take() {
        kill_process_group(pid, Signal::KILL).ok();
    }
    child.wait()
}

/// Reads to the end; keeps the beginning.
async fn read(stdout: ChildStdout, output: &mut Vec<u8>) {
    let Ok(mut stdout) = Async::new(stdout) else { return };
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = stdout.read(&mut bytes).await {
        let room = EXEC_OUTPUT_BYTES_MAX - output.len();
        output.extend_from_slice(bytes.get(..read.min(room)).unwrap_or_default());
    }
}

/// Runs `talk` while `end` has not come, and a moment longer.
async fn together<T>(talk: impl Future<Output = ()>, end: impl Future<Output = T>) -> T {
    let mut talk = std::pin::pin!(talk);
    let mut has_talked = false;
    let talking = async {
        talk.as_mut().await;
        has_talked = true;
        std::future::pending().await
    };
    let end = or(end, talking).await;
    if !has_talked {
        let over = async {
            Timer::after(Duration::from_millis(100)).await;
        };
        or(talk, over).await;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, timeout_ms: u64) -> Reply {
        smol::block_on(run(Exec {
            command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            environment: vec![("ALERT_X".into(), "x y".into())],
            input: b"{}\n".to_vec(),
            timeout: Duration::from_millis(timeout_ms),
        }))
    }

    fn exit(code: Option<i32>, output: &str) -> Reply {
        Reply::Exit { code, output: output.to_owned() }
    }

    #[test]
    fn a_program_reads_its_input_and_has_only_its_own_environment() {
        assert_eq!(shell("cat; echo $ALERT_X; exit 3", 10_000), exit(Some(3), "{}\nx y"));
        assert_eq!(shell("echo err >&2; echo ${HOME-none}", 10_000), exit(Some(0), "err\nnone"));
        assert_eq!(shell("kill -9 $$", 10_000), exit(None, ""));
    }

    #[test]
    fn programs_run_one_after_the_other() {
        let path = std::env::temp_dir().join(format!("bellwether-turns-{}", std::process::id()));
        let script = format!("echo begins >> {0}; sleep 0.1; echo ends >> {0}", path.display());
        let exec = || Exec {
            command: ["/bin/sh", "-c", &script].map(str::to_owned).to_vec(),
            environment: vec![],
            input: vec![],
            timeout: Duration::from_secs(60),
        };
        let executor = smol::LocalExecutor::new();
        let programs: Vec<_> =
            (0..=EXEC_RUNNING_MAX).map(|_| executor.spawn(run(exec()))).collect();
        for program in programs {
            assert_eq!(smol::block_on(executor.run(program)), exit(Some(0), ""));
        }
        let told = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(told, "begins\nends\n".repeat(EXEC_RUNNING_MAX + 1));
    }

    #[test]
    fn a_program_that_is_not_there_says_so() {
        let command = vec!["/none/such".to_owned()];
        let exec = Exec { command, environment: vec![], input: vec![], timeout: Duration::MAX };
        let Reply::Exit { code: Some(127), output } = smol::block_on(run(exec)) else { panic!() };
        assert!(output.starts_with("/none/such: "), "{output}");
    }

    /// Waits until a process that was killed is gone, which takes a moment on a busy machine. Each sleeps for so long that
    /// it does not end by itself.
    fn wait_for_end(pid: &str) {
        let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let ended = || Some(state()).is_some_and(|it| it.is_empty() || it.contains(") Z "));
        for _ in 0..1000 {
            if ended() {
                return;
            }
            smol::block_on(Timer::after(Duration::from_millis(10)));
        }
        panic!("it still runs: {}", state());
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_all_that_it_started() {
        let path = std::env::temp_dir().join(format!("bellwether-exec-{}", std::process::id()));
        let file = path.display();
        let reply = shell(&format!("sleep 60 & echo $! > {file}; trap '' TERM; sleep 61"), 300);
        assert!(
            matches!(&reply, Reply::Exit { code: None, output } if output.starts_with("ended after"))
        );
        let pid = std::fs::read_to_string(&path).unwrap();
        wait_for_end(pid.trim());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn children_left_behind_are_ended_and_not_waited_for() {
        let reply = shell("sleep 60 & echo $!", 50_000);
        let Reply::Exit { code: Some(0), output } = reply else { panic!("{reply:?}") };
        wait_for_end(&output);
    }

    #[test]
    fn a_flood_is_read_and_thrown_away() {
        let reply = shell("head -c 10000000 /dev/zero | tr '\\000' x; echo; exit 7", 60_000);
        let Reply::Exit { code: Some(7), output } = reply else { panic!("{reply:?}") };
        assert_eq!(output.len(), EXEC_OUTPUT_BYTES_MAX);
    }

    #[test]
    fn an_attempt_that_is_given_up_kills_its_program() {
        let path = std::env::temp_dir().join(format!("bellwether-gone-{}", std::process::id()));
        let script = format!("echo $$ > {}; exec sleep 60", path.display());
        let exec = Exec {
            command: ["/bin/sh", "-c", &script].map(str::to_owned).to_vec(),
            environment: vec![],
            input: vec![],
            timeout: Duration::from_secs(60),
        };
        let begun = async {
            loop {
                match std::fs::read_to_string(&path) {
                    Ok(pid) if pid.ends_with('\n') => return Some(pid),
                    _ => Timer::after(Duration::from_millis(10)).await,
                };
            }
        };
        let pid = smol::block_on(or(begun, async {
            run(exec).await;
            None
        }));
        let stat = format!("/proc/{}/stat", pid.unwrap().trim());
        // It is killed at once; to be reaped takes a moment.
        while std::fs::read_to_string(&stat).is_ok_and(|state| !state.contains(") Z ")) {
            std::thread::sleep(Duration::from_millis(10));
        }
        std::fs::remove_file(path).unwrap();
    }
}
