//! What is asked, and by whom.

use std::collections::HashMap;

use domain::{
    AccountId, Caller, DoctorId, HospitalId, PatientId, StaffId, Timestamp, caller::Role,
    names::Named,
};
use lambda_http::{
    Body, RequestExt,
    http::{HeaderMap, HeaderName},
    request::RequestContext,
};
use serde_json::Value;

use crate::problem::{Failure, UNAUTHENTICATED};

/// A request as an operation sees it.
#[derive(Debug, Clone)]
pub struct Request {
    /// API Gateway's id of it, which is also in the answer to an error and in the logs.
    pub id: String,
    /// The moment at which it is decided.
    pub now: Timestamp,
    /// The body as it came.
    pub body: Vec<u8>,
    resource: String,
    path: HashMap<String, String>,
    query: Vec<(String, String)>,
    headers: HashMap<String, String>,
    caller: Option<Caller>,
    account: Option<AccountId>,
}

impl Request {
    pub(crate) fn new(event: lambda_http::Request) -> Self {
        let path = pairs(event.path_parameters_ref().map(|map| map.iter()));
        let query = pairs(event.query_string_parameters_ref().map(|map| map.iter()));
        let headers = headers(event.headers());
        let (id, claims) = context(&event);
        let (parts, body) = event.into_parts();
        Self {
            id,
            now: now(),
            resource: format!(
                "{} {}",
                parts.method,
                parts.uri.path_and_query().map_or("", |path| path.as_str())
            ),
            caller: claims.as_ref().and_then(caller),
            account: claims.as_ref().and_then(account),
            body: match body {
                Body::Text(text) => text.into_bytes(),
                Body::Binary(bytes) => bytes,
                _ => Vec::new(),
            },
            path,
            query,
            headers,
        }
    }

    /// The signed-in caller.
    ///
    /// # Errors
    /// 401 without claims that make one.
    pub fn caller(&self) -> Result<Caller, Failure> {
        self.caller.ok_or(UNAUTHENTICATED.into())
    }

    /// The caller's account at Cognito, for calls made on their behalf.
    ///
    /// # Errors
    /// 401 without one.
    pub fn account(&self) -> Result<AccountId, Failure> {
        self.account.ok_or(UNAUTHENTICATED.into())
    }

    /// A header, by its lower-case name. One that was sent twice is none: which of the two was
    /// meant is not ours to choose.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn path(&self, name: &str) -> Option<&str> {
        self.path.get(name).map(String::as_str)
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The names in the query, each as often as it stands there.
    pub(crate) fn query_names(&self) -> impl Iterator<Item = &str> {
        self.query.iter().map(|(name, _)| name.as_str())
    }

    /// Method, path and query.
    pub(crate) fn resource(&self) -> &str {
        &self.resource
    }
}

/// The clock, in whole milliseconds: the precision of our ids and answers.
#[must_use]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

fn pairs<'a, T: FromIterator<(String, String)>>(
    map: Option<impl Iterator<Item = (&'a str, &'a str)>>,
) -> T {
    map.into_iter().flatten().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn headers(sent: &HeaderMap) -> HashMap<String, String> {
    let once = |name: &HeaderName| {
        let mut values = sent.get_all(name).iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    sent.keys().filter_map(once).collect()
}

fn context(event: &lambda_http::Request) -> (String, Option<Value>) {
    match event.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => (
            context.request_id.clone().unwrap_or_default(),
            context.authorizer.fields.get("claims").cloned(),
        ),
        _ => (String::new(), None),
    }
}

fn account(claims: &Value) -> Option<AccountId> {
    claims.get("sub").and_then(Value::as_str).and_then(AccountId::parse)
}

/// The caller that the authorizer's claims make: who, never what they may do (I9). The claims
/// beyond `sub` are put into the token by `cognito_pre_token`.
fn caller(claims: &Value) -> Option<Caller> {
    let claim = |name: &str| claims.get(name).and_then(Value::as_str);
    let mfa = claim("mfa") == Some("true");
    let hospital = || claim("hospital").and_then(HospitalId::parse);
    Some(match Role::from_name(claim("role")?)? {
        Role::Patient => Caller::Patient(PatientId::parse(claim("person")?)?),
        Role::Doctor => {
            Caller::Doctor { id: DoctorId::parse(claim("person")?)?, hospital: hospital()?, mfa }
        }
        Role::HospitalAdmin => {
            Caller::Admin { id: StaffId::parse(claim("person")?)?, hospital: hospital()?, mfa }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_header_that_was_sent_twice_is_none() {
        let mut sent = HeaderMap::new();
        for (name, value) in [("idempotency-key", "a"), ("accept", "b"), ("idempotency-key", "c")] {
            sent.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        assert_eq!(headers(&sent), HashMap::from([("accept".into(), "b".into())]));
    }

    #[test]
    fn claims_make_a_caller_only_when_they_are_whole() {
        let id = "0190a6f0-0000-7000-8000-000000000001";
        let cases = [
            (json!({ "role": "patient", "sub": "x", "person": id }), Some(Role::Patient)),
            (
                json!({ "role": "doctor", "sub": id, "person": id, "hospital": id }),
                Some(Role::Doctor),
            ),
            (
                json!({ "role": "hospital-admin", "person": id, "hospital": id }),
                Some(Role::HospitalAdmin),
            ),
            (json!({ "role": "doctor", "sub": id, "person": id }), None),
            (json!({ "role": "doctor", "sub": id, "hospital": id }), None),
            (json!({ "role": "root", "sub": id }), None),
            (json!({ "sub": id }), None),
            (json!({ "role": "patient", "sub": id }), None),
            (json!({ "role": "patient", "sub": id, "person": "x" }), None),
            (json!(null), None),
        ];
        for (claims, role) in cases {
            assert_eq!(caller(&claims).map(|caller| caller.role()), role, "{claims}");
        }
    }
}
