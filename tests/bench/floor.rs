//! The work that no agent can leave out, and nothing else: `tests/bench/floor` measures it.
//!
//! `rustc` compiles it alone, with the client's way to read a request. Its argument is one of these:
//!
//! ```text
//! answer          answers 200 to each request; its first line of output is its port
//! pass PORT       the same, and first passes the bytes of the request on over a kept connection to this port
//! append FILE     for each number that it reads: appends so many blocks, each durable; the nanoseconds of each, in one line.
//!                 It says that the file is there by an empty line
//! copy | check | hash
//!                 copies its input, looks whether it is UTF-8, or computes FNV-1a of it: the nanoseconds a byte
//! ```

#[allow(dead_code, reason = "it is a program, too")]
mod client;

use std::env;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::process::ExitCode;
use std::time::Instant;

use client::{Connection, OK_ANSWER};

const BLOCK_BYTES: usize = 4096;
/// Of the file, which is overwritten from its begin after them, as a journal's segments are.
const BLOCKS: usize = 256;
/// Bytes to work on before the time is taken.
const WORK_BYTES: usize = 1 << 26;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["answer"] => serve(None),
        ["pass", port] => connect(port).and_then(|receiver| serve(Some(receiver))),
        ["append", path] => append(path),
        ["copy" | "check" | "hash"] => work(words[0]),
        _ => Err(io::Error::other(format!("{words:?} is no command: see floor.rs"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor of the bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn connect(port: &str) -> io::Result<Connection> {
    let port: u16 = port.parse().map_err(|_| io::Error::other(format!("{port} is no port")))?;
    Connection::new(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?)
}

/// Serves one connection after the other.
fn serve(mut receiver: Option<Connection>) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?.port());
    for stream in listener.incoming() {
        let mut agent = Connection::new(stream?)?;
        while let Some(read) = agent.read()? {
            if let Some(receiver) = &mut receiver {
                receiver.stream.write_all(&agent.buffer[..read.head.len() + read.size])?;
            }
            agent.stream.write_all(OK_ANSWER)?;
            if let Some(receiver) = &mut receiver {
                receiver.answer()?;
            }
        }
    }
    Ok(())
}

fn append(path: &str) -> io::Result<()> {
    let file = File::create(path)?;
    file.write_all_at(&[0; BLOCK_BYTES * BLOCKS], 0)?;
    file.sync_all()?;
    println!();
    let (block, mut number) = ([1; BLOCK_BYTES], 0);
    for line in io::stdin().lines() {
        for _ in 0..line?.parse().map_err(io::Error::other)? {
            let began = Instant::now();
            file.write_all_at(&block, (number % BLOCKS * BLOCK_BYTES) as u64)?;
            file.sync_data()?;
            print!("{} ", began.elapsed().as_nanos());
            number += 1;
        }
        println!();
    }
    Ok(())
}

fn work(name: &str) -> io::Result<()> {
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    let mut copy = vec![0; bytes.len()];
    let rounds = WORK_BYTES / bytes.len();
    let began = Instant::now();
    for _ in 0..rounds {
        let bytes = black_box(&bytes[..]);
        match name {
            "copy" => black_box(&mut copy).copy_from_slice(bytes),
            "check" => _ = black_box(str::from_utf8(bytes).is_ok()),
            _ => _ = black_box(fnv(bytes)),
        }
        black_box(&copy);
    }
    println!("{}", began.elapsed().as_nanos() as f64 / (rounds * bytes.len()) as f64);
    Ok(())
}

/// The fingerprint that Alertmanager gives to labels whose bytes these are.
fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
