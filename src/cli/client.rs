//! The subcommands' HTTP client: one request, one answer, with what the agent asks for: TLS, a password, a token.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::cli::args::Args;
use crate::cli::table::text;
use crate::cli::target::{Stream, Target};
use crate::cli::{Fault, usage};
use crate::config::{Authorization, Http, Identity, Proxy, Secret, Tls};
use crate::limits::{CLI_ANSWER_BYTES_MAX, CLI_TIME_MAX, CONFIG_BYTES_MAX, SECRET_BYTES_MAX};
use crate::model::duration::{parse_duration, parse_go_duration};
use crate::model::{Url, base64};

/// Where the API is when nothing else is said.
const URL: &str = "http://127.0.0.1:9093";

/// An agent, and how to speak to it.
#[derive(Debug)]
pub(super) struct Agent {
    target: Target,
    /// Headers of every request, those of authorization among them.
    headers: String,
    tls: Tls,
    time: Duration,
}

/// Why there is no answer, or not the one that was hoped for.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The status that the agent answered; none if it did not answer.
    pub(super) status: Option<u16>,
    /// Whether the same request may have another answer in a moment: nobody was there, or something before the agent says so.
    pub(super) is_passing: bool,
    /// The fault, and the URL that it is of.
    pub(super) why: String,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal.why)
    }
}

/// Where it is.
impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}

impl Agent {
    /// The agent that the flags name. The error says what to do.
    pub(super) fn new(args: &Args) -> Result<Self, Fault> {
        let http = match args.get("http.config.file") {
            None | Some("") => Http::default(),
            Some(file) => {
                let bytes = super::read("--http.config.file=", file, CONFIG_BYTES_MAX)?;
                Http::load(&bytes, Path::new(file)).map_err(|errors| errors.to_string())?
            }
        };
        let time = match args.get("timeout") {
            None => CLI_TIME_MAX,
            Some(text) => duration(text).map_err(|why| usage(format!("--timeout: {why}")))?,
        };
        let target = Target::parse(args.get("url").unwrap_or(URL)).map_err(usage)?;
        if http.proxy != Proxy::default() {
            return Err("proxy_url and proxy_from_environment of --http.config.file: \
                        not for subcommands, which go through no proxy: remove them"
                .to_owned()
                .into());
        }
        Ok(Self {
            headers: authorization(args, &http, &target)? + &headers(&http)?,
            target,
            tls: tls(args, http.tls)?,
            time: time.max(Duration::from_millis(1)),
        })
    }

    /// How long an answer may take.
    pub(super) const fn time(&self) -> Duration {
        self.time
    }

    /// The same agent, where answers may take so much longer.
    pub(super) fn patient(self, time: Duration) -> Self {
        Self { time: self.time.saturating_add(time), ..self }
    }

    /// Gets JSON from `path`.
    pub(super) fn get(&self, path: &str) -> Result<Value, Refusal> {
        self.json(path, &self.ask("GET", path, b"")?)
    }

    /// Posts JSON to `path` and returns the JSON that comes back, null if none does.
    pub(super) fn post(&self, path: &str, json: &Value) -> Result<Value, Refusal> {
        match self.ask("POST", path, json.to_string().as_bytes())? {
            answer if answer.is_empty() => Ok(Value::Null),
            answer => self.json(path, &answer),
        }
    }

    fn json(&self, path: &str, answer: &[u8]) -> Result<Value, Refusal> {
        serde_json::from_slice(answer).map_err(|error| Refusal {
            status: None,
            is_passing: false,
            why: format!("{self}{path}: no JSON: {error}"),
        })
    }

    /// Sends a request and returns the body of an answer 200.
    pub(super) fn ask(&self, method: &str, path: &str, json: &[u8]) -> Result<Vec<u8>, Refusal> {
        let failed = |error: io::Error| {
            let is_passing = error.kind() != io::ErrorKind::InvalidData;
            let hint =
                if is_passing { ": is the agent running, and is this its address?" } else { "" };
            Refusal { status: None, is_passing, why: format!("{self}: {error}{hint}") }
        };
        let stream = self.target.connect(&self.tls, self.time).map_err(failed)?;
        let whole_path = format!("{}{path}", self.target.prefix());
        let answer =
            exchange(stream, &self.target.host(), method, &whole_path, &self.headers, json);
        let answer = answer.map_err(failed)?;
        body(&answer).map_err(|(status, why)| {
            let is_passing = match status {
                Some(status) => matches!(status, 502..=504),
                // The answer of an agent that has been stopped, or that of something else.
                None => answer.is_empty() || answer.starts_with(b"HTTP/"),
            };
            Refusal { status, is_passing, why: format!("{self}{path}: {why}") }
        })
    }
}

