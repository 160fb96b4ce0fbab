//! The right credentials are let in, wrong ones are not.

use std::fs;

use super::*;
use crate::model::base64;

const HUNTER2: &str = "$2y$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.";

/// A directory that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir()
            .join(format!("bellwether-admission-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn gate(&self, text: &str) -> Result<Gate, AdmissionError> {
        let file = Some(self.write("web.yml", text));
        Gate::new(RuleSource { file, admission: Admission::default() }, b"random")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::encode(format!("{user}:{password}").as_bytes()))
}

/// The status that a request is answered with, or 200.
fn status(gate: &Gate, authorization: Option<&str>, sender: &str, need: Need) -> u16 {
    let admitted = gate.admit(authorization, sender.parse().ok(), need);
    smol::block_on(admitted).map_or_else(|response| response.status, |()| 200)
}

/// Has the files looked at with the next request.
fn later(gate: &Gate) {
    gate.looked_at.set(Some(Mono::ZERO));
}

#[test]
fn without_users_and_tokens_all_are_let_in() {
    let gate = Gate::new(RuleSource::default(), b"random").unwrap();
    assert_eq!(status(&gate, None, "10.0.0.1", Need::Write), 200);
    assert!(smol::block_on(gate.tls()).is_none());
}

#[test]
fn a_user_needs_the_right_password_which_is_hashed_once() {
    let folder = Folder::new("user");
    let gate = folder.gate(&format!("basic_auth_users: {{ann: '{HUNTER2}'}}")).unwrap();
    let ask = |authorization: Option<&str>| status(&gate, authorization, "10.0.0.1", Need::Write);
    assert_eq!(ask(None), 401);
    assert_eq!(ask(Some("Negotiate x")), 401);
    assert_eq!(ask(Some("Basic x")), 401);
    assert_eq!(ask(Some(&basic("ann", "hunter"))), 401);
    assert_eq!(ask(Some(&basic("bob", "hunter2"))), 401);
    assert_eq!(ask(Some(&basic("ann", "hunter2"))), 200);
    let rules = Rc::clone(&gate.rules.borrow());
    let is_known = |password: &str, sender: &str| {
        let id = gate.id_of_user(sender.parse().ok(), &rules.admission.users[0], password);
        gate.passwords.is_known(&id)
    };
    assert!(is_known("hunter2", "10.0.0.1"));
    assert!(!is_known("hunter", "10.0.0.1") && !is_known("hunter2", "10.0.0.2"));
    assert_eq!(ask(Some(&basic("ann", "hunter2"))), 200);
    assert_eq!(gate.refused(), 5);
    assert_eq!(status(&gate, None, "10.0.0.1", Need::Nothing), 200);
    let refused = smol::block_on(gate.admit(None, None, Need::Read)).unwrap_err();
    assert!(refused.headers.contains(&("WWW-Authenticate", "Basic".into())), "{refused:?}");
}

#[test]
fn wrong_passwords_have_to_wait_and_a_known_right_one_is_let_in() {
    let folder = Folder::new("often");
    let gate = folder.gate(&format!("basic_auth_users: {{ann: '{HUNTER2}'}}")).unwrap();
    let (right, wrong) = (basic("ann", "hunter2"), basic("ann", "x"));
    assert_eq!(status(&gate, Some(&right), "10.0.0.1", Need::Write), 200);
    for _ in 0..crate::limits::ACCESS_FAILURES_MAX {
        assert_eq!(status(&gate, Some(&wrong), "10.0.0.1", Need::Write), 401);
    }
    assert_eq!(status(&gate, Some(&wrong), "10.0.0.1", Need::Write), 429);
    assert_eq!(status(&gate, Some(&basic("eve", "x")), "10.0.0.1", Need::Write), 429);
    assert_eq!(status(&gate, Some("Bearer nonsense"), "10.0.0.1", Need::Write), 429);
    assert_eq!(status(&gate, Some(&right), "10.0.0.1", Need::Write), 200);
    assert_eq!(status(&gate, Some(&wrong), "10.0.0.2", Need::Write), 401);
}

#[test]
fn an_address_that_guesses_gets_no_answer_for_what_was_right_elsewhere() {
    let folder = Folder::new("guess");
    let token = "tokens: [{name: a, token: 0123456789abcdef}]";
    let gate = folder.gate(&format!("basic_auth_users: {{ann: '{HUNTER2}'}}\n{token}")).unwrap();
    let rights = [basic("ann", "hunter2"), "Bearer 0123456789abcdef".to_owned()];
    let ask =
        |authorization: &str, sender: &str| status(&gate, Some(authorization), sender, Need::Write);
    for right in &rights {
        assert_eq!(ask(right, "10.0.0.1"), 200);
        assert_eq!(ask(right, "2001:db8::1"), 200);
    }
    for sender in ["10.0.0.2", "2001:db8:0:1::1"] {
        for _ in 0..crate::limits::ACCESS_FAILURES_MAX {
            assert_eq!(ask("Bearer nonsense", sender), 401);
        }
        for right in &rights {
            assert_eq!(ask(right, sender), 429, "{sender}");
        }
    }
    // Where they were right before, they are, whoever guesses elsewhere.
    for right in &rights {
        assert_eq!(ask(right, "10.0.0.1"), 200);
        assert_eq!(ask(right, "2001:db8::2"), 200, "the same network");
    }
}

