//! What the caller is answered.

use std::marker::PhantomData;

use domain::GrantId;
use lambda_http::{
    Body, Response,
    http::{
        HeaderValue,
        header::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use schemars::JsonSchema;
use serde::Serialize;
use store::{DataKey, Fault, Key, list::Page};

use crate::problem::{Failure, Invalid, Problem};

/// An answer with a body of type `T`, in JSON; its status is part of its type, so that the API
/// reference knows both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply<T, const STATUS: u16 = 200> {
    body: Vec<u8>,
    etag: Option<String>,
    of: PhantomData<fn() -> T>,
}

/// An answer as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
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
    ("access-control-expose-headers", "ETag, Retry-After, WWW-Authenticate"),
];

/// What went wrong (RFC 9457).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemBody<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Invalid],
    /// The grant in force that stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<GrantId>,
}

impl<T: Serialize, const STATUS: u16> Reply<T, STATUS> {
    /// An answer with `body`.
    ///
    /// # Errors
    /// When `body` has no JSON form, which is a mistake in our types.
    pub fn new(body: &T) -> Result<Self, Failure> {
        Ok(Self::raw(serde_json::to_vec(body).map_err(|_| Fault::Corrupt("reply"))?))
    }
}

impl Reply<(), 204> {
    /// Done, and nothing to tell.
    #[must_use]
    pub fn no_content() -> Self {
        Self::raw(Vec::new())
    }
}

impl<T, const STATUS: u16> Reply<T, STATUS> {
    pub(crate) fn raw(body: Vec<u8>) -> Self {
        Self { body, etag: None, of: PhantomData }
    }

    /// The same answer with an `ETag` (RFC 9110 8.8.3), which changes whenever the answer does.
    #[must_use]
    pub fn etag(self) -> Self {
        let digest = store::sha256_hex(&[&self.body]);
        Self { etag: Some(format!("\"{}\"", digest.get(..32).unwrap_or(&digest))), ..self }
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn answered(self) -> Answered {
        Answered { status: STATUS, body: self.body, etag: self.etag }
    }
}

impl Answered {
    pub(crate) fn problem(problem: &Problem, request_id: &str) -> Self {
        let body = ProblemBody {
            r#type: "about:blank",
            title: title(problem.status),
            status: problem.status,
            code: problem.code,
            detail: problem.detail,
            request_id,
            errors: &problem.errors,
            grant_id: problem.grant,
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        Self { status: problem.status, body, etag: None }
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
        if self.status == 401 {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
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

/// A page of a list, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "{T}Page")]
pub struct Listing<T> {
    /// What it shows.
    items: Vec<T>,
    /// Where the next page begins; absent on the last. A page may be short, or
    /// empty, and not be the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl<T> Listing<T> {
    /// The answer of a page. `list` names the list and its filters, to which the cursor is bound.
    ///
    /// # Errors
    /// When the cursor cannot be sealed.
    pub fn new(page: Page<T>, key: &DataKey, list: &Key) -> Result<Self, Fault> {
        let next_cursor = page.next(key, list)?;
        Ok(Self { items: page.items, next_cursor })
    }
}
