//! A plain HTTP client: no retries, no redirects, every status an answer.

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use serde_json::Value;

use crate::{Outcome, Surprise, reference};

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Call {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Its body as it came.
    pub bytes: Vec<u8>,
    /// Its body as JSON; null when it is none.
    pub body: Value,
    pub(crate) what: String,
}

fn agent() -> &'static ureq::Agent {
    static AGENT: OnceLock<ureq::Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .timeout_global(Some(Duration::from_secs(120)))
            .build()
            .into()
    })
}

impl Call {
    /// A request to any address.
    #[must_use]
    pub fn new(method: &str, url: String) -> Self {
        Self { method: method.into(), url, headers: vec![], body: vec![] }
    }

    /// With a header; a later value takes the place of an earlier one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// With an access token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// With an `Idempotency-Key` of the caller's choice.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string().into_bytes())
    }

    /// With any body.
    #[must_use]
    pub fn body(self, body: Vec<u8>) -> Self {
        Self { body, ..self }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    pub(crate) fn content(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sends it.
    pub fn send(&self) -> Outcome<Answer> {
        let mut request = http::Request::builder().method(self.method.as_str()).uri(&self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let answer = match self.body.is_empty() && self.method != "POST" {
            true => agent().run(request.body(())?),
            false => agent().run(request.body(self.body.clone())?),
        };
        let mut answer = answer?;
        let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers = answer.headers().iter().map(|(n, v)| (n.as_str().to_owned(), text(v)));
        let headers = headers.collect();
        let bytes = answer.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
        let answer = Answer {
            status: answer.status().as_u16(),
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            bytes,
            what: format!("{} {}", self.method, self.url.split('?').next().unwrap_or_default()),
        };
        let body = (!answer.bytes.is_empty()).then_some(&answer.body);
        reference::hold(&self.method, &self.url, answer.status, body)?;
        Ok(answer)
    }

    /// Sends it and expects a status.
    pub fn expect(&self, status: u16) -> Outcome<Answer> {
        self.send()?.expect(status)
    }
}

impl Answer {
    /// Expects a status.
    pub fn expect(self, status: u16) -> Outcome<Self> {
        if self.status == status {
            return Ok(self);
        }
        let (what, got) = (&self.what, self.status);
        let body = String::from_utf8_lossy(&self.bytes);
        Err(Surprise(format!("{what}: expected {status}, got {got}: {body}")))
    }

    /// Expects a problem (RFC 9457) with this code.
    pub fn problem(&self, code: &str) -> Outcome {
        let json = self.headers.get("content-type").is_some_and(|t| t.contains("problem+json"));
        let body = String::from_utf8_lossy(&self.bytes);
        crate::ensure(
            json && self.body["code"] == code && self.body["status"] == self.status,
            format!("{}: expected the problem {code}, got {}: {body}", self.what, self.status),
        )
    }

    /// The places that a 400 names, as pointers, parameters and headers.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        let place = |error: &Value| {
            let place = ["pointer", "parameter", "header"].iter().find_map(|n| error[n].as_str());
            place.unwrap_or_default().to_owned()
        };
        errors.iter().map(place).collect()
    }

    /// Status and body without what tells two answers of one kind apart: the request's id.
    #[must_use]
    pub fn told(&self) -> (u16, Value) {
        let mut body = self.body.clone();
        if let Some(body) = body.as_object_mut() {
            body.remove("requestId");
        }
        (self.status, body)
    }

    /// A text of the body.
    pub fn text(&self, pointer: &str) -> Outcome<&str> {
        let text = self.body.pointer(pointer).and_then(Value::as_str);
        text.ok_or_else(|| Surprise(format!("{}: no {pointer} in {}", self.what, self.body)))
    }

    /// A list of the body.
    pub fn list(&self, pointer: &str) -> Outcome<&Vec<Value>> {
        let list = self.body.pointer(pointer).and_then(Value::as_array);
        list.ok_or_else(|| Surprise(format!("{}: no {pointer} in {}", self.what, self.body)))
    }
}
