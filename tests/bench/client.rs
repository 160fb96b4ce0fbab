//! The client of `tests/bench/run`: sends requests that were prepared beforehand, and times their answers.
//!
//! `rustc` compiles it alone. Its first line of output is the port on which it takes notifications, and answers 200. Each line of
//! its input is a command, each of which it answers with one line:
//!
//! ```text
//! connect PORT        keeps one connection to the agent from now on: the same port
//! posts LENGTH...     sends requests of these lengths, whose bytes follow the line, one after the other: the nanoseconds of all
//! get COUNT PATH      asks for a path so many times: bytes of the body, and nanoseconds, of each
//! notified LENGTH...  as posts; of each the nanoseconds until the first bytes of the notification that it leads to have come
//! ```
//!
//! An answer other than 200 ends it. Connections are read by floor.rs in the same way.

use std::fmt::Write as _;
use std::io::{self, BufRead, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Little enough to stay in a cache of the processor while a long list comes; a head is shorter.
const BUFFER_BYTES: usize = 256 * 1024;
const NOTIFIED_WITHIN: Duration = Duration::from_secs(10);
pub const OK_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const HEAD_END: &[u8] = b"\r\n\r\n";
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("client of the bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    writeln!(output, "{}", listener.local_addr()?.port())?;
    let (sender, arrivals) = channel();
    thread::spawn(move || accept(&listener, &sender));

    let (mut agent, mut line) = (None, String::new());
    while input.read_line(&mut line)? > 0 {
        let (command, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        let answer = match (command, &mut agent) {
            ("connect", agent) => {
                let port: u16 = rest.parse().map_err(|_| wrong(&line))?;
                *agent = Some(Connection::new(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?)?);
                rest.to_owned()
            }
            ("posts", Some(agent)) => posts(agent, &requests(&mut input, rest)?)?,
            ("get", Some(agent)) => get(agent, rest.split_once(' ').ok_or_else(|| wrong(&line))?)?,
            ("notified", Some(agent)) => notified(agent, &requests(&mut input, rest)?, &arrivals)?,
            _ => return Err(wrong(&line)),
        };
        writeln!(output, "{answer}")?;
        line.clear();
    }
    Ok(())
}

fn wrong(line: &str) -> io::Error {
    io::Error::other(format!("{line:?} is no command, or comes before connect: see client.rs"))
}

/// Reads requests of these lengths.
fn requests(input: &mut impl Read, lengths: &str) -> io::Result<Vec<Vec<u8>>> {
    let one = |length: &str| {
        let mut request = vec![0; length.parse().map_err(|_| wrong(length))?];
        input.read_exact(&mut request)?;
        Ok(request)
    };
    lengths.split_whitespace().map(one).collect()
}

fn posts(agent: &mut Connection, requests: &[Vec<u8>]) -> io::Result<String> {
    let began = Instant::now();
    for request in requests {
        agent.stream.write_all(request)?;
        agent.answer()?;
    }
    Ok(began.elapsed().as_nanos().to_string())
}

fn get(agent: &mut Connection, (count, path): (&str, &str)) -> io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut found = String::new();
    for _ in 0..count.parse().map_err(|_| wrong(count))? {
        let began = Instant::now();
        agent.stream.write_all(request.as_bytes())?;
        let size = agent.answer()?;
        let _ = write!(found, "{size} {} ", began.elapsed().as_nanos());
    }
    Ok(found)
}

/// The answer to a post is read after its notification, so that this thread is not woken while the other one is waited for.
fn notified(
    agent: &mut Connection,
    requests: &[Vec<u8>],
    arrivals: &Receiver<Instant>,
) -> io::Result<String> {
    let mut found = String::new();
    for request in requests {
        let began = Instant::now();
        agent.stream.write_all(request)?;
        let arrived = arrivals.recv_timeout(NOTIFIED_WITHIN).map_err(|_| {
            io::Error::other(format!("no notification of a post within {NOTIFIED_WITHIN:?}"))
        })?;
        let _ = write!(found, "{} ", (arrived - began).as_nanos());
        agent.answer()?;
    }
    Ok(found)
}

/// Takes connections of agents that notify.
fn accept(listener: &TcpListener, arrivals: &Sender<Instant>) {
    for stream in listener.incoming() {
        let arrivals = arrivals.clone();
        thread::spawn(move || {
            if let Err(error) = stream.and_then(Connection::new).and_then(|it| it.take(&arrivals)) {
                eprintln!("client of the bench: a connection of a notification: {error}");
            }
        });
    }
}

/// A kept connection, to an agent or from one.
pub struct Connection {
    pub stream: TcpStream,
    pub buffer: Vec<u8>,
}

impl Connection {
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Reads the answer to a request; answers the bytes of its body.
    pub fn answer(&mut self) -> io::Result<usize> {
        let read =
            self.read()?.ok_or_else(|| io::Error::other("the agent closed its connection"))?;
        if !read.head.starts_with("http/1.1 200 ") {
            let head = read.head.trim_end();
            return Err(io::Error::other(format!("the agent must answer 200, and said: {head}")));
        }
        Ok(read.size)
    }

    /// Answers notifications until the connection ends; tells of each when its first bytes had come.
    fn take(mut self, arrivals: &Sender<Instant>) -> io::Result<()> {
        while let Some(read) = self.read()? {
            self.stream.write_all(OK_ANSWER)?;
            let _ = arrivals.send(read.began);
        }
        Ok(())
    }

    /// Reads a request or an answer, whose body is announced or chunked if it has one; None: the connection has ended.
    pub fn read(&mut self) -> io::Result<Option<Message>> {
        let Self { stream, buffer } = self;
        let mut filled = stream.read(buffer)?;
        let began = Instant::now();
        if filled == 0 {
            return Ok(None);
        }
        let mut more = |buffer: &mut [u8]| match stream.read(buffer)? {
            0 => Err(io::Error::other("a connection was closed within a message")),
            count => Ok(count),
        };
        let body = loop {
            let head_end = |it: &[u8]| it == HEAD_END;
            if let Some(at) = buffer[..filled].windows(HEAD_END.len()).position(head_end) {
                break at + HEAD_END.len();
            }
            filled += more(&mut buffer[filled..])?;
        };
        let head = String::from_utf8_lossy(&buffer[..body]).to_ascii_lowercase();
        let field = |name| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let is_chunked = field("transfer-encoding:") == Some("chunked");
        let length = field("content-length:").map_or(Ok(0), str::parse::<usize>);
        let length = length.map_err(|error| io::Error::other(format!("{error}: {head}")))?;

        let (mut from, mut size) = (body, filled - body);
        while if is_chunked { !buffer[from..filled].ends_with(LAST_CHUNK) } else { size < length } {
            if filled == buffer.len() {
                // Nothing but the end of a body is looked at.
                buffer.copy_within(filled - LAST_CHUNK.len().., 0);
                (from, filled) = (0, LAST_CHUNK.len());
            }
            let count = more(&mut buffer[filled..])?;
            filled += count;
            size += count;
        }
        Ok(Some(Message { began, head, size }))
    }
}

/// A request or an answer that was read to its end.
pub struct Message {
    /// When its first bytes had come.
    began: Instant,
    /// In small letters.
    pub head: String,
    /// Of the body, as it came: chunks with their heads.
    pub size: usize,
}
