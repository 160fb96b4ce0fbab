use super::*;

fn plan() -> Plan {
    Plan {
        hello: "gw.example".into(),
        server: "mail.example:25".into(),
        encrypted: false,
        require_tls: false,
        is_local: false,
        login: None,
        from: path("from@a.example"),
        to: vec![path("to@b.example")],
        message: b"Subject: s\r\n\r\nhi\r\n".to_vec(),
    }
}

fn path(text: &str) -> MailAddress {
    MailAddress::parse(text).unwrap()
}

fn login() -> Login {
    Login { username: "u".into(), password: Some("p".into()), ..Login::default() }
}

/// Plays a server: each pair is what it says and what it then hears.
fn play(plan: Plan, script: &[(&str, &str)]) -> Dialogue {
    let mut it = Dialogue::new(plan);
    for (says, hears) in script {
        if *says == "(tls)" {
            assert_eq!(it.next(), Next::Encryption);
            it.handle_encrypted();
        } else {
            it.handle_input(says.as_bytes());
        }
        assert_eq!(String::from_utf8(it.take_output()).unwrap(), *hears, "after {says:?}");
    }
    it
}

const TAKEN: [(&str, &str); 6] = [
    ("220 hi\r\n", "EHLO gw.example\r\n"),
    ("250-mail\r\n250 SIZE 1000\r\n", "MAIL FROM:<from@a.example>\r\n"),
    ("250 ok\r\n", "RCPT TO:<to@b.example>\r\n"),
    ("250 ok\r\n", "DATA\r\n"),
    ("354 go\r\n", "Subject: s\r\n\r\nhi\r\n.\r\n"),
    ("250 queued\r\n", "QUIT\r\n"),
];

#[test]
fn a_mail_is_sent() {
    assert_eq!(play(plan(), &TAKEN).next(), Next::End(Ok(())));
}

#[test]
fn replies_may_come_in_any_pieces() {
    let mut it = Dialogue::new(plan());
    let mut heard = Vec::new();
    for (says, _) in TAKEN {
        for byte in says.as_bytes() {
            it.handle_input(&[*byte]);
            heard.extend(it.take_output());
        }
    }
    let expected: String = TAKEN.iter().map(|(_, hears)| *hears).collect();
    assert_eq!(String::from_utf8(heard).unwrap(), expected);
    assert_eq!(it.next(), Next::End(Ok(())));
}

#[test]
fn starttls_forgets_what_was_offered_before() {
    let plan = Plan { require_tls: true, login: Some(login()), ..plan() };
    let it = play(
        plan,
        &[
            ("220 hi\r\n", "EHLO gw.example\r\n"),
            ("250-mail\r\n250-AUTH LOGIN\r\n250 starttls\r\n", "STARTTLS\r\n"),
            ("220 go\r\n", ""),
            ("(tls)", "EHLO gw.example\r\n"),
            ("250-mail\r\n250 AUTH PLAIN\r\n", "AUTH PLAIN AHUAcA==\r\n"),
            ("235 welcome\r\n", "MAIL FROM:<from@a.example>\r\n"),
        ],
    );
    assert_eq!(it.next(), Next::Input);
}

#[test]
fn a_password_may_have_a_line_break() {
    let password = Some("multiline\nmysecret".to_owned());
    let plan = Plan { is_local: true, login: Some(Login { password, ..login() }), ..plan() };
    play(
        plan,
        &[
            ("220 hi\r\n", "EHLO gw.example\r\n"),
            ("250-mail\r\n250 AUTH PLAIN\r\n", "AUTH PLAIN AHUAbXVsdGlsaW5lCm15c2VjcmV0\r\n"),
        ],
    );
}

#[test]
fn without_tls_nothing_is_said_where_it_is_required() {
    let plan = Plan { require_tls: true, login: Some(login()), ..plan() };
    let it = play(
        plan,
        &[("220 hi\r\n", "EHLO gw.example\r\n"), ("250-mail\r\n250 AUTH PLAIN\r\n", "QUIT\r\n")],
    );
    assert_eq!(it.next(), Next::End(Err(MailError::NoTls("mail.example:25".into()))));
}

