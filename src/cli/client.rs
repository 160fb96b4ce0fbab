//! The subcommands' HTTP client: one request, one answer, with what the agent asks for: TLS, a password, a token.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::config::{Identity, Secret, Tls};
use crate::limits::{CLI_ANSWER_BYTES_MAX, CLI_TIME_MAX, SECRET_BYTES_MAX};
use crate::model::base64;
use crate::shell::files;
use crate::shell::tls;

/// Where the API is when nothing else is said.
pub const URL: &str = "http://127.0.0.1:9093";

/// The flags of [`Agent`], for the help.
pub const FLAGS: &str = "
  --url URL             http://, https:// or unix:PATH of the agent's socket; http://127.0.0.1:9093
  --user NAME           who to be, with --password-file FILE
  --token-file FILE     a token instead of a user
  --ca-file FILE        the authority of the agent's certificate, in PEM; the system's if not given
  --cert-file FILE      a certificate to show, with --key-file FILE
";

/// An agent, and how to speak to it. What is empty is not set.
#[derive(Clone, Debug)]
pub struct Agent {
    url: String,
    user: String,
    password_file: String,
    token_file: String,
    ca_file: String,
    cert_file: String,
    key_file: String,
}

impl Default for Agent {
    fn default() -> Self {
        let none = String::new;
        Self {
            url: URL.to_owned(),
            user: none(),
            password_file: none(),
            token_file: none(),
            ca_file: none(),
            cert_file: none(),
            key_file: none(),
        }
    }
}

/// A connection of any kind.
trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// Runs a subcommand that prints what `path` answers; `args` come after its name: the flags of [`Agent`]. Returns the exit
/// code: 0, 1 failed, 2 usage.
pub fn run(
    args: &[String],
    out: &mut dyn Write,
    err: &mut dyn Write,
    usage: &str,
    path: &str,
    print: fn(&Value) -> String,
) -> u8 {
    let (code, text) = match Agent::read(args) {
        Some(agent) => shown(&agent, path, print),
        None if matches!(args, [flag] if ["--help", "-h"].contains(&&**flag)) => {
            (0, format!("{usage}{FLAGS}"))
        }
        None => (2, format!("{usage}{FLAGS}")),
    };
    let written = match code {
        0 => out.write_all(text.as_bytes()),
        _ => err.write_all(text.as_bytes()),
    };
    written.map_or(1, |()| code)
}

/// The text to print, after the exit code.
fn shown(agent: &Agent, path: &str, print: fn(&Value) -> String) -> (u8, String) {
    let answer = agent.get(path).and_then(|body| {
        serde_json::from_slice(&body).map_err(|error| format!("{}: no JSON: {error}", agent.url))
    });
    match answer {
        Ok(answer) => (0, print(&answer)),
        Err(why) => (1, format!("error: {why}\n")),
    }
}

