//! Answers of a mail server: the same in any pieces; nothing of it becomes a command.

use bellwether::model::MailAddress;
use bellwether::wire::smtp::{Dialogue, Login, Next, Plan};

use crate::input::{Input, in_pieces};

const COMMANDS: [&str; 7] =
    ["EHLO gw", "HELO gw", "STARTTLS", "AUTH ", "MAIL FROM:<a@x>", "RCPT TO:<b@y>", "DATA"];

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let choices = input.byte();
    in_pieces(input.rest(), |pieces| {
        let address = |text| MailAddress::parse(text).unwrap();
        let login = Login {
            username: "me".to_owned(),
            password: Some("p".to_owned()),
            secret: (choices & 8 == 8).then(|| "s".to_owned()),
            ..Login::default()
        };
        let mut dialogue = Dialogue::new(Plan {
            hello: "gw".to_owned(),
            server: "mail".to_owned(),
            encrypted: choices & 1 == 1,
            require_tls: choices & 2 == 2,
            is_local: choices & 4 == 4,
            login: Some(login),
            from: address("a@x"),
            to: vec![address("b@y")],
            message: b"Subject: x\r\n\r\n.\r\n".to_vec(),
        });
        let mut sent = Vec::new();
        for piece in pieces {
            match dialogue.next() {
                Next::Input => dialogue.handle_input(piece),
                // Bytes before the handshake are not for the dialogue.
                Next::Encryption => break,
                Next::End(_) => break,
            }
            sent.extend(dialogue.take_output());
        }
        let said = String::from_utf8(sent).unwrap();
        let is_answer =
            |line: &str| line.bytes().all(|c| c.is_ascii_alphanumeric() || b"+/=*".contains(&c));
        let mail = ["Subject: x", "", "..", ".", "QUIT"];
        for line in said.split("\r\n") {
            let is_known = COMMANDS.iter().any(|it| line.starts_with(it))
                || mail.contains(&line)
                || is_answer(line);
            assert!(is_known, "{line:?}");
        }
        let end = dialogue.next();
        if end == Next::End(Ok(())) {
            assert!(said.ends_with(".\r\nQUIT\r\n"), "{said:?}");
        }
        // In one piece with what follows STARTTLS, that was said too early.
        if said.contains("STARTTLS") { None } else { Some((said, end)) }
    });
}