#[test]
fn an_offer_before_the_handshake_does_not_count() {
    let plan = Plan { require_tls: true, ..plan() };
    let it = play(
        plan,
        &[
            ("220 hi\r\n", "EHLO gw.example\r\n"),
            ("250-mail\r\n250 STARTTLS\r\n", "STARTTLS\r\n"),
            ("220 go\r\n250-mail\r\n250 AUTH PLAIN\r\n", ""),
        ],
    );
    assert_eq!(it.next(), Next::End(Err(MailError::Injected)));
}

#[test]
fn login_and_cram_md5_answer_their_challenges() {
    let begin = ("220 hi\r\n", "EHLO gw.example\r\n");
    play(
        Plan { login: Some(login()), ..plan() },
        &[
            begin,
            ("250-mail\r\n250 AUTH LOGIN\r\n", "AUTH LOGIN\r\n"),
            ("334 VXNlcm5hbWU6\r\n", "dQ==\r\n"),
            ("334 UGFzc3dvcmQ6\r\n", "cA==\r\n"),
            ("235 ok\r\n", "MAIL FROM:<from@a.example>\r\n"),
        ],
    );
    // RFC 2195, section 2.
    let tim = Login {
        username: "tim".into(),
        secret: Some("tanstaaftanstaaf".into()),
        ..Login::default()
    };
    play(
        Plan { login: Some(tim), ..plan() },
        &[
            begin,
            ("250-mail\r\n250 AUTH CRAM-MD5\r\n", "AUTH CRAM-MD5\r\n"),
            (
                "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n",
                "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n",
            ),
            ("235 ok\r\n", "MAIL FROM:<from@a.example>\r\n"),
        ],
    );
}