/// A time as amtool reads it, `1d` or `1.5h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).or_else(|error| parse_go_duration(text).map_err(|_| error.to_string()))
}

/// A text as a part of a query.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            byte => {
                encoded.push('%');
                for half in [byte >> 4, byte & 15] {
                    encoded.extend(
                        char::from_digit(half.into(), 16).map(|it| it.to_ascii_uppercase()),
                    );
                }
            }
        }
    }
    encoded
}

/// The secret of a file that `flag` names.
fn secret(flag: &str, file: &Path) -> Result<String, Fault> {
    let bytes = super::read(flag, &file.display().to_string(), SECRET_BYTES_MAX)?;
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| format!("{flag}{}: is no text", file.display()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.contains(char::is_control) {
        return Err(format!("{flag}{}: has control characters in it", file.display()).into());
    }
    Ok(text.to_owned())
}

/// A secret of `--http.config.file`.
fn own(own: &Secret) -> Result<String, Fault> {
    match own {
        Secret::Inline(text) => Ok(text.to_string()),
        Secret::File(file) => secret("", file),
    }
}

/// The `http_headers` of the file.
fn headers(http: &Http) -> Result<String, Fault> {
    let line = |(name, value): &(String, Secret)| Ok(format!("{name}: {}\r\n", own(value)?));
    http.headers.iter().map(line).collect()
}

/// The header that authenticates the user, or nothing.
fn authorization(args: &Args, http: &Http, target: &Target) -> Result<String, Fault> {
    let basic = |user: &str, password: &str| {
        format!(
            "Authorization: Basic {}\r\n",
            base64::encode(format!("{user}:{password}").as_bytes())
        )
    };
    let flag = |name| args.get(name).filter(|value| !value.is_empty());
    let in_url = target.url().and_then(Url::user);
    match (flag("user"), flag("password-file"), flag("token-file"), in_url) {
        (None, None, None, Some(user)) => Ok(basic(&user.name, &user.password)),
        (None, None, None, None) => match &http.authorization {
            Authorization::None => Ok(String::new()),
            Authorization::Basic { username, password } => {
                Ok(basic(&own(username)?, &own(password)?))
            }
            Authorization::Scheme(scheme, token) => {
                Ok(format!("Authorization: {scheme} {}\r\n", own(token)?))
            }
            Authorization::OAuth2(_) => {
                Err("oauth2 of --http.config.file: not for subcommands, use --token-file"
                    .to_owned()
                    .into())
            }
        },
        (None, None, Some(file), None) => {
            let token = secret("--token-file=", Path::new(file))?;
            Ok(format!("Authorization: Bearer {token}\r\n"))
        }
        (Some(user), Some(file), None, None) => {
            Ok(basic(user, &secret("--password-file=", Path::new(file))?))
        }
        _ => Err(usage(
            "give --user and --password-file, or --token-file, or a user in --url: one alone",
        )),
    }
}

/// How https is spoken: as the flags say, else as the file does.
fn tls(args: &Args, mut tls: Tls) -> Result<Tls, Fault> {
    let file = |flag| {
        let name = args.get(flag).filter(|name| !name.is_empty());
        name.map(|name| Secret::File(name.into()))
    };
    match (file("cert-file"), file("key-file")) {
        (None, None) => {}
        (Some(cert), Some(key)) => tls.identity = Some(Identity { cert, key }),
        _ => return Err(usage("give both of --cert-file and --key-file")),
    }
    tls.ca = file("ca-file").or(tls.ca);
    Ok(tls)
}

fn exchange(
    mut stream: Box<dyn Stream>,
    host: &str,
    method: &str,
    path: &str,
    headers: &str,
    json: &[u8],
) -> io::Result<Vec<u8>> {
    // Of version 1.0, so that the answer ends where the connection does.
    let body = match json.len() {
        0 if method == "POST" => "Content-Length: 0\r\n".to_owned(),
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nAccept: application/json\r\n{headers}{body}\r\n"
    );
    stream.write_all(request.as_bytes())?;
    stream.write_all(json)?;
    stream.flush()?;
    let mut answer = Vec::new();
    match stream.take(CLI_ANSWER_BYTES_MAX as u64).read_to_end(&mut answer) {
        // TLS without a goodbye: the length of the body says whether it is whole.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !answer.is_empty() => {}
        outcome => drop(outcome?),
    }
    Ok(answer)
}

/// The body of an answer 200; else the status and what the agent says.
fn body(answer: &[u8]) -> Result<Vec<u8>, (Option<u16>, String)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or_else(|| (None, "the answer is no HTTP".to_owned()))?;
    let (head, body) = answer.split_at_checked(end + 4).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    if status == Some(200) {
        return Ok(body.to_vec());
    }
    let why = match serde_json::from_slice(body) {
        Ok(Value::String(why)) => why,
        Ok(Value::Object(object)) if object.contains_key("message") => text(object.get("message")),
        _ => String::from_utf8_lossy(body).trim().to_owned(),
    };
    let hint = match status {
        // Alertmanager says nothing of a silence that it does not know.
        Some(404) if why.is_empty() => "there is no such silence or page",
        Some(401) => ": give --user and --password-file, or --token-file",
        _ => "",
    };
    let number = status.map_or("nothing".to_owned(), |status: u16| status.to_string());
    Err((status, format!("answered {number}: {why}{hint}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse::{Wish, parse};

    #[test]
    fn flags_say_who_asks() {
        let folder = std::env::temp_dir().join(format!("bellwether-client-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("secret");
        std::fs::write(&file, "pass word\n").unwrap();
        let file = file.to_str().unwrap();
        let agent = |given: &[&str]| {
            let words = ["flock"].iter().chain(given).map(std::ffi::OsString::from);
            let Ok(Wish::Run(_, args)) = parse(&words.collect::<Vec<_>>(), false) else {
                panic!("{given:?}")
            };
            Agent::new(&args)
        };
        let header = |given: &[&str]| agent(given).map(|agent| agent.headers);
        let why = |given: &[&str]| format!("{:?}", agent(given).unwrap_err());
        assert_eq!(header(&[]).unwrap(), "");
        assert_eq!(
            header(&["--user=ann", "--password-file", file]).unwrap(),
            "Authorization: Basic YW5uOnBhc3Mgd29yZA==\r\n"
        );
        let token = format!("--token-file={file}");
        assert_eq!(header(&[&token]).unwrap(), "Authorization: Bearer pass word\r\n");
        assert!(why(&["--user=ann"]).contains("give --user and"));
        assert!(header(&["--user=ann", &token]).is_err());
        let http = folder.join("http.yml");
        let config = format!("--http.config.file={}", http.display());
        for (text, expected) in [
            ("basic_auth: {username: ann, password_file: secret}", "Basic YW5uOnBhc3Mgd29yZA=="),
            ("authorization: {type: Token, credentials: x}", "Token x"),
        ] {
            std::fs::write(&http, text).unwrap();
            assert_eq!(header(&[&config]).unwrap(), format!("Authorization: {expected}\r\n"));
        }
        std::fs::write(&http, "tls_config: {server_name: gw, ca_file: a.pem}").unwrap();
        let tls = agent(&[&config, "--ca-file=b.pem"]).unwrap().tls;
        assert_eq!(tls.server_name.as_deref(), Some("gw"));
        assert_eq!(tls.ca, Some(Secret::File("b.pem".into())));
        std::fs::write(&http, "basic_auht: {}").unwrap();
        assert!(why(&[&config]).contains("did you mean"), "{}", why(&[&config]));
        std::fs::write(file, "a\r\nX: y").unwrap();
        assert!(why(&[&token]).contains("control characters"));
        assert!(why(&["--token-file=/nowhere"]).contains("/nowhere: "));
        std::fs::remove_dir_all(folder).unwrap();
        assert!(why(&["--cert-file=x"]).contains("give both of"));
        assert!(why(&["--timeout=soon"]).contains("--timeout: "));
        assert_eq!(agent(&[]).unwrap().time, Duration::from_secs(30), "as amtool");
        assert_eq!(agent(&["--timeout=1.5s"]).unwrap().time, Duration::from_millis(1500));
    }

    #[test]
    fn only_a_success_has_a_body() {
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}").unwrap(), b"{}");
        let refused = |answer: &[u8]| body(answer).unwrap_err();
        let told = |text: &str| (Some(404), format!("answered 404: {text}"));
        assert_eq!(refused(b"HTTP/1.1 404 X\r\n\r\nno page\n"), told("no page"));
        let silent = told("there is no such silence or page");
        assert_eq!(refused(b"HTTP/1.1 404 X\r\n\r\n"), silent);
        assert_eq!(refused(b"HTTP/1.1 404 X\r\n\r\n\"no \\\"it\\\"\"\n"), told("no \"it\""));
        assert_eq!(refused(b"HTTP/1.1 404 X\r\n\r\n{\"code\":602,\"message\":\"m\"}"), told("m"));
        assert!(refused(b"HTTP/1.1 401 X\r\n\r\nUnauthorized\n").1.ends_with("--token-file"));
        assert!(body(b"SSH-2.0").is_err());
    }
}
