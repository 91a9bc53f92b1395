//! What Cognito's refusals mean to those who call us.

use edge::{
    Failure, Known, Problem,
    problem::{THROTTLED, UNAUTHENTICATED},
};
use store::Fault;

/// The code is wrong, expired or used; or the address is unknown.
pub(crate) const CODE_INVALID: Known =
    Known::new(400, "code-invalid", "The code is wrong or can no longer be used.");
/// The address or the password is wrong; or the account is not confirmed.
pub(crate) const WRONG_CREDENTIALS: Known = Known::new(
    401,
    "wrong-credentials",
    "Address and password do not fit, or the account is not confirmed yet.",
);
/// The caller's own password was asked for again.
pub(crate) const WRONG_PASSWORD: Known =
    Known::new(403, "wrong-password", "The password is wrong.");
/// What a sign-in was begun with is used or too old.
pub(crate) const SIGN_IN_ENDED: Known =
    Known::new(401, "sign-in-ended", "This sign-in cannot go on; begin a new one.");
/// The refresh token is worth nothing any more.
pub(crate) const SESSION_ENDED: Known =
    Known::new(401, "session-ended", "The session has ended; sign in again.");
/// A code was sent before `mfa_enroll`.
pub(crate) const MFA_NOT_BEGUN: Known =
    Known::conflict("mfa-not-begun", "Begin to enrol a second factor first.");
/// The account has a second factor, or will in a moment.
pub(crate) const MFA_ENROLLED: Known = Known::conflict(
    "mfa-enrolled",
    "A second factor is in use or coming into use. Only the operator can reset a lost one.",
);

/// What was asked: Cognito's error codes mean something only together with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Register,
    Resend,
    Confirm,
    Finish,
    SignIn,
    AnswerPassword,
    AnswerCode,
    Refresh,
    SignOut,
    Password,
    Enroll,
    Verify,
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It is as good as done.
    Done,
    /// The code cannot be used.
    CodeInvalid,
    /// Address and password do not fit.
    WrongCredentials,
    /// The caller's own password is wrong.
    WrongPassword,
    /// The sign-in that was begun cannot go on.
    SignInEnded,
    /// The session cannot be refreshed.
    SessionEnded,
    /// The access token is no longer taken.
    Unauthenticated,
    /// The password does not meet the policy.
    Password(&'static str),
    /// The address cannot be used.
    Email,
    /// No authenticator app was begun to be enrolled.
    NotBegun,
}

