//! Redirects: where a request goes next, and which of its headers go there too.

use super::{Call, Client, Error, Header, Taken};
use crate::limits::REDIRECTS_MAX;
use crate::model::Url;
use crate::model::url::Scheme;
use crate::notify::HttpRequest;
use crate::wire::http1::HttpAnswer;

impl Client {
    /// Sends a request, and follows redirects if that is asked for.
    pub(super) async fn follow(
        &self,
        request: &HttpRequest,
        target: Url,
        headers: Vec<Header>,
        body: &str,
        taken: &Taken,
    ) -> Result<HttpAnswer, Error> {
        let http = &request.http;
        let (tls, proxy) = (&http.tls, &http.proxy);
        let body = (!body.is_empty() || request.method != "GET").then_some(body);
        let mut call = Call { method: request.method, target, headers, body, tls, proxy };
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.exchange(&call, taken).await?;
            let is_redirect = http.follow_redirects && answer.status / 100 == 3;
            let Some(location) = answer.location.as_ref().filter(|_| is_redirect) else {
                return Ok(answer);
            };
            let next = call.target.join(location).map_err(Error::Location)?;
            // As in Go a host is one whatever the port; what was said under TLS is not said in the clear.
            let is_downgrade =
                call.target.scheme() == Scheme::Https && next.scheme() == Scheme::Http;
            if next.host() != call.target.host() || is_downgrade {
                call.headers.retain(|header| !header.is_secret);
            }
            call.target = next;
            if !matches!(answer.status, 307 | 308) {
                // As Go does, and browsers: only these two repeat the body.
                (call.method, call.body) = ("GET", None);
                call.headers.retain(|header| !header.name.eq_ignore_ascii_case("content-type"));
            }
        }
        Err(Error::Redirects)
    }
}
