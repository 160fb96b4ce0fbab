//! The real binary, over loopback: it starts, takes alerts, notifies, reloads and stops.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

/// A running agent; it is killed when it is dropped.
struct Agent {
    child: Child,
    log: BufReader<ChildStderr>,
    address: SocketAddr,
    folder: PathBuf,
}

impl Agent {
    fn start(name: &str, config: &str) -> Self {
        Self::start_with(name, config, "config.toml")
    }

    /// One whose config is `file`, with `config` at its standard input too.
    fn start_with(name: &str, config: &str, file: &str) -> Self {
        Self::start_at(name, config, file, "")
    }

    /// One whose flock's port is to be at `port`.
    fn start_at(name: &str, config: &str, file: &str, port: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // Alerts that a run before has notified would not be notified again.
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.toml"), config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_bellwether"))
            .current_dir(&folder)
            .args(["--config.file", file, "--web.listen-address=127.0.0.1:0"])
            .args([&format!("--cluster.listen-address={port}"), "--storage.path=data"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(config.as_bytes()).unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let line = line_with(&mut log, "Listening on");
        let address = line.split("address=").nth(1).unwrap().trim().parse().unwrap();
        Self { child, log, address, folder }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// Sends a request over a connection of its own and returns the whole answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = self.connect();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Stops it and returns its exit code and the rest of its log.
    fn stop(mut self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Reads up to the first line that has `text` in it.
fn line_with(log: &mut impl std::io::BufRead, text: &str) -> String {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "no {text:?} in the log:\n{seen}");
        if line.contains(text) {
            return line;
        }
        seen.push_str(&line);
    }
}

/// Waits ten seconds for a connection.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    for _ in 0..1000 {
        if let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(false).unwrap();
            return stream;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nobody connected");
}

const ACCEPTED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A receiver that takes one request and answers 200.
fn take_one(listener: &TcpListener) -> String {
    take_one_and(listener, ACCEPTED)
}

fn take_one_and(listener: &TcpListener, answer: &str) -> String {
    let mut stream = accept(listener);
    let request = read_request(&stream);
    stream.write_all(answer.as_bytes()).unwrap();
    request
}

fn read_request(stream: &TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().unwrap();
        }
        request.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request.push_str(&String::from_utf8(body).unwrap());
    request
}

const QUIET: &str = "[route]\nreceiver = 'none'\n[[receivers]]\nname = 'none'\n";

#[test]
fn a_config_that_comes_from_a_pipe_is_yaml_and_read_once() {
    let config = "route:\n  receiver: from-a-pipe\nreceivers:\n- name: from-a-pipe\n";
    let agent = Agent::start_with("pipe", config, "/dev/stdin");
    assert!(agent.ask("GET", "/api/v2/receivers", "").contains("from-a-pipe"));
    let answer = agent.ask("POST", "/-/reload", "");
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.contains("it is a pipe, no regular file"), "{answer}");
}