#[test]
fn a_right_token_is_no_attempt_however_often_it_comes() {
    let folder = Folder::new("token");
    let gate = folder.gate("tokens: [{name: a, token: 0123456789abcdef}]").unwrap();
    // So many addresses that each is forgotten before it comes again.
    for _ in 0..=crate::limits::ACCESS_FAILURES_MAX {
        for host in 0..=crate::limits::ACCESS_REMEMBERED_MAX {
            let right = Some("Bearer 0123456789abcdef");
            assert_eq!(status(&gate, right, &format!("10.0.0.{host}"), Need::Write), 200);
        }
    }
}

#[test]
fn rights_bound_what_a_user_or_a_token_may_do() {
    let folder = Folder::new("rights");
    folder.write("token", "0123456789abcdef\n");
    let gate = folder.gate(&format!(
        "users: [{{name: prom, password_hash: '{HUNTER2}', rights: post-only}}]\n\
         tokens: [{{name: karma, token_file: token, rights: read-only}}, {{name: short, token: 0123456789abcdeg}}]\n"
    ));
    let gate = gate.unwrap();
    let statuses = |authorization: &str| {
        let needs = [Need::Post, Need::Read, Need::Write];
        needs.map(|need| status(&gate, Some(authorization), "10.0.0.1", need))
    };
    assert_eq!(statuses(&basic("prom", "hunter2")), [200, 403, 403]);
    assert_eq!(statuses("Bearer 0123456789abcdef"), [403, 200, 403]);
    assert_eq!(statuses("bearer 0123456789abcdeg"), [200, 200, 200]);
    assert_eq!(statuses("Bearer 0123456789abcde"), [401, 401, 401]);
}

#[test]
fn files_are_read_anew_when_they_change() {
    let folder = Folder::new("anew");
    folder.write("token", "0123456789abcdef\n");
    let gate = folder.gate("tokens: [{name: a, token_file: token}]").unwrap();
    let ask =
        |token: &str| status(&gate, Some(&format!("Bearer {token}")), "10.0.0.1", Need::Write);
    assert_eq!(ask("0123456789abcdef"), 200);
    folder.write("token", "fedcba9876543210 rotated");
    assert_eq!(ask("0123456789abcdef"), 200, "nothing was looked at yet");
    later(&gate);
    assert_eq!(ask("0123456789abcdef"), 401);
    assert_eq!(ask("fedcba9876543210 rotated"), 200);
    // A mistake leaves the old rules in force.
    folder.write("web.yml", "tokens: [{name: a, token_file: token}]\nnonsense: 1\n");
    later(&gate);
    assert_eq!(ask("fedcba9876543210 rotated"), 200);
    assert_eq!(ask("0123456789abcdef"), 401);
    folder.write("web.yml", "tokens: [{name: a, token: 'another one, inline'}]");
    later(&gate);
    assert_eq!(ask("another one, inline"), 200);
    fs::remove_file(folder.0.join("web.yml")).unwrap();
    later(&gate);
    assert_eq!(ask("another one, inline"), 200, "a file that is gone opens nothing");
}

#[test]
fn a_reload_brings_the_rules_of_its_config() {
    let gate = Gate::new(RuleSource::default(), b"random").unwrap();
    assert_eq!(status(&gate, None, "10.0.0.1", Need::Write), 200);
    let token = crate::config::web::Token {
        name: "a".to_owned(),
        secret: Secret::Inline("0123456789abcdef".into()),
        rights: Rights::ReadWrite,
    };
    let admission = Admission { tokens: vec![token], ..Admission::default() };
    gate.set_source(RuleSource { file: None, admission });
    assert_eq!(status(&gate, None, "10.0.0.1", Need::Write), 401);
    assert_eq!(status(&gate, Some("Bearer 0123456789abcdef"), "10.0.0.1", Need::Write), 200);
    gate.set_source(RuleSource::default());
    assert_eq!(status(&gate, None, "10.0.0.1", Need::Write), 200);
}

#[test]
fn an_unreadable_certificate_serves_nothing_and_a_wrong_one_stops_us() {
    let folder = Folder::new("broken");
    let gate = folder.gate("tls_server_config: {cert_file: none.pem, key_file: none.pem}").unwrap();
    let why = smol::block_on(gate.tls()).unwrap().unwrap_err();
    assert!(why.contains("none.pem"), "{why}");
    let wrong = folder
        .gate("tls_server_config: {cert_file: a}\nbasic_auth_users: {a: hunter2}")
        .unwrap_err();
    let told = wrong.to_string();
    assert!(told.contains("missing key_file") && told.contains("expected a hash"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    let missing =
        RuleSource { file: Some("/nowhere/web.yml".into()), admission: Admission::default() };
    assert!(matches!(Gate::new(missing, b"random"), Err(AdmissionError::Unreadable(..))));
}

#[test]
fn a_file_of_a_certificate_has_so_many_bytes_and_no_more() {
    let folder = Folder::new("large");
    for (bytes, is_read) in [(TLS_FILE_BYTES_MAX, true), (TLS_FILE_BYTES_MAX + 1, false)] {
        folder.write("cert.pem", &"x".repeat(bytes));
        folder.write("key.pem", "x");
        let gate = folder.gate("tls_server_config: {cert_file: cert.pem, key_file: key.pem}");
        let why = smol::block_on(gate.unwrap().tls()).unwrap().unwrap_err();
        assert_eq!(why.contains("it is larger than 524288 bytes"), !is_read, "{why}");
    }
}