impl Agent {
    /// Reads arguments that are flags of this kind alone, `--url URL` or `--url=URL`; none if there are others.
    fn read(args: &[String]) -> Option<Self> {
        let mut agent = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let (flag, given) = arg.split_once('=').map_or((&**arg, None), |(a, b)| (a, Some(b)));
            let place = agent.place(flag)?;
            *place = given.map(str::to_owned).or_else(|| args.next().cloned())?;
        }
        Some(agent)
    }

    /// Where the value of a flag goes; none if it is no flag of this kind.
    pub fn place(&mut self, flag: &str) -> Option<&mut String> {
        Some(match flag {
            "--url" => &mut self.url,
            "--user" => &mut self.user,
            "--password-file" => &mut self.password_file,
            "--token-file" => &mut self.token_file,
            "--ca-file" => &mut self.ca_file,
            "--cert-file" => &mut self.cert_file,
            "--key-file" => &mut self.key_file,
            _ => return None,
        })
    }

    /// Gets `path`; the error says what to do.
    pub fn get(&self, path: &str) -> Result<Vec<u8>, String> {
        self.ask("GET", path, b"", CLI_TIME_MAX)
    }

    /// Posts JSON to `path`; the error says what to do.
    pub fn post(&self, path: &str, json: &[u8]) -> Result<Vec<u8>, String> {
        self.post_within(path, json, CLI_TIME_MAX)
    }

    /// The same where the answer may take so long.
    pub fn post_within(&self, path: &str, json: &[u8], time: Duration) -> Result<Vec<u8>, String> {
        self.ask("POST", path, json, time)
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        json: &[u8],
        time: Duration,
    ) -> Result<Vec<u8>, String> {
        let url = &self.url;
        let target = Target::of(url).ok_or_else(|| {
            format!("--url={url}: expected http://HOST[:PORT][/PATH], https://... or unix:PATH")
        })?;
        let authorization = self.authorization()?;
        let tls = if target.tls { Some(self.tls()?) } else { None };
        let failed =
            |error| format!("{url}: {error}: is the agent running, and is this its address?");
        let mut stream = target.connect(time).map_err(failed)?;
        if let Some(tls) = tls {
            stream =
                tls::wrap(&tls, target.name(), stream).map_err(|why| format!("{url}: {why}"))?;
        }
        let path = format!("{}{path}", target.prefix);
        let answer = exchange(stream, &target.host, method, &path, &authorization, json);
        body(&answer.map_err(failed)?).map_err(|why| format!("{url}{path}: {why}"))
    }

    /// The header that says who we are, or nothing.
    fn authorization(&self) -> Result<String, String> {
        let secret = |flag: &str, file: &str| {
            let content = files::read_any(Path::new(file), SECRET_BYTES_MAX)
                .map_err(|error| format!("{flag}={file}: cannot be read: {error}"))?;
            let text = String::from_utf8(content.bytes)
                .map_err(|_| format!("{flag}={file}: is no text"))?;
            let text = text.trim_end_matches(['\r', '\n']);
            if text.contains(char::is_control) {
                return Err(format!("{flag}={file}: has control characters in it"));
            }
            Ok(text.to_owned())
        };
        match (&*self.user, &*self.password_file, &*self.token_file) {
            ("", "", "") => Ok(String::new()),
            ("", "", file) => {
                Ok(format!("Authorization: Bearer {}\r\n", secret("--token-file", file)?))
            }
            (user, file, "") if !user.is_empty() && !file.is_empty() => {
                let password = secret("--password-file", file)?;
                let both = base64::encode(format!("{user}:{password}").as_bytes());
                Ok(format!("Authorization: Basic {both}\r\n"))
            }
            _ => Err("give --user and --password-file, or --token-file alone".to_owned()),
        }
    }

    fn tls(&self) -> Result<Tls, String> {
        let file = |name: &str| Secret::File(name.into());
        let identity = match (&*self.cert_file, &*self.key_file) {
            ("", "") => None,
            ("", _) | (_, "") => return Err("give both of --cert-file and --key-file".to_owned()),
            (cert, key) => Some(Identity { cert: file(cert), key: file(key) }),
        };
        let ca = Some(&*self.ca_file).filter(|name| !name.is_empty()).map(file);
        Ok(Tls { ca, identity, ..Tls::default() })
    }
}

/// An address as a URL has it.
#[derive(Debug, PartialEq, Eq)]
struct Target<'a> {
    tls: bool,
    /// With its port; the path of a Unix socket is in its place.
    host: String,
    is_unix: bool,
    /// The path before every other.
    prefix: &'a str,
}

