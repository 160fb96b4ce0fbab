//! Logging in: PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195) and XOAUTH2 (Google, Microsoft).

use std::fmt;

use crate::model::base64;

/// The credentials. The server's list decides which are used.
#[derive(Clone, Default)]
pub struct Login {
    /// The user.
    pub username: String,
    /// For whom the user acts, with PLAIN; mostly nobody.
    pub identity: String,
    /// For PLAIN and LOGIN.
    pub password: Option<String>,
    /// For CRAM-MD5.
    pub secret: Option<String>,
    /// For XOAUTH2: an access token.
    pub token: Option<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl Login {
    /// The first mechanism of the server's list for which there is what it takes.
    pub(super) fn choose(&self, offered: &str) -> Option<Exchange> {
        let mut offered = offered.split_ascii_whitespace();
        offered.find_map(|name| {
            let upper = name.to_ascii_uppercase();
            let (name, secret) = match upper.as_str() {
                "PLAIN" => ("PLAIN", &self.password),
                "LOGIN" => ("LOGIN", &self.password),
                "CRAM-MD5" => ("CRAM-MD5", &self.secret),
                "XOAUTH2" => ("XOAUTH2", &self.token),
                _ => return None,
            };
            let (secret, username) = (secret.clone()?, self.username.clone());
            let identity = self.identity.clone();
            Some(Exchange { name, username, identity, secret, answers: 0, said: None })
        })
    }
}

/// One mechanism at work.
pub(super) struct Exchange {
    name: &'static str,
    username: String,
    identity: String,
    secret: String,
    answers: u32,
    /// The server's words about a refused token.
    said: Option<String>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Exchange {
    /// The mechanism.
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether an eavesdropper learns the credentials. As with Alertmanager, LOGIN is let pass: servers in
    /// local networks that offer nothing else need it.
    pub(super) fn can_be_overheard(&self) -> bool {
        matches!(self.name, "PLAIN" | "XOAUTH2")
    }

    /// The command that begins it.
    pub(super) fn command(&self) -> String {
        match self.name {
            "PLAIN" => {
                let text = format!("{}\0{}\0{}", self.identity, self.username, self.secret);
                format!("AUTH PLAIN {}", base64::encode(text.as_bytes()))
            }
            "XOAUTH2" => {
                let text = format!("user={}\x01auth=Bearer {}\x01\x01", self.username, self.secret);
                format!("AUTH XOAUTH2 {}", base64::encode(text.as_bytes()))
            }
            name => format!("AUTH {name}"),
        }
    }

    /// The answer to a challenge. A challenge too many is answered with `*`, which cancels.
    pub(super) fn answer(&mut self, challenge: &str) -> String {
        self.answers += 1;
        match (self.name, self.answers) {
            ("LOGIN", 1) => base64::encode(self.username.as_bytes()),
            ("LOGIN", 2) => base64::encode(self.secret.as_bytes()),
            ("CRAM-MD5", 1) => {
                let Some(challenge) = base64::decode(challenge.trim()) else {
                    return "*".to_owned();
                };
                let digest = hmac_md5(self.secret.as_bytes(), &challenge);
                base64::encode(format!("{} {digest}", self.username).as_bytes())
            }
            // The challenge says in JSON what is wrong with the token; the refusal itself follows.
            ("XOAUTH2", 1) => {
                let said = base64::decode(challenge.trim()).unwrap_or_default();
                let said = String::from_utf8_lossy(&said);
                self.said = Some(said.replace(|c: char| c.is_control(), " "));
                String::new()
            }
            _ => "*".to_owned(),
        }
    }

    /// The server's words besides its reply.
    pub(super) fn take_said(&mut self) -> Option<String> {
        self.said.take()
    }
}

/// RFC 2104 over MD5, in hexadecimal digits.
fn hmac_md5(key: &[u8], text: &[u8]) -> String {
    let mut block = [0; 64];
    let digest;
    let key = if key.len() > block.len() {
        digest = md5::compute(key).0;
        &digest
    } else {
        key
    };
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    // Slices alone: for each type of bytes there would be the whole of MD5 once more.
    let mut inner = md5::Context::new();
    inner.consume(&block.map(|byte| byte ^ 0x36)[..]);
    inner.consume(text);
    let mut outer = md5::Context::new();
    outer.consume(&block.map(|byte| byte ^ 0x5C)[..]);
    outer.consume(&inner.finalize().0[..]);
    format!("{:x}", outer.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_md5_gives_the_digests_of_the_standards() {
        // RFC 2195, section 3; RFC 2202, section 2.
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        assert_eq!(hmac_md5(b"tanstaaftanstaaf", challenge), "b913a602c7eda7a495b4e6e7334d3890");
        assert_eq!(
            hmac_md5(&[0xAA; 80], b"Test Using Larger Than Block-Size Key - Hash Key First"),
            "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"
        );
    }

    fn login() -> Login {
        Login {
            username: "u".into(),
            identity: String::new(),
            password: Some("p".into()),
            secret: Some("s".into()),
            token: None,
        }
    }

    #[test]
    fn the_servers_order_decides_among_what_there_is_a_secret_for() {
        let chosen = |login: &Login, offered: &str| login.choose(offered).map(|it| it.name());
        assert_eq!(chosen(&login(), "XOAUTH2 LOGIN PLAIN"), Some("LOGIN"));
        assert_eq!(chosen(&login(), "cram-md5 plain"), Some("CRAM-MD5"));
        assert_eq!(chosen(&login(), "GSSAPI DIGEST-MD5"), None);
        let token = Login { token: Some("t".into()), password: None, secret: None, ..login() };
        assert_eq!(chosen(&token, "LOGIN PLAIN XOAUTH2"), Some("XOAUTH2"));
    }

    #[test]
    fn each_mechanism_says_what_its_standard_wants() {
        let plain = login().choose("PLAIN").unwrap();
        assert_eq!(plain.command(), format!("AUTH PLAIN {}", base64::encode(b"\0u\0p")));
        let mut it = login().choose("LOGIN").unwrap();
        assert_eq!(it.command(), "AUTH LOGIN");
        assert_eq!(it.answer("VXNlcm5hbWU6"), base64::encode(b"u"));
        assert_eq!(it.answer("UGFzc3dvcmQ6"), base64::encode(b"p"));
        assert_eq!(it.answer(""), "*");
        let mut it = login().choose("CRAM-MD5").unwrap();
        assert_eq!(it.answer("not base64!"), "*");
        let token = Login { token: Some("t".into()), ..Login::default() };
        let mut it = Login { username: "u@x".into(), ..token }.choose("XOAUTH2").unwrap();
        assert_eq!(
            it.command(),
            format!("AUTH XOAUTH2 {}", base64::encode(b"user=u@x\x01auth=Bearer t\x01\x01"))
        );
        assert_eq!(it.answer(&base64::encode(br#"{"status":"400"}"#)), "");
        assert_eq!(it.take_said().as_deref(), Some(r#"{"status":"400"}"#));
    }

    #[test]
    fn nothing_shows_what_is_logged_in_with() {
        let shown = format!("{:?} {:?}", login(), login().choose("PLAIN"));
        assert_eq!(shown, "<secret> Some(PLAIN)");
    }
}
