//! Answers of an agent that says anything, as subcommands read them: they end, and nothing of it controls a terminal.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::thread;

use bellwether::cli::{Process, run as run_cli};
use bellwether::model::printable::is_control;

use crate::input::Input;

/// Each asks the agent, and none asks again and again.
const COMMANDS: [&str; 16] = [
    "alert query",
    "silence query",
    "silence add a=b --comment=c",
    "silence update 01234567-89ab-cdef-0123-456789abcdef --comment=c",
    "silence expire 01234567-89ab-cdef-0123-456789abcdef",
    "silence show 01234567-89ab-cdef-0123-456789abcdef",
    "ack a=b",
    "routes show",
    "routes test a=b --tree",
    "config show",
    "cluster show",
    "flock",
    "history",
    "history --alerts",
    "deadman",
    "notify test r",
];
const OUTPUTS: [&str; 4] = ["", "--output=simple", "--output=extended", "--output=json"];

/// The answer of the agent, to whatever it is asked.
static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

pub fn run(bytes: &[u8]) {
    static SOCKET: OnceLock<PathBuf> = OnceLock::new();
    let socket = SOCKET.get_or_init(listen);
    let mut input = Input::new(bytes);
    let command = COMMANDS[usize::from(input.byte()) % COMMANDS.len()];
    let choice = input.byte();
    let head: &[u8] = if choice & 0x80 == 0 { b"HTTP/1.0 200 OK\r\n\r\n" } else { b"" };
    *ANSWER.lock().unwrap() = [head, input.rest()].concat();
    let url = format!("--url=unix:{}", socket.display());
    let words = command.split(' ').chain([&*url, OUTPUTS[usize::from(choice) % OUTPUTS.len()]]);
    let args: Vec<_> = words.filter(|word| !word.is_empty()).map(OsString::from).collect();
    let process = Process {
        name: if choice & 0x40 == 0 { "bellwether" } else { "amtool" }.to_owned(),
        user: "ann".to_owned(),
        columns: (choice & 0x20 != 0).then_some(80),
        ..Process::default()
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run_cli(&args, &process, &mut out, &mut err);
    assert!(code.is_some(), "{command} is no subcommand");
    for printed in [out, err] {
        let printed = String::from_utf8(printed).unwrap();
        let is_foreign = |c| is_control(c) && c != '\n' && c != '\t';
        assert!(!printed.contains(is_foreign), "{args:?} prints {printed:?}");
    }
}

/// Begins to answer, and says where.
fn listen() -> PathBuf {
    let path = std::env::temp_dir().join(format!("bellwether-fuzz-{}", std::process::id()));
    std::fs::remove_file(&path).ok();
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || listener.incoming().flatten().for_each(answer));
    path
}

/// A request is small: it comes in one piece.
fn answer(mut client: UnixStream) {
    client.read(&mut [0; 65_536]).ok();
    let answer = ANSWER.lock().unwrap().clone();
    client.write_all(&answer).ok();
}
