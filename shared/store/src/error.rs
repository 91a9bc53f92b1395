//! What can go wrong below the rules.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// A failure of the store. Holds codes only: nothing a caller sent, nothing sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Something the decision rested on changed before it was written: decide anew.
    Changed,
    /// Met other transactions on the same item, time and again: decide anew, a little later.
    Conflict,
    /// An AWS service refused or did not answer; its error code. Every call of AWS may end so, which
    /// is not said of each function.
    Unavailable(String),
    /// A stored item cannot be read: which part.
    Corrupt(&'static str),
}

impl Fault {
    /// The fault of a failed call: the service's error code, or that it did not answer.
    pub fn of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Self {
        let code = match error {
            SdkError::ServiceError(context) => context.err().code().unwrap_or("service-error"),
            SdkError::TimeoutError(_) => "timeout",
            SdkError::DispatchFailure(_) => "no-connection",
            SdkError::ResponseError(_) => "bad-response",
            _ => "not-sent",
        };
        Self::Unavailable(code.to_owned())
    }

    /// Whether deciding anew is all that it takes.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Changed | Self::Conflict)
    }

    /// The code for logs.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Changed => "changed",
            Self::Conflict => "conflict",
            Self::Unavailable(code) => code,
            Self::Corrupt(what) => what,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for Fault {}