#[test]
fn a_posted_alert_is_listed_and_notified_once() {
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://user:secret@{}/hook?x=y", receiver.local_addr().unwrap());
    let config = format!(
        "[route]\nreceiver = 'hook'\ngroup_wait = '0s'\n[[receivers]]\nname = 'hook'\n\
         [[receivers.webhook_configs]]\nurl = '{url}'\n"
    );
    let agent = Agent::start("notified", &config);
    let answer = agent.ask("POST", "/api/v2/alerts", r#"[{"labels":{"alertname":"A"}}]"#);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let request = take_one(&receiver);
    assert!(request.starts_with("POST /hook?x=y HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("Authorization: Basic dXNlcjpzZWNyZXQ=\r\n"), "{request}");
    assert!(request.contains(concat!("User-Agent: Bellwether/", env!("CARGO_PKG_VERSION"))));
    assert!(request.contains(r#""status":"firing","labels":{"alertname":"A"}"#), "{request}");
    let answer = agent.ask("GET", "/api/v2/alerts", "");
    assert!(answer.contains(r#""receivers":[{"name":"hook"}]"#), "{answer}");
    let (code, log) = agent.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn a_receiver_test_shows_no_secrets_and_runs_one_at_a_time() {
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = receiver.local_addr().unwrap();
    let config = format!(
        "[route]\nreceiver = 'hook'\n[[receivers]]\nname = 'hook'\n\
         [[receivers.webhook_configs]]\nurl = 'http://{place}/hunter1'\n\
         [receivers.webhook_configs.http_config]\nauthorization = {{ credentials = 'hunter2' }}\n"
    );
    let agent = Agent::start("tested", &config);
    let url = format!("--url=http://{}", agent.address);
    let test = Command::new(env!("CARGO_BIN_EXE_bellwether"))
        .args(["notify", "test", "hook", "site=berlin", &url])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stream = accept(&receiver);
    let request = read_request(&stream);
    assert!(request.starts_with("POST /hunter1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("Authorization: Bearer hunter2\r\n"), "{request}");
    assert!(request.contains(r#""bellwether_test":"true","severity":"info","site":"berlin""#));
    let second = agent.ask("POST", "/bellwether/v1/notify/test", r#"{"receiver":"hook"}"#);
    assert!(second.starts_with("HTTP/1.1 409 "), "{second}");
    let answer = "/hunter1 does not know hunter2";
    let length = answer.len();
    write!(stream, "HTTP/1.1 400 x\r\nContent-Length: {length}\r\n\r\n{answer}").unwrap();
    let output = test.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{shown}");
    let sent = format!("  > POST http://{place}/<secret>\n");
    for line in [
        "webhook[0]: failed: unexpected status code 400: /<secret> does not know <secret>\n",
        &sent,
        "  > Authorization: Bearer <secret>\n",
        "  < /<secret> does not know <secret>\n",
    ] {
        assert!(shown.contains(line), "{line:?} in {shown}");
    }
    let history = agent.ask("GET", "/bellwether/v1/history", "");
    assert!(history.ends_with("\r\n\r\n[]\n"), "{history}");
    let (code, log) = agent.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("hunter"), "{log}");
}

/// An agent that notifies a receiver of an alert, the connection over which it does, and the agent's journal as
/// `bellwether journal inspect` shows it when all is over.
fn amid_a_notification(name: &str) -> (Agent, TcpStream, impl Fn() -> String) {
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!(
        "[route]\nreceiver = 'hook'\ngroup_wait = '0s'\n[[receivers]]\nname = 'hook'\n\
         [[receivers.webhook_configs]]\nurl = 'http://{}/'\n",
        receiver.local_addr().unwrap()
    );
    let agent = Agent::start(name, &config);
    agent.ask("POST", "/api/v2/alerts", r#"[{"labels":{"alertname":"A"}}]"#);
    let stream = accept(&receiver);
    read_request(&stream);
    let journal = agent.folder.join("data");
    let inspect = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
        let output = command.args(["journal", "inspect"]).arg(&journal).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    (agent, stream, inspect)
}

#[test]
fn a_receiver_that_has_the_request_at_the_stop_is_heard_out() {
    let (mut agent, mut receiver, inspect) = amid_a_notification("heard-out");
    agent.signal(Signal::TERM);
    line_with(&mut agent.log, "stopping");
    receiver.write_all(ACCEPTED.as_bytes()).unwrap();
    let (code, log) = agent.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(inspect().contains("log entry: 1 records"), "{}", inspect());
}

#[test]
fn a_receiver_that_never_answers_does_not_hold_up_the_stop() {
    let (agent, _receiver, inspect) = amid_a_notification("not-held-up");
    let (code, log) = agent.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("stopping amid 1 attempts, which may be told again"), "{log}");
    assert!(!inspect().contains("log entry: 1 records"), "{}", inspect());
}

#[test]
fn no_secret_follows_a_redirect_to_another_host() {
    let hosts = ["127.0.0.1:0", "127.0.0.1:0", "127.0.0.2:0"].map(TcpListener::bind);
    let [first, second, third] = hosts.map(Result::unwrap);
    let place = |listener: &TcpListener| listener.local_addr().unwrap();
    let config = format!(
        "[route]\nreceiver = 'hook'\ngroup_wait = '0s'\n[[receivers]]\nname = 'hook'\n\
         [[receivers.webhook_configs]]\nurl = 'http://{}/'\n\
         [receivers.webhook_configs.http_config]\nauthorization = {{ credentials = 'hunter2' }}\n\
         http_headers = {{ X-Token = {{ secrets = ['hunter3'] }} }}\n",
        place(&first)
    );
    let agent = Agent::start("redirected", &config);
    agent.ask("POST", "/api/v2/alerts", r#"[{"labels":{"alertname":"A"}}]"#);
    let moved = |to| {
        format!("HTTP/1.1 307 x\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n", place(to))
    };
    for request in [take_one_and(&first, &moved(&second)), take_one_and(&second, &moved(&third))] {
        assert!(request.contains("Authorization: Bearer hunter2\r\n"), "{request}");
        assert!(request.contains("X-Token: hunter3\r\n"), "{request}");
    }
    let request = take_one(&third);
    assert!(request.contains("Content-Type: application/json\r\n"), "{request}");
    assert!(request.contains(r#""alertname":"A""#) && !request.contains("hunter"), "{request}");
}

#[test]
fn a_secret_that_is_not_there_is_named_in_the_log_and_the_history() {
    let config = "[route]\nreceiver = 'hook'\ngroup_wait = '0s'\n[[receivers]]\nname = 'hook'\n\
                  [[receivers.webhook_configs]]\nurl_file = 'nowhere/url'\n";
    let mut agent = Agent::start("unreadable", config);
    agent.ask("POST", "/api/v2/alerts", r#"[{"labels":{"alertname":"A"}}]"#);
    let line = line_with(&mut agent.log, "receiver hook/webhook[0] fails");
    assert!(line.contains("reading the secret in nowhere/url: No such file"), "{line}");
    let history = agent.ask("GET", "/bellwether/v1/history", "");
    assert!(history.contains("reading the secret in nowhere/url: "), "{history}");
}

#[test]
fn a_reload_takes_a_good_config_and_refuses_a_bad_one() {
    let mut agent = Agent::start("reloaded", QUIET);
    fs::write(agent.folder.join("config.toml"), QUIET.replace("none", "some")).unwrap();
    agent.signal(Signal::HUP);
    line_with(&mut agent.log, "loaded anew");
    assert!(agent.ask("GET", "/api/v2/receivers", "").contains(r#""name":"some""#));
    fs::write(agent.folder.join("config.toml"), "[route]\nreceiver = 'x'\n[rout]\n").unwrap();
    let answer = agent.ask("POST", "/-/reload", "");
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.contains("failed to reload config: config.toml:"), "{answer}");
    assert!(agent.ask("GET", "/api/v2/receivers", "").contains(r#""name":"some""#));
    assert!(agent.ask("GET", "/metrics", "").contains("config_last_reload_successful 0\n"));
    fs::write(agent.folder.join("config.toml"), QUIET).unwrap();
    assert!(agent.ask("POST", "/-/reload", "").starts_with("HTTP/1.1 200"));
    assert_eq!(agent.stop().0, Some(0));
}

#[test]
fn reloads_that_are_asked_for_at_once_are_all_answered() {
    let agent = Agent::start("reloads", QUIET);
    let reload =
        b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let mut streams: Vec<_> = (0..5).map(|_| agent.connect()).collect();
    for stream in &mut streams {
        stream.write_all(reload).unwrap();
    }
    for mut stream in streams {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[test]
fn a_key_file_that_is_a_pipe_is_refused_and_not_waited_for() {
    let agent = Agent::start("piped_key", QUIET);
    let pipe = agent.folder.join("flock.key");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let config = format!("{QUIET}[cluster]\nkey_files = ['flock.key']\n");
    fs::write(agent.folder.join("config.toml"), config).unwrap();
    for _ in 0..3 {
        let answer = agent.ask("POST", "/-/reload", "");
        assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
        assert!(answer.contains("flock.key cannot be read: it is a pipe"), "{answer}");
    }
    assert!(agent.ask("GET", "/-/healthy", "").starts_with("HTTP/1.1 200"));
}

#[test]
fn check_config_does_not_wait_for_a_pipe_to_which_nobody_writes() {
    let folder = std::env::temp_dir().join(format!("bellwether-piped-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let pipe = folder.join("config.yml");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
    let output = command.arg("check-config").arg(&pipe).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(!output.status.success() && said.contains("nobody has written to its end"), "{said}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_agent_whose_key_cannot_be_read_is_alone_and_says_so() {
    let config = format!("{QUIET}[cluster]\nkey_files = ['flock.key']\n");
    // Nobody has this address: the port must not even be tried.
    let mut agent = Agent::start_at("keyless", &config, "config.toml", "192.0.2.1:9094");
    assert!(agent.ask("POST", "/api/v2/alerts", "[]").starts_with("HTTP/1.1 200"));
    let status = agent.ask("GET", "/api/v2/status", "");
    assert!(status.contains(r#""fault":"cluster.key_files: flock.key cannot be read"#), "{status}");
    assert!(agent.ask("POST", "/-/reload", "").starts_with("HTTP/1.1 200"));
    let line = line_with(&mut agent.log, "cannot be read: No such file");
    assert!(line.contains("the flock's port is closed, alerts are notified"), "{line}");
    let key = bellwether::wire::key::print(&(0..32).collect::<Vec<u8>>());
    fs::write(agent.folder.join("flock.key"), key).unwrap();
    assert!(agent.ask("POST", "/-/reload", "").starts_with("HTTP/1.1 200"));
    line_with(&mut agent.log, "the flock's key can be read now: restart to take part");
    fs::write(agent.folder.join("flock.key"), "07").unwrap();
    let answer = agent.ask("POST", "/-/reload", "");
    assert!(
        answer.starts_with("HTTP/1.1 500") && answer.contains("flock.key holds 1 bytes"),
        "{answer}"
    );
}

#[test]
fn a_reload_names_the_keys_that_wait_for_a_restart() {
    let mut agent = Agent::start("waiting", QUIET);
    let more = "[storage]\nretention = '1h'\n[log]\nlevel = 'info'\n[cluster]\nlabel = 'x'\n";
    fs::write(agent.folder.join("config.toml"), format!("{QUIET}{more}")).unwrap();
    for _ in 0..2 {
        assert!(agent.ask("POST", "/-/reload", "").starts_with("HTTP/1.1 200"));
        let line = line_with(&mut agent.log, "restart");
        assert!(
            line.contains("storage.retention: changed, takes effect after a restart"),
            "{line}"
        );
        let line = line_with(&mut agent.log, "restart");
        assert!(line.contains("cluster.label: changed, takes effect after a restart"), "{line}");
    }
    fs::write(agent.folder.join("config.toml"), QUIET).unwrap();
    assert!(agent.ask("POST", "/-/reload", "").starts_with("HTTP/1.1 200"));
    let (_, log) = agent.stop();
    assert!(!log.contains("takes effect after a restart"), "{log}");
}

#[test]
fn bodies_that_do_not_come_keep_no_get_from_its_answer() {
    let agent = Agent::start("unsent", QUIET);
    let mut unsent: Vec<_> = (0..20).map(|_| agent.connect()).collect();
    for stream in &mut unsent {
        let head = "GET /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
    }
    for path in ["/api/v2/alerts", "/-/healthy", "/-/ready", "/metrics"] {
        assert!(agent.ask("GET", path, "").starts_with("HTTP/1.1 200"), "{path}");
    }
}

#[test]
fn without_a_free_file_idle_connections_are_closed_for_a_new_one() {
    let agent = Agent::start("files", QUIET);
    let pid = Pid::from_child(&agent.child);
    let open = fs::read_dir(format!("/proc/{}/fd", agent.child.id())).unwrap().count() as u64;
    let limit = Rlimit { current: Some(open + 10), maximum: Some(open + 10) };
    prlimit(Some(pid), Resource::Nofile, limit).unwrap();
    let idle: Vec<_> = (0..60).map(|_| agent.connect()).collect();
    let alert = r#"[{"labels":{"alertname":"A"}}]"#;
    assert!(agent.ask("POST", "/api/v2/alerts", alert).starts_with("HTTP/1.1 200"));
    drop(idle);
}

#[test]
fn a_client_that_closes_its_side_is_answered_when_its_alert_is_durable() {
    let agent = Agent::start("half_closed", QUIET);
    for number in 0..5 {
        let mut stream = agent.connect();
        let body = format!(r#"[{{"labels":{{"alertname":"A{number}"}}}}]"#);
        let head =
            "POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[test]
fn one_connection_serves_many_requests_and_large_bodies_are_refused() {
    let agent = Agent::start("connections", QUIET);
    let mut stream = agent.connect();
    for _ in 0..3 {
        stream.write_all(b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
    let large = " ".repeat(9 * 1024 * 1024);
    let answer = agent.ask("POST", "/api/v2/alerts", &large);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains(r#"{"code":413,"message":"the body is larger than"#), "{answer}");
    let garbage = agent.ask("G\0T", "/", "");
    assert!(garbage.starts_with("HTTP/1.1 400"), "{garbage}");
}

#[test]
fn requests_of_small_clients_are_served_and_each_refusal_has_a_text() {
    let agent = Agent::start("lenient", QUIET);
    let ask = |request: &str| {
        let mut stream = agent.connect();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let post = |version: &str, more: &str, body: &str| {
        let line =
            format!("POST /api/v2/alerts HTTP/{version}\r\nContent-Type: application/json\r\n");
        format!("{line}{more}\r\n\r\n{body}")
    };
    let chunks = "2\n[]\n0\n\n";
    let many = "X-A: 1\r\n".repeat(70);
    for request in [
        post("1.0", "Transfer-Encoding: chunked", chunks),
        post("1.1", "Host: localhost\r\nTransfer-Encoding: chunked", chunks),
        post("1.1", "Host: localhost\r\nX-A: 1\r\n  folded\r\nContent-Length: 2", "[]"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length:\r\n{many}\r\n"),
        "GET /api/v2/alerts?filter=alertname=\"<ä>\" HTTP/1.1\r\nHost: localhost\r\n\r\n"
            .to_owned(),
    ] {
        let answer = ask(&request);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{request}: {answer}");
    }
    for (request, status, text) in [
        ("GET / HTTP/3.0\r\n\r\n".to_owned(), 505, "HTTP/3.0 is not spoken here"),
        ("GET / HTTP/1.1\r\nA : b\r\n\r\n".to_owned(), 400, "is not NAME: VALUE"),
        (post("1.1", "Transfer-Encoding: chunked", "x\r\n"), 400, "its chunks make no sense"),
        (post("1.1", "Content-Length: 9", "[]"), 400, "the body ended before its end"),
        (format!("GET / HTTP/1.1\r\n{many}{many}\r\n"), 431, "more than 128 headers"),
    ] {
        let answer = ask(&request);
        let line = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&line) && answer.contains(text), "{request}: {answer}");
    }
}

#[test]
fn idle_connections_make_room_for_a_post() {
    let agent = Agent::start("idle", QUIET);
    let idle: Vec<TcpStream> = (0..600).map(|_| agent.connect()).collect();
    let answer = agent.ask("POST", "/api/v2/alerts", "[]");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(idle);
}

#[test]
fn a_bad_config_is_told_whole_and_ends_with_78() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bad");
    fs::create_dir_all(&folder).unwrap();
    let text = "[route]\nreceiver = 'x'\ngroup_wait = 'soon'\n[[receivers]]\nname = 'y'\nbad = 1\n";
    fs::write(folder.join("bad.toml"), text).unwrap();
    let run = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_bellwether")).current_dir(&folder).args(args).output()
    };
    let output = run(&["--config.file=bad.toml"]).unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{log}");
    for line in ["bad.toml:2:", "bad.toml:3:", "bad.toml:6:"] {
        assert!(log.contains(line), "{log}");
    }
    let output = run(&["--nonsense"]).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(run(&["--version"]).unwrap().status.success());
}

#[test]
fn a_file_that_cannot_be_read_ends_with_1_and_one_that_is_wrong_with_78() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unreadable-files");
    fs::create_dir_all(folder.join("directory")).unwrap();
    fs::write(folder.join("good.toml"), QUIET).unwrap();
    fs::write(folder.join("short.key"), "abcd").unwrap();
    let key =
        |file: &str| vec!["--config.file=good.toml".into(), format!("--cluster.key-file={file}")];
    for (args, code, said) in [
        (vec!["--config.file=none.toml".to_owned()], 1, "none.toml: cannot be read: No such file"),
        (vec!["--config.file=directory".into()], 1, "directory: cannot be read: Is a directory"),
        (key("short.key"), 78, "short.key holds 2 bytes"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
        let output = command.current_dir(&folder).args(args).output().unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{log}");
        assert!(log.contains(said), "{log}");
    }
}