impl<'a> Target<'a> {
    fn of(url: &'a str) -> Option<Self> {
        if let Some(path) = url.strip_prefix("unix:") {
            let host = path.to_owned();
            return (!path.is_empty()).then_some(Self {
                tls: false,
                host,
                is_unix: true,
                prefix: "",
            });
        }
        let schemes = [("http://", false, 80), ("https://", true, 443)];
        let (rest, tls, port) = schemes
            .iter()
            .find_map(|(scheme, tls, port)| Some((url.strip_prefix(scheme)?, *tls, port)))?;
        let rest = rest.trim_end_matches('/');
        let at = rest.find('/').unwrap_or(rest.len());
        let (host, prefix) = rest.split_at_checked(at)?;
        if host.is_empty() || host.contains('@') {
            return None;
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { host.to_owned() } else { format!("{host}:{port}") };
        Some(Self { tls, host, is_unix: false, prefix })
    }

    /// The host without its port and brackets.
    fn name(&self) -> &str {
        let name = self.host.rsplit_once(':').map_or(&*self.host, |(name, _)| name);
        name.trim_matches(['[', ']'])
    }

    fn connect(&self, time: Duration) -> io::Result<Box<dyn Stream>> {
        if self.is_unix {
            let stream = UnixStream::connect(&self.host)?;
            stream.set_read_timeout(Some(time))?;
            stream.set_write_timeout(Some(CLI_TIME_MAX))?;
            return Ok(Box::new(stream));
        }
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in self.host.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CLI_TIME_MAX) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(time))?;
                    stream.set_write_timeout(Some(CLI_TIME_MAX))?;
                    return Ok(Box::new(stream));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn exchange(
    mut stream: Box<dyn Stream>,
    host: &str,
    method: &str,
    path: &str,
    authorization: &str,
    json: &[u8],
) -> io::Result<Vec<u8>> {
    let host = if host.starts_with('/') { "localhost" } else { host };
    // Of version 1.0, so that the answer ends where the connection does.
    let body = match json.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nAccept: application/json\r\n{authorization}{body}\r\n"
    );
    stream.write_all(request.as_bytes())?;
    stream.write_all(json)?;
    stream.flush()?;
    let mut answer = Vec::new();
    match stream.take(CLI_ANSWER_BYTES_MAX).read_to_end(&mut answer) {
        // TLS without a goodbye: the length of the body says whether it is whole.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !answer.is_empty() => {}
        outcome => drop(outcome?),
    }
    Ok(answer)
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
    let hint = match status {
        "401" => ": give --user and --password-file, or --token-file",
        _ => "",
    };
    Err(format!("answered {status}: {}{hint}", String::from_utf8_lossy(body).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_into_host_and_prefix() {
        let split = |url: &'static str| {
            Target::of(url).map(|it| (it.tls, it.host.clone(), it.name().to_owned(), it.prefix))
        };
        let found = |tls, host: &str, name: &str, prefix| {
            Some((tls, host.to_owned(), name.to_owned(), prefix))
        };
        assert_eq!(split("http://gw"), found(false, "gw:80", "gw", ""));
        assert_eq!(split("https://gw/am"), found(true, "gw:443", "gw", "/am"));
        assert_eq!(split("http://[::1]:9093/"), found(false, "[::1]:9093", "::1", ""));
        assert_eq!(split("http://gw:1/am/x/"), found(false, "gw:1", "gw", "/am/x"));
        assert!(
            Target::of("unix:/run/x.sock").is_some_and(|it| it.is_unix && it.host == "/run/x.sock")
        );
        for url in ["ftp://gw", "gw:9093", "http://", "http://user@gw", "unix:"] {
            assert_eq!(split(url), None, "{url}");
        }
    }

    #[test]
    fn flags_say_who_asks() {
        let args = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
        assert!(Agent::read(&args(&["--nonsense"])).is_none());
        assert!(Agent::read(&args(&["--url"])).is_none());
        let folder = std::env::temp_dir().join(format!("bellwether-client-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("secret");
        std::fs::write(&file, "pass word\n").unwrap();
        let file = file.to_str().unwrap();
        let header = |given: &[&str]| Agent::read(&args(given)).unwrap().authorization();
        assert_eq!(header(&[]).unwrap(), "");
        assert_eq!(
            header(&["--user=ann", "--password-file", file]).unwrap(),
            "Authorization: Basic YW5uOnBhc3Mgd29yZA==\r\n"
        );
        let token = format!("--token-file={file}");
        assert_eq!(header(&[&token]).unwrap(), "Authorization: Bearer pass word\r\n");
        assert!(header(&["--user=ann"]).unwrap_err().starts_with("give --user and"));
        assert!(header(&["--user=ann", &token]).is_err());
        std::fs::write(file, "a\r\nX: y").unwrap();
        assert!(header(&[&token]).unwrap_err().contains("control characters"));
        assert!(header(&["--token-file=/nowhere"]).unwrap_err().contains("cannot be read"));
        std::fs::remove_dir_all(folder).unwrap();
        assert!(Agent::read(&args(&["--cert-file=x"])).unwrap().tls().is_err());
    }

    #[test]
    fn only_a_success_has_a_body() {
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}").unwrap(), b"{}");
        let error = body(b"HTTP/1.1 404 Not Found\r\n\r\nno page\n").unwrap_err();
        assert_eq!(error, "answered 404: no page");
        assert!(
            body(b"HTTP/1.1 401 X\r\n\r\nUnauthorized\n").unwrap_err().ends_with("--token-file")
        );
        assert!(body(b"SSH-2.0").is_err());
    }
}
