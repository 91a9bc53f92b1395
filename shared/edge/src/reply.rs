//! What the caller is answered.

use lambda_http::{
    Body, Response,
    http::{
        HeaderValue,
        header::{HeaderName, RETRY_AFTER},
    },
};
use serde::Serialize;
use store::Fault;

use crate::problem::{Failure, Invalid, Problem};

/// An answer in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    status: u16,
    body: Vec<u8>,
    etag: Option<String>,
}

/// Sent with every answer (OWASP REST Security Cheat Sheet).
const HEADERS: &[(&str, &str)] = &[
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("strict-transport-security", "max-age=63072000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "ETag, Retry-After"),
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProblemBody<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Invalid],
}

impl Reply {
    /// 200 with `body`.
    ///
    /// # Errors
    /// When `body` has no JSON form, which is a mistake in our types.
    pub fn ok(body: &impl Serialize) -> Result<Self, Failure> {
        Self::json(200, body)
    }

    /// 201 with `body`.
    ///
    /// # Errors
    /// See [`Reply::ok`].
    pub fn created(body: &impl Serialize) -> Result<Self, Failure> {
        Self::json(201, body)
    }

    /// 202 with `body`.
    ///
    /// # Errors
    /// See [`Reply::ok`].
    pub fn accepted(body: &impl Serialize) -> Result<Self, Failure> {
        Self::json(202, body)
    }

    /// 204.
    #[must_use]
    pub fn no_content() -> Self {
        Self::raw(204, Vec::new())
    }

    fn json(status: u16, body: &impl Serialize) -> Result<Self, Failure> {
        let body = serde_json::to_vec(body).map_err(|_| Fault::Corrupt("reply"))?;
        Ok(Self::raw(status, body))
    }

    pub(crate) fn raw(status: u16, body: Vec<u8>) -> Self {
        Self { status, body, etag: None }
    }

    /// The same answer with an `ETag` (RFC 9110 8.8.3).
    #[must_use]
    pub fn etag(self, version: u32) -> Self {
        Self { etag: Some(format!("\"{version}\"")), ..self }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn problem(problem: &Problem, request_id: &str) -> Self {
        let body = ProblemBody {
            r#type: "about:blank",
            title: title(problem.status),
            status: problem.status,
            code: problem.code,
            detail: problem.detail,
            request_id,
            errors: &problem.errors,
        };
        Self::raw(problem.status, serde_json::to_vec(&body).unwrap_or_default())
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let problem = self.status >= 400;
        let mut response = Response::new(match self.body.is_empty() {
            true => Body::Empty,
            false => Body::Text(String::from_utf8(self.body).unwrap_or_default()),
        });
        *response.status_mut() = self.status.try_into().unwrap_or_default();
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let json = if problem { "application/problem+json" } else { "application/json" };
        if self.status != 204 {
            headers.insert("content-type", HeaderValue::from_static(json));
        }
        if self.status == 503 || self.status == 429 {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(etag) = self.etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
            headers.insert("etag", etag);
        }
        response
    }
}

/// The standard phrase of a status (RFC 9457 4.2.1).
fn title(status: u16) -> &'static str {
    lambda_http::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error")
}
