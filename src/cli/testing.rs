//! For tests of subcommands: what they print, and an agent that says what it is told to.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use serde_json::Value;

use super::screen::Screen;
use super::{Process, run};

/// An answer as it is printed, to a terminal of so many columns or to none.
pub(super) fn printed(
    print: fn(&mut Screen<'_>, &Value, &TimeZone) -> io::Result<()>,
    answer: &Value,
    columns: Option<usize>,
) -> String {
    let mut out = Vec::new();
    let mut screen = Screen::new(&mut out);
    screen.columns = columns;
    print(&mut screen, answer, &TimeZone::UTC).unwrap();
    String::from_utf8(out).unwrap()
}

/// Runs a subcommand and returns its exit code, output and errors.
pub(super) fn told(args: &[&str]) -> (u8, String, String) {
    called("bellwether", args)
}

/// The same, called by this name.
pub(super) fn called(name: &str, args: &[&str]) -> (u8, String, String) {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let process =
        Process { name: name.to_owned(), user: "someone".to_owned(), ..Process::default() };
    let code = run(&args, &process, &mut out, &mut err).unwrap();
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// The same, asking this agent.
pub(super) fn told_by(fake: &Fake, args: &[&str]) -> (u8, String, String) {
    called_by("bellwether", fake, args)
}

/// The same, called by this name and asking this agent.
pub(super) fn called_by(name: &str, fake: &Fake, args: &[&str]) -> (u8, String, String) {
    let url = format!("--url={}", fake.url);
    called(name, &[args, &[&url]].concat())
}

/// An agent that gives these answers, one after the other, and remembers the requests.
pub(super) struct Fake {
    url: String,
    asked: Arc<Mutex<String>>,
}

impl Fake {
    pub(super) fn new(answers: &[(u16, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&asked);
        let answers: Vec<(u16, String)> =
            answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        std::thread::Builder::new()
            .spawn(move || {
                for (status, body) in answers {
                    let (mut stream, _) = listener.accept().unwrap();
                    let mut request = Vec::new();
                    let mut part = [0; 4096];
                    while !is_whole(&request) {
                        let count = stream.read(&mut part).unwrap();
                        assert!(count > 0, "the request ends too early");
                        request.extend_from_slice(&part[..count]);
                    }
                    seen.lock().unwrap().push_str(&String::from_utf8(request).unwrap());
                    write!(stream, "HTTP/1.0 {status} X\r\n\r\n{body}").unwrap();
                }
            })
            .unwrap();
        Self { url, asked }
    }

    /// Its URL, for this user.
    pub(super) fn url_of(&self, user: &str) -> String {
        self.url.replacen("://", &format!("://{user}@"), 1)
    }

    /// All requests so far.
    pub(super) fn asked(&self) -> String {
        self.asked.lock().unwrap().clone()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
