//! CORS: whether a page of another origin may use the API, as browsers ask and are told. The settings are in
//! [`Access`].

use crate::api::{Access, Request, Response};

/// The answer to a browser that asks before it sends: whether a page of this origin may.
pub(super) fn preflight(
    mut response: Response,
    access: &Access,
    methods: &[&str],
    request: &Request<'_>,
) -> Response {
    for header in ["Access-Control-Request-Method", "Access-Control-Request-Headers"] {
        response = response.with("Vary", header);
    }
    let method = request.cors_method.unwrap_or_default();
    let is_known = methods.contains(&method) || (method == "HEAD" && methods.contains(&"GET"));
    if !is_known || !access.allows_origin(request) {
        return response;
    }
    if let Some(headers) = request.cors_headers.filter(|headers| !headers.is_empty()) {
        response = response.with("Access-Control-Allow-Headers", headers.to_owned());
    }
    response.with("Access-Control-Allow-Methods", method.to_owned())
}

/// Lets a page of an allowed origin read the answer.
pub(super) fn allow(response: Response, access: &Access, request: &Request<'_>) -> Response {
    match request.origin {
        Some(origin) if access.allows_origin(request) => {
            response.with("Access-Control-Allow-Origin", origin.to_owned())
        }
        _ => response,
    }
}