/// Every refusal that is an answer; any other is a fault. Nothing here may tell whether an
/// account exists: what an unknown address gets, a known one gets as well.
const MEANINGS: &[(Asked, &[&str], Meaning)] = &[
    (Asked::Register, &["UsernameExistsException"], Meaning::Done),
    (Asked::Register, &["InvalidParameterException"], Meaning::Email),
    (
        Asked::Resend,
        &[
            "UnsupportedUserStateException",
            "UserNotFoundException",
            "NotAuthorizedException",
            "LimitExceededException",
            "CodeDeliveryFailureException",
        ],
        Meaning::Done,
    ),
    (
        Asked::Confirm,
        &[
            "NotAuthorizedException",
            "UserNotFoundException",
            "UserNotConfirmedException",
            "PasswordResetRequiredException",
            "InvalidParameterException",
        ],
        Meaning::CodeInvalid,
    ),
    (
        Asked::Finish,
        &["InvalidPasswordException", "PasswordHistoryPolicyViolationException"],
        Meaning::Password("/password"),
    ),
    // Another request used the code up in between.
    (
        Asked::Finish,
        &[
            "NotAuthorizedException",
            "UserNotFoundException",
            "CodeMismatchException",
            "ExpiredCodeException",
            "InvalidParameterException",
        ],
        Meaning::CodeInvalid,
    ),
    // The account is confirmed before the trigger runs; the vault it failed to open is opened at
    // sign-in (I11).
    (
        Asked::Finish,
        &[
            "UserLambdaValidationException",
            "UnexpectedLambdaException",
            "InvalidLambdaResponseException",
        ],
        Meaning::Done,
    ),
    (
        Asked::SignIn,
        &[
            "NotAuthorizedException",
            "UserNotFoundException",
            "UserNotConfirmedException",
            "PasswordResetRequiredException",
            "InvalidParameterException",
        ],
        Meaning::WrongCredentials,
    ),
    (
        Asked::AnswerPassword,
        &["InvalidPasswordException", "PasswordHistoryPolicyViolationException"],
        Meaning::Password("/newPassword"),
    ),
    (
        Asked::AnswerPassword,
        &[
            "NotAuthorizedException",
            "UserNotFoundException",
            "CodeMismatchException",
            "ExpiredCodeException",
            "InvalidParameterException",
        ],
        Meaning::SignInEnded,
    ),
    // `ExpiredCodeException` here is a code that was used before.
    (
        Asked::AnswerCode,
        &["CodeMismatchException", "ExpiredCodeException", "EnableSoftwareTokenMFAException"],
        Meaning::CodeInvalid,
    ),
    (
        Asked::AnswerCode,
        &[
            "NotAuthorizedException",
            "UserNotFoundException",
            "SoftwareTokenMFANotFoundException",
            "InvalidParameterException",
        ],
        Meaning::SignInEnded,
    ),
    (
        Asked::Refresh,
        &["NotAuthorizedException", "UserNotFoundException", "InvalidParameterException"],
        Meaning::SessionEnded,
    ),
    // There is nobody to sign out.
    (Asked::SignOut, &["UserNotFoundException"], Meaning::Done),
    (
        Asked::Password,
        &["NotAuthorizedException", "PasswordResetRequiredException", "InvalidParameterException"],
        Meaning::WrongPassword,
    ),
    (Asked::Password, &["UserNotFoundException"], Meaning::Unauthenticated),
    (Asked::Enroll, &["NotAuthorizedException", "UserNotFoundException"], Meaning::Unauthenticated),
    (
        Asked::Verify,
        &[
            "EnableSoftwareTokenMFAException",
            "CodeMismatchException",
            "ExpiredCodeException",
            "InvalidParameterException",
        ],
        Meaning::CodeInvalid,
    ),
    (Asked::Verify, &["SoftwareTokenMFANotFoundException"], Meaning::NotBegun),
    (Asked::Verify, &["NotAuthorizedException", "UserNotFoundException"], Meaning::Unauthenticated),
];

/// What the error `code` means; `None` when it is a fault.
pub(crate) fn meaning(asked: Asked, code: &str) -> Option<Meaning> {
    let row = MEANINGS.iter().find(|(call, codes, _)| *call == asked && codes.contains(&code));
    row.map(|(_, _, meaning)| *meaning)
}

/// The answer to a call that failed: nothing when it is as good as done.
pub(crate) fn settle(asked: Asked, fault: Fault) -> Result<(), Failure> {
    let meaning = match &fault {
        Fault::Unavailable(code) if code == "TooManyRequestsException" => {
            return Err(THROTTLED.into());
        }
        Fault::Unavailable(code) => meaning(asked, code),
        _ => None,
    };
    match meaning {
        Some(meaning) => told(meaning).map_or(Ok(()), Err),
        None => Err(fault.into()),
    }
}

/// The same, where there is nothing to go on with unless the call succeeded.
pub(crate) fn refused(asked: Asked, fault: Fault) -> Failure {
    settle(asked, fault.clone()).err().unwrap_or(Failure::Fault(fault))
}

/// Whether an answer is this problem.
pub(crate) fn is<T>(answer: &Result<T, Failure>, known: Known) -> bool {
    matches!(answer, Err(Failure::Problem(problem)) if problem.code == known.code)
}

