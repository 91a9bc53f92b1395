//! What goes wrong, as the caller is told (RFC 9457) and mapped to HTTP in one place.

use domain::{
    GrantId,
    policy::{Denial, Disguise, Refused},
};
use schemars::JsonSchema;
use serde::Serialize;
use store::Fault;

/// A problem as the caller sees it. Its texts are ours: nothing a caller sent is echoed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// A stable code to program against.
    pub code: &'static str,
    /// What to do about it, in one sentence.
    pub detail: &'static str,
    /// Each thing that is wrong with the request.
    pub errors: Vec<Invalid>,
    /// The grant that stands in the way.
    pub grant: Option<GrantId>,
}

/// One thing that is wrong with a request, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invalid {
    /// Where in the body, as a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Which path or query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// Which header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What is wrong.
    pub detail: String,
}

/// A problem that can be told beforehand: the API reference lists it with its operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The HTTP status.
    pub status: u16,
    /// A stable code to program against.
    pub code: &'static str,
    /// What to do about it, in one sentence.
    pub detail: &'static str,
}

impl Known {
    /// A problem of the operation.
    #[must_use]
    pub const fn new(status: u16, code: &'static str, detail: &'static str) -> Self {
        Self { status, code, detail }
    }

    /// 409: the state of things does not allow it.
    #[must_use]
    pub const fn conflict(code: &'static str, detail: &'static str) -> Self {
        Self::new(409, code, detail)
    }
}

impl From<Known> for Problem {
    fn from(Known { status, code, detail }: Known) -> Self {
        Self { status, code, detail, errors: Vec::new(), grant: None }
    }
}

impl From<Known> for Failure {
    fn from(known: Known) -> Self {
        Problem::from(known).into()
    }
}

/// 400: everything that is wrong with the request is listed.
pub const INVALID: Known =
    Known::new(400, "invalid-request", "The request is not well formed; every error is listed.");
/// 401: no usable token.
pub const UNAUTHENTICATED: Known =
    Known::new(401, "unauthenticated", "Sign in and send the access token.");
/// 403: the caller's session has no second factor (I9).
pub const MFA_REQUIRED: Known = Known::new(
    403,
    "mfa-required",
    "Enrol a second factor and sign in with it; until then nothing else is open.",
);
/// 403: the doctor is invited, not verified.
pub const NOT_VERIFIED: Known =
    Known::new(403, "not-verified", "Your hospital has not verified you yet.");
/// 403: the doctor is suspended.
pub const SUSPENDED: Known = Known::new(403, "suspended", "Your hospital has suspended you.");
/// 403: the hospital does not know the caller.
pub const NOT_STAFF: Known = Known::new(403, "not-staff", "You are not on the hospital's staff.");
/// 403: the role has no business with the operation.
pub const WRONG_ROLE: Known = Known::new(403, "wrong-role", "This is not open to your role.");
/// 404: it does not exist, or the caller may not know that it does (I10).
pub const NOT_FOUND: Known =
    Known::new(404, "not-found", "There is no such thing, or you may not see it.");
/// 403: the API's gateway or its firewall turned the request away.
pub const FORBIDDEN: Known = Known::new(403, "forbidden", "This is not open to you.");
/// 413: more than the gateway takes, 10 MB. Files go to the storage directly.
pub const TOO_LARGE: Known = Known::new(413, "too-large", "The request is too large.");
/// 422: the key of another request (I7).
pub const KEY_REUSED: Known = Known::new(
    422,
    "idempotency-key-reused",
    "This Idempotency-Key was used for another request; send a new one.",
);
/// 429: too many requests.
pub const THROTTLED: Known =
    Known::new(429, "throttled", "Too many requests. Try again in a moment.");
/// 503: try again.
pub const UNAVAILABLE: Known = Known::new(
    503,
    "unavailable",
    "Try again in a moment; repeat a change with the same Idempotency-Key.",
);

impl Problem {
    pub(crate) fn invalid(errors: Vec<Invalid>) -> Self {
        Self { errors, ..INVALID.into() }
    }

    /// 400: one field of the body, by JSON pointer, was found wrong after it had been read.
    #[must_use]
    pub fn invalid_field(pointer: &str, detail: &str) -> Self {
        Self::invalid(vec![Invalid {
            pointer: Some(pointer.to_owned()),
            parameter: None,
            header: None,
            detail: detail.to_owned(),
        }])
    }
}

/// What a refused caller is told.
pub(crate) fn refused(denial: Denial) -> Known {
    if denial.disguise() == Disguise::Absent {
        return NOT_FOUND;
    }
    match denial {
        Denial::NoMfa => MFA_REQUIRED,
        Denial::NotVerified => NOT_VERIFIED,
        Denial::Suspended => SUSPENDED,
        Denial::NotStaff => NOT_STAFF,
        _ => WRONG_ROLE,
    }
}

/// Why an operation did not answer as asked.
#[derive(Debug)]
pub enum Failure {
    /// The caller can do something about it.
    Problem(Box<Problem>),
    /// The policy said no; the audit entry is written before the caller hears of it (I2).
    Refused(Box<Refused>),
    /// Something below failed.
    Fault(Fault),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(Box::new(refused))
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
