//! Sending one mail over SMTP (RFC 5321), without the socket: bytes in, bytes out.
//!
//! A [`Dialogue`] says in [`Dialogue::next`] what it waits for. The caller sends [`Dialogue::take_output`], then reads and
//! calls [`Dialogue::handle_input`], or puts TLS around the connection and calls [`Dialogue::handle_encrypted`]. Each
//! command waits for its reply, and a reply is bounded, so an endless one ends the dialogue.
//!
//! ```text
//! greeting -> EHLO -> [STARTTLS -> EHLO] -> [AUTH] -> MAIL -> RCPT ... -> DATA -> the mail -> QUIT
//! ```
//!
//! Everything that goes into a command was checked before: see [`MailAddress`] and [`check_domain`](crate::model::mail::check_domain).

mod auth;
mod reply;

use std::fmt;

pub use auth::Login;
pub use reply::SmtpReply;

use crate::limits::SMTP_REPLY_BYTES_MAX;
use crate::model::MailAddress;
use auth::Exchange;

/// The mail to send, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Our name in EHLO; checked by [`check_domain`](crate::model::mail::check_domain).
    pub hello: String,
    /// The server's name, for messages.
    pub server: String,
    /// Whether the connection is encrypted from the beginning.
    pub encrypted: bool,
    /// Whether nothing is said without TLS.
    pub require_tls: bool,
    /// Whether the server is on this machine: what is said to it cannot be overheard.
    pub is_local: bool,
    /// The credentials, if the server asks for them.
    pub login: Option<Login>,
    /// The sender.
    pub from: MailAddress,
    /// The recipients; one at least.
    pub to: Vec<MailAddress>,
    /// The mail, with CR LF at the end of each line, not stuffed.
    pub message: Vec<u8>,
}

/// The state of a dialogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Bytes of the server.
    Input,
    /// TLS around the connection.
    Encryption,
    /// Nothing: the mail was taken, or not. A goodbye may be in the output.
    End(Result<(), MailError>),
}

/// A mail was not sent. If the dialogue ended after its text, the server may have accepted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailError {
    /// The server refused a command: which, and what it said.
    Refused(String, SmtpReply),
    /// The server's bytes are no reply.
    Reply(reply::ReplyError),
    /// The server offers no STARTTLS, and TLS is required.
    NoTls(String),
    /// The server spoke before the connection was encrypted: somebody between may have put that there.
    Injected,
    /// The server accepts none of the ways to log in that the configuration has what it takes for.
    NoMechanism(String),
    /// A password would go over a connection that can be overheard.
    Overheard(&'static str),
    /// A recipient's or the sender's address has characters beyond ASCII, which this server does not take.
    NotAscii(String),
}

impl MailError {
    /// Whether the server has refused the login itself (RFC 4954: 535).
    pub fn is_login(&self) -> bool {
        matches!(self, Self::Refused(command, SmtpReply { code: 535, .. }) if command.starts_with("AUTH "))
    }
}

impl From<reply::ReplyError> for MailError {
    fn from(error: reply::ReplyError) -> Self {
        Self::Reply(error)
    }
}

impl fmt::Display for MailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(command, reply) => write!(f, "{command}: the server answered {reply}"),
            Self::Reply(error) => error.fmt(f),
            Self::NoTls(server) => {
                write!(f, "require_tls is true (default) but {server} does not offer STARTTLS")
            }
            Self::Injected => f.write_str("the server spoke between STARTTLS and the handshake"),
            Self::NoMechanism(offered) => write!(
                f,
                "no way to log in: the server offers {offered:?}; PLAIN and LOGIN need auth_password, CRAM-MD5 needs \
                 auth_secret, XOAUTH2 needs auth_token or auth_oauth2"
            ),
            Self::Overheard(mechanism) => write!(
                f,
                "AUTH {mechanism} would tell the password on an unencrypted connection: set require_tls"
            ),
            Self::NotAscii(address) => {
                write!(f, "the server does not take addresses beyond ASCII: {address:?}")
            }
        }
    }
}

/// Where a dialogue is: what the next reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Handshake,
    Auth,
    Mail,
    /// The recipient of this number.
    Rcpt(usize),
    Data,
    Message,
    Over,
}

/// One mail on its way to a server.
#[derive(Debug)]
pub struct Dialogue {
    plan: Plan,
    state: State,
    encrypted: bool,
    /// The extensions of the server: the lines of its answer to EHLO.
    offers: Vec<String>,
    exchange: Option<Exchange>,
    input: Vec<u8>,
    output: Vec<u8>,
    end: Option<Result<(), MailError>>,
}

impl Dialogue {
    /// A dialogue on a connection that was just opened.
    pub fn new(plan: Plan) -> Self {
        Self {
            encrypted: plan.encrypted,
            plan,
            state: State::Greeting,
            offers: Vec::new(),
            exchange: None,
            input: Vec::new(),
            output: Vec::new(),
            end: None,
        }
    }

    /// The expected reply.
    pub fn next(&self) -> Next {
        match (&self.end, self.state) {
            (Some(end), _) => Next::End(end.clone()),
            (None, State::Handshake) => Next::Encryption,
            (None, _) => Next::Input,
        }
    }

    /// The bytes to send now.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Takes bytes of the server.
    pub fn handle_input(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while self.end.is_none() && self.state != State::Handshake {
            match SmtpReply::read(&self.input) {
                Ok(Some((reply, length))) => {
                    self.input.drain(..length);
                    if let Err(error) = self.handle_reply(reply) {
                        self.fail(error);
                    }
                }
                Ok(None) if self.input.len() > SMTP_REPLY_BYTES_MAX => {
                    self.fail(reply::ReplyError::TooLong.into());
                }
                Ok(None) => return,
                Err(error) => self.fail(error.into()),
            }
        }
        if self.state == State::Handshake && !self.input.is_empty() {
            self.fail(MailError::Injected);
        }
    }