#[test]
fn a_token_that_is_refused_says_why_and_not_which() {
    let token = Login { username: "u".into(), token: Some("tok".into()), ..Login::default() };
    let plan = Plan { encrypted: true, login: Some(token), ..plan() };
    let it = play(
        plan,
        &[
            ("220 hi\r\n", "EHLO gw.example\r\n"),
            (
                "250-mail\r\n250 AUTH XOAUTH2\r\n",
                "AUTH XOAUTH2 dXNlcj11AWF1dGg9QmVhcmVyIHRvawEB\r\n",
            ),
            ("334 eyJzdGF0dXMiOiI0MDEifQ==\r\n", "\r\n"),
            ("535 no\r\n", "QUIT\r\n"),
        ],
    );
    let Next::End(Err(error)) = it.next() else { panic!("it goes on") };
    assert_eq!(error.to_string(), r#"AUTH XOAUTH2: the server answered 535 no {"status":"401"}"#);
}

#[test]
fn a_password_is_not_told_where_it_can_be_overheard() {
    let begin = ("220 hi\r\n", "EHLO gw.example\r\n");
    let open = Plan { login: Some(login()), ..plan() };
    let it = play(open.clone(), &[begin, ("250-m\r\n250 AUTH PLAIN\r\n", "QUIT\r\n")]);
    assert_eq!(it.next(), Next::End(Err(MailError::Overheard("PLAIN"))));
    let local = Plan { is_local: true, ..open.clone() };
    play(local, &[begin, ("250-m\r\n250 AUTH PLAIN\r\n", "AUTH PLAIN AHUAcA==\r\n")]);
    // No mechanism, and no offer at all.
    let it = play(open.clone(), &[begin, ("250-m\r\n250 AUTH GSSAPI\r\n", "QUIT\r\n")]);
    assert_eq!(it.next(), Next::End(Err(MailError::NoMechanism("GSSAPI".into()))));
    play(open, &[begin, ("250 m\r\n", "MAIL FROM:<from@a.example>\r\n")]);
}

#[test]
fn a_refusal_names_the_command_and_ends_the_dialogue() {
    let two = Plan { to: vec![path("a@x"), path("b@x")], ..plan() };
    let it = play(
        two,
        &[
            ("220 hi\r\n", "EHLO gw.example\r\n"),
            ("250 mail\r\n", "MAIL FROM:<from@a.example>\r\n"),
            ("250 ok\r\n", "RCPT TO:<a@x>\r\n"),
            ("250 ok\r\n", "RCPT TO:<b@x>\r\n"),
            ("550-5.1.1 nobody\r\n550 5.1.1 here\r\n", "QUIT\r\n"),
        ],
    );
    let Next::End(Err(error)) = it.next() else { panic!("it goes on") };
    assert_eq!(error.to_string(), "RCPT TO b@x: the server answered 550 5.1.1 nobody 5.1.1 here");
    for (says, code) in [("421 busy\r\n", "421"), ("554 no\r\n", "554"), ("354 what\r\n", "354")] {
        let it = play(plan(), &[(says, "QUIT\r\n")]);
        let Next::End(Err(error)) = it.next() else { panic!("it goes on") };
        assert!(error.to_string().contains(code), "{error}");
    }
}

#[test]
fn a_server_that_knows_no_ehlo_is_greeted_with_helo() {
    play(
        plan(),
        &[
            ("220 hi\r\n", "EHLO gw.example\r\n"),
            ("502 what?\r\n", "HELO gw.example\r\n"),
            ("250 mail\r\n", "MAIL FROM:<from@a.example>\r\n"),
        ],
    );
}

#[test]
fn addresses_beyond_ascii_need_a_server_that_takes_them() {
    let plan = Plan { to: vec![path("jörg@b.example")], ..plan() };
    let begin = ("220 hi\r\n", "EHLO gw.example\r\n");
    let it = play(plan.clone(), &[begin, ("250 mail\r\n", "QUIT\r\n")]);
    assert_eq!(it.next(), Next::End(Err(MailError::NotAscii("jörg@b.example".into()))));
    play(
        plan,
        &[
            begin,
            ("250-mail\r\n250 SMTPUTF8\r\n", "MAIL FROM:<from@a.example> SMTPUTF8\r\n"),
            ("250 ok\r\n", "RCPT TO:<jörg@b.example>\r\n"),
        ],
    );
}

#[test]
fn an_endless_line_and_an_endless_reply_end_the_dialogue() {
    let mut it = Dialogue::new(plan());
    let mut sent = 0;
    while it.next() == Next::Input {
        it.handle_input(&[b'2'; 100]);
        sent += 100;
        assert!(sent < 2 * SMTP_REPLY_BYTES_MAX, "it reads without an end");
    }
    assert_eq!(it.next(), Next::End(Err(MailError::Reply(reply::ReplyError::TooLong))));
    let mut it = Dialogue::new(plan());
    for _ in 0..=SMTP_REPLY_BYTES_MAX / 8 {
        it.handle_input(b"220-on\r\n");
    }
    assert_eq!(it.next(), Next::End(Err(MailError::Reply(reply::ReplyError::TooLong))));
}

#[test]
fn lines_that_begin_with_a_dot_do_not_end_the_mail() {
    assert_eq!(stuffed(b"a\r\n.\r\n..b\r\n"), b"a\r\n..\r\n...b\r\n.\r\n");
    assert_eq!(stuffed(b"no end"), b"no end\r\n.\r\n");
    assert_eq!(stuffed(b""), b".\r\n");
}

proptest::proptest! {
    #[test]
    fn no_server_makes_it_panic(pieces: Vec<Vec<u8>>, lines in proptest::collection::vec("[2-5][0-9]{2}[ -].{0,9}", 0..20)) {
        let mut it = Dialogue::new(Plan { require_tls: true, login: Some(login()), ..plan() });
        for piece in pieces.iter().map(Vec::as_slice).chain(lines.iter().map(String::as_bytes)) {
            it.handle_input(piece);
            it.handle_input(b"\r\n");
            if it.next() == Next::Encryption {
                it.handle_encrypted();
            }
        }
    }
}
