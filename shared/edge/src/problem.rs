//! What goes wrong, as the caller is told (RFC 9457) and mapped to HTTP in one place.

use domain::policy::{Denial, Disguise, Refused};
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
}

/// One thing that is wrong with a request, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

impl Problem {
    /// A problem without details on the request.
    #[must_use]
    pub fn new(status: u16, code: &'static str, detail: &'static str) -> Self {
        Self { status, code, detail, errors: Vec::new() }
    }

    /// 404: it does not exist, or the caller may not know that it does (I10).
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(404, "not-found", "There is no such thing, or you may not see it.")
    }

    /// 401: no usable token.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(401, "unauthenticated", "Sign in and send the access token.")
    }

    /// 409: the state of things does not allow it.
    #[must_use]
    pub fn conflict(code: &'static str, detail: &'static str) -> Self {
        Self::new(409, code, detail)
    }

    /// 503: try again.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(
            503,
            "unavailable",
            "Try again in a moment; repeat a change with the same Idempotency-Key.",
        )
    }

    pub(crate) fn invalid(errors: Vec<Invalid>) -> Self {
        let detail = "The request is not well formed; every error is listed.";
        Self { errors, ..Self::new(400, "invalid-request", detail) }
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

    /// 429: too many of these from everybody.
    #[must_use]
    pub fn throttled() -> Self {
        Self::new(429, "throttled", "Too many requests. Try again in a moment.")
    }

    /// What a refused caller is told.
    #[must_use]
    pub fn refused(denial: Denial) -> Self {
        if denial.disguise() == Disguise::Absent {
            return Self::not_found();
        }
        match denial {
            Denial::NoMfa => Self::new(
                403,
                "mfa-required",
                "Enrol a second factor and sign in with it; until then nothing else is open.",
            ),
            Denial::NotVerified => {
                Self::new(403, "not-verified", "Your hospital has not verified you yet.")
            }
            Denial::Suspended => Self::new(403, "suspended", "Your hospital has suspended you."),
            Denial::NotStaff => Self::new(403, "not-staff", "You are not on the hospital's staff."),
            _ => Self::new(403, "wrong-role", "This is not open to your role."),
        }
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