    /// TLS is around the connection now.
    pub fn handle_encrypted(&mut self) {
        self.encrypted = true;
        self.say_ehlo();
    }

    /// The step of the dialogue, in the words of errors.
    pub fn doing(&self) -> &'static str {
        match self.state {
            State::Greeting => "waiting for the greeting",
            State::Ehlo => "EHLO",
            State::Helo => "HELO",
            State::StartTls | State::Handshake => "STARTTLS",
            State::Auth => "AUTH",
            State::Mail => "MAIL FROM",
            State::Rcpt(_) => "RCPT TO",
            State::Data => "DATA",
            State::Message => "sending the mail",
            State::Over => "QUIT",
        }
    }

    fn handle_reply(&mut self, reply: SmtpReply) -> Result<(), MailError> {
        match self.state {
            State::Greeting if reply.code == 220 => self.say_ehlo(),
            State::Ehlo if reply.is_success() => {
                self.offers = reply.lines.into_iter().skip(1).collect();
                self.begin()?;
            }
            // A server that knows no EHLO.
            State::Ehlo if matches!(reply.code, 500..=504) && !self.encrypted => {
                self.say(State::Helo, &format!("HELO {}", self.plan.hello));
            }
            State::Helo if reply.is_success() => self.begin()?,
            State::StartTls if reply.code == 220 => self.state = State::Handshake,
            State::Auth if reply.code == 334 => {
                let answer = self.exchange.as_mut().map(|it| it.answer(&reply.text()));
                self.say(State::Auth, &answer.unwrap_or_default());
            }
            State::Auth if reply.code == 235 => self.say_mail()?,
            State::Mail if reply.is_success() => self.say_rcpt(0),
            State::Rcpt(at) if reply.is_success() => self.say_rcpt(at + 1),
            State::Data if reply.code == 354 => {
                self.output.extend(stuffed(&self.plan.message));
                self.state = State::Message;
            }
            State::Message if reply.is_success() => {
                self.say(State::Over, "QUIT");
                self.end = Some(Ok(()));
            }
            state => {
                let what = match state {
                    State::Rcpt(at) => format!(
                        "RCPT TO {}",
                        self.plan.to.get(at).map(MailAddress::as_str).unwrap_or_default()
                    ),
                    State::Auth => {
                        format!("AUTH {}", self.exchange.as_ref().map_or("", Exchange::name))
                    }
                    _ => self.doing().to_owned(),
                };
                let said = self.exchange.as_mut().and_then(Exchange::take_said);
                let reply =
                    SmtpReply { lines: reply.lines.into_iter().chain(said).collect(), ..reply };
                return Err(MailError::Refused(what, reply));
            }
        }
        Ok(())
    }

    /// The server has told what it offers: goes on to TLS, to logging in or to the mail.
    fn begin(&mut self) -> Result<(), MailError> {
        if self.plan.require_tls && !self.encrypted {
            if self.offer("STARTTLS").is_none() {
                return Err(MailError::NoTls(self.plan.server.clone()));
            }
            self.say(State::StartTls, "STARTTLS");
            return Ok(());
        }
        let Some((login, offered)) = self.plan.login.as_ref().zip(self.offer("AUTH")) else {
            return self.say_mail();
        };
        let Some(exchange) = login.choose(offered) else {
            return Err(MailError::NoMechanism(offered.to_owned()));
        };
        if exchange.can_be_overheard() && !self.encrypted && !self.plan.is_local {
            return Err(MailError::Overheard(exchange.name()));
        }
        let command = exchange.command();
        self.exchange = Some(exchange);
        self.say(State::Auth, &command);
        Ok(())
    }

    /// The parameters of an extension that the server offers.
    fn offer(&self, name: &str) -> Option<&str> {
        self.offers.iter().find_map(|line| {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            word.eq_ignore_ascii_case(name).then_some(rest)
        })
    }

    fn say_ehlo(&mut self) {
        self.offers.clear();
        self.say(State::Ehlo, &format!("EHLO {}", self.plan.hello));
    }

    fn say_mail(&mut self) -> Result<(), MailError> {
        self.exchange = None;
        let is_beyond = |path: &&MailAddress| !path.as_str().is_ascii();
        let beyond = self.plan.to.iter().chain([&self.plan.from]).find(is_beyond);
        let utf8 = match beyond {
            None => "",
            Some(_) if self.offer("SMTPUTF8").is_some() => " SMTPUTF8",
            Some(path) => return Err(MailError::NotAscii(path.as_str().to_owned())),
        };
        self.say(State::Mail, &format!("MAIL FROM:<{}>{utf8}", self.plan.from.as_str()));
        Ok(())
    }

    fn say_rcpt(&mut self, at: usize) {
        match self.plan.to.get(at) {
            Some(path) => self.say(State::Rcpt(at), &format!("RCPT TO:<{}>", path.as_str())),
            None => self.say(State::Data, "DATA"),
        }
    }

    fn say(&mut self, state: State, line: &str) {
        self.state = state;
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    fn fail(&mut self, error: MailError) {
        if self.state != State::Handshake {
            self.say(State::Over, "QUIT");
        }
        self.end = Some(Err(error));
    }
}

/// The mail as it goes over the line: a dot more before each line that begins with one, and the line that ends it.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 8);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests;