fn told(meaning: Meaning) -> Option<Failure> {
    let known = match meaning {
        Meaning::Done => return None,
        Meaning::Password(pointer) => {
            let detail = "is not a password that can be used; choose another";
            return Some(Problem::invalid_field(pointer, detail).into());
        }
        Meaning::Email => {
            let detail = "is not an address that can be used";
            return Some(Problem::invalid_field("/email", detail).into());
        }
        Meaning::CodeInvalid => CODE_INVALID,
        Meaning::WrongCredentials => WRONG_CREDENTIALS,
        Meaning::WrongPassword => WRONG_PASSWORD,
        Meaning::SignInEnded => SIGN_IN_ENDED,
        Meaning::SessionEnded => SESSION_ENDED,
        Meaning::Unauthenticated => UNAUTHENTICATED,
        Meaning::NotBegun => MFA_NOT_BEGUN,
    };
    Some(known.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(asked: Asked, code: &str) -> (u16, &'static str) {
        match settle(asked, Fault::Unavailable(code.into())) {
            Ok(()) => (204, "done"),
            Err(Failure::Problem(problem)) => (problem.status, problem.code),
            Err(_) => (503, "unavailable"),
        }
    }

    #[test]
    fn no_refusal_tells_a_known_address_from_an_unknown_one() {
        let same = [
            (
                Asked::Confirm,
                "UserNotFoundException",
                &["NotAuthorizedException", "PasswordResetRequiredException"][..],
            ),
            (
                Asked::SignIn,
                "UserNotFoundException",
                &[
                    "NotAuthorizedException",
                    "UserNotConfirmedException",
                    "PasswordResetRequiredException",
                ],
            ),
            (
                Asked::Resend,
                "UserNotFoundException",
                &["UnsupportedUserStateException", "LimitExceededException"],
            ),
            (
                Asked::Finish,
                "UserNotFoundException",
                &["NotAuthorizedException", "InvalidParameterException"],
            ),
            (Asked::AnswerCode, "UserNotFoundException", &["NotAuthorizedException"]),
            (Asked::AnswerPassword, "UserNotFoundException", &["NotAuthorizedException"]),
        ];
        for (asked, unknown, known) in same {
            for code in known {
                assert_eq!(status(asked, unknown), status(asked, code), "{asked:?} {code}");
            }
        }
        assert_eq!(status(Asked::Register, "UsernameExistsException"), (204, "done"));
    }

    #[test]
    fn refusals_are_answers_and_the_rest_is_a_fault() {
        let cases = [
            (Asked::Confirm, "NotAuthorizedException", (400, "code-invalid")),
            (Asked::Confirm, "UserLambdaValidationException", (503, "unavailable")),
            (Asked::Finish, "UserLambdaValidationException", (204, "done")),
            (Asked::Finish, "PasswordHistoryPolicyViolationException", (400, "invalid-request")),
            (Asked::Password, "NotAuthorizedException", (403, "wrong-password")),
            (Asked::SignIn, "NotAuthorizedException", (401, "wrong-credentials")),
            (Asked::SignIn, "UserLambdaValidationException", (503, "unavailable")),
            (Asked::SignIn, "TooManyRequestsException", (429, "throttled")),
            (Asked::SignIn, "InternalErrorException", (503, "unavailable")),
            (Asked::SignIn, "timeout", (503, "unavailable")),
            (Asked::AnswerPassword, "InvalidPasswordException", (400, "invalid-request")),
            (Asked::AnswerPassword, "NotAuthorizedException", (401, "sign-in-ended")),
            (Asked::AnswerCode, "ExpiredCodeException", (400, "code-invalid")),
            (Asked::Refresh, "NotAuthorizedException", (401, "session-ended")),
            (Asked::SignOut, "UserNotFoundException", (204, "done")),
            (Asked::Enroll, "NotAuthorizedException", (401, "unauthenticated")),
            (Asked::Verify, "EnableSoftwareTokenMFAException", (400, "code-invalid")),
            (Asked::Verify, "SoftwareTokenMFANotFoundException", (409, "mfa-not-begun")),
            (Asked::Register, "InvalidPasswordException", (503, "unavailable")),
        ];
        for (asked, code, expected) in cases {
            assert_eq!(status(asked, code), expected, "{asked:?} {code}");
        }
    }

    #[test]
    fn no_code_has_two_meanings_for_one_call() {
        let mut seen = std::collections::BTreeSet::new();
        for (asked, codes, _) in MEANINGS {
            for code in *codes {
                assert!(seen.insert(format!("{asked:?} {code}")), "{asked:?} {code} twice");
            }
        }
    }
}
