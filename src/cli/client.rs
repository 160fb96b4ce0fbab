//! The subcommands' HTTP client: one request, one answer, without TLS.

use std::io::{Read as _, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use serde_json::Value;

use crate::limits::{CLI_ANSWER_BYTES_MAX, CLI_TIME_MAX};

/// Where the API is when nothing else is said.
pub const URL: &str = "http://127.0.0.1:9093";

/// Runs a subcommand that prints what `path` answers; `args` come after its name: `[--url URL]`. Returns the exit code: 0,
/// 1 failed, 2 usage.
pub fn run(
    args: &[String],
    out: &mut dyn Write,
    err: &mut dyn Write,
    usage: &str,
    path: &str,
    print: fn(&Value) -> String,
) -> u8 {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let (code, text) = match words.as_slice() {
        [] => shown(URL, path, print),
        ["--url", url] => shown(url, path, print),
        [one] if one.starts_with("--url=") => shown(one.trim_start_matches("--url="), path, print),
        ["--help" | "-h"] => (0, usage.to_owned()),
        _ => (2, usage.to_owned()),
    };
    let written = match code {
        0 => out.write_all(text.as_bytes()),
        _ => err.write_all(text.as_bytes()),
    };
    written.map_or(1, |()| code)
}

/// The exit code, then the text to print.
fn shown(url: &str, path: &str, print: fn(&Value) -> String) -> (u8, String) {
    let answer = get(url, path).and_then(|body| {
        serde_json::from_slice(&body).map_err(|error| format!("{url}: no JSON: {error}"))
    });
    match answer {
        Ok(answer) => (0, print(&answer)),
        Err(why) => (1, format!("error: {why}\n")),
    }
}

/// Gets `path` from the agent at `url`; the error says what to do.
pub fn get(url: &str, path: &str) -> Result<Vec<u8>, String> {
    ask(url, "GET", path, b"", CLI_TIME_MAX)
}

/// Posts JSON to `path` of the agent at `url`; the error says what to do.
pub fn post(url: &str, path: &str, json: &[u8]) -> Result<Vec<u8>, String> {
    post_within(url, path, json, CLI_TIME_MAX)
}

/// The same where the answer may take so long.
pub fn post_within(url: &str, path: &str, json: &[u8], time: Duration) -> Result<Vec<u8>, String> {
    ask(url, "POST", path, json, time)
}

fn ask(
    url: &str,
    method: &str,
    path: &str,
    json: &[u8],
    time: Duration,
) -> Result<Vec<u8>, String> {
    let (host, prefix) = split(url)
        .ok_or_else(|| format!("--url={url}: expected http://HOST[:PORT][/PATH], without TLS"))?;
    let failed = |error| format!("{url}: {error}: is the agent running, and is this its address?");
    let answer = exchange(&host, method, &format!("{prefix}{path}"), json, time);
    let answer = answer.map_err(failed)?;
    body(&answer).map_err(|why| format!("{url}{path}: {why}"))
}

/// Host with port, and the path before every other.
fn split(url: &str) -> Option<(String, &str)> {
    let rest = url.strip_prefix("http://")?.trim_end_matches('/');
    let at = rest.find('/').unwrap_or(rest.len());
    let (host, prefix) = rest.split_at_checked(at)?;
    if host.is_empty() || host.contains('@') {
        return None;
    }
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Some((if has_port { host.to_owned() } else { format!("{host}:80") }, prefix))
}

fn exchange(
    host: &str,
    method: &str,
    path: &str,
    json: &[u8],
    time: Duration,
) -> std::io::Result<Vec<u8>> {
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    for address in host.to_socket_addrs()? {
        let mut stream = match TcpStream::connect_timeout(&address, CLI_TIME_MAX) {
            Ok(stream) => stream,
            Err(error) => {
                last = error;
                continue;
            }
        };
        stream.set_read_timeout(Some(time))?;
        stream.set_write_timeout(Some(CLI_TIME_MAX))?;
        // Of version 1.0, so that the answer ends where the connection does.
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: {host}\r\nAccept: application/json\r\n")?;
        if !json.is_empty() {
            let length = json.len();
            write!(stream, "Content-Type: application/json\r\nContent-Length: {length}\r\n")?;
        }
        stream.write_all(b"\r\n")?;
        stream.write_all(json)?;
        let mut answer = Vec::new();
        stream.take(CLI_ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        return Ok(answer);
    }
    Err(last)
}

fn body(answer: &[u8]) -> Result<Vec<u8>, String> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or("the answer is no HTTP")?;
    let (head, body) = answer.split_at_checked(end + 4).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let status = head.split_whitespace().nth(1).unwrap_or("nothing");
    if status == "200" {
        return Ok(body.to_vec());
    }
    Err(format!("answered {status}: {}", String::from_utf8_lossy(body).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_into_host_and_prefix() {
        assert_eq!(split("http://gw"), Some(("gw:80".to_owned(), "")));
        assert_eq!(split("http://[::1]:9093/"), Some(("[::1]:9093".to_owned(), "")));
        assert_eq!(split("http://gw:1/am/x/"), Some(("gw:1".to_owned(), "/am/x")));
        for url in ["https://gw", "gw:9093", "http://", "http://user@gw"] {
            assert_eq!(split(url), None, "{url}");
        }
    }

    #[test]
    fn only_a_success_has_a_body() {
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}").unwrap(), b"{}");
        let error = body(b"HTTP/1.1 404 Not Found\r\n\r\nno page\n").unwrap_err();
        assert_eq!(error, "answered 404: no page");
        assert!(body(b"SSH-2.0").is_err());
    }
}
