//! Version 4 of AWS's signatures.

use std::fmt::Write as _;

use ring::{digest, hmac};

use crate::model::Url;
use crate::notify::text::hex;
use crate::time::Wall;

/// Whose request it is.
pub(super) struct Credentials<'a> {
    pub(super) access_key: &'a str,
    pub(super) secret_key: &'a str,
    /// Empty unless they pass.
    pub(super) session_token: &'a str,
}

/// The parts that are signed, besides the content type, which is a form's.
pub(super) struct Signed<'a> {
    pub(super) url: &'a Url,
    pub(super) body: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// The headers of a signed `POST`, in order.
pub(super) fn headers(
    signed: &Signed<'_>,
    credentials: &Credentials<'_>,
    now: Wall,
) -> Vec<(&'static str, String)> {
    let time = compact(now);
    let date = time.get(..8).unwrap_or_default();
    let (path, query) = signed.url.path().split_once('?').unwrap_or((signed.url.path(), ""));
    let host = signed.url.authority();
    let mut lines = format!("content-type:{FORM}\nhost:{host}\nx-amz-date:{time}\n");
    let mut names = "content-type;host;x-amz-date".to_owned();
    let mut headers = vec![("Content-Type", FORM.to_owned()), ("X-Amz-Date", time.clone())];
    if !credentials.session_token.is_empty() {
        let token = credentials.session_token;
        // Writing to a String cannot fail.
        writeln!(lines, "x-amz-security-token:{token}").ok();
        names.push_str(";x-amz-security-token");
        headers.push(("X-Amz-Security-Token", token.to_owned()));
    }
    let request =
        format!("POST\n{path}\n{query}\n{lines}\n{names}\n{}", sha256(signed.body.as_bytes()));
    let scope = format!("{date}/{}/{}/aws4_request", signed.region, signed.service);
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(request.as_bytes()));
    let mut key = format!("AWS4{}", credentials.secret_key).into_bytes();
    for part in [date, signed.region, signed.service, "aws4_request"] {
        key = mac(&key, part);
    }
    let signature = hex(&mac(&key, &text));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key
    );
    headers.push(("Authorization", authorization));
    headers
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// `20231114T221320Z`
fn compact(now: Wall) -> String {
    let secs = now.as_ns().div_euclid(1_000_000_000);
    let text = Wall::from_secs(secs).to_string();
    text.chars().filter(|c| !matches!(c, '-' | ':')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_as_an_independent_implementation_makes_it() {
        let url = Url::parse("https://sns.eu-central-1.amazonaws.com/").unwrap();
        let signed = Signed {
            url: &url,
            body: "Action=Publish&Message=a%20b",
            region: "eu-central-1",
            service: "sns",
        };
        let credentials =
            Credentials { access_key: "AKID", secret_key: "secret", session_token: "token" };
        let headers = headers(&signed, &credentials, Wall::from_secs(1_700_000_000));
        assert_eq!(headers[1], ("X-Amz-Date", "20231114T221320Z".to_owned()));
        assert_eq!(
            headers[3].1,
            "AWS4-HMAC-SHA256 Credential=AKID/20231114/eu-central-1/sns/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
             Signature=e074a474f376530f2d80828fa5600d030eea6fc2631d47603a4141576cb3ce1d"
        );
    }
}
