//! Cognito: the calls we make, and what its refusals mean. The only module that knows its client.

use aws_sdk_cognitoidentityprovider::{
    Client,
    config::Builder,
    operation::admin_get_user::AdminGetUserOutput,
    types::{
        AttributeType, AuthFlowType, AuthenticationResultType, ChallengeNameType,
        SoftwareTokenMfaSettingsType, VerifySoftwareTokenResponseType,
    },
};
use domain::{named, names::Named};
use edge::{Failure, Problem, Service};
use store::{Fault, Store, TripCounter, variable};

use crate::session::{Challenge, SignedIn, Step};

/// A client of Cognito that counts its calls.
fn client(config: &store::SdkConfig) -> Client {
    Client::from_conf(Builder::from(config).interceptor(TripCounter).build())
}

/// The user pool as the apps use it: `USER_POOL_ID` and `CLIENT_ID`.
#[derive(Debug)]
pub struct Pool {
    client: Client,
    id: String,
    app: String,
}

impl Service for Pool {
    fn store(&self) -> Option<&Store> {
        None
    }
}

/// What the pool's triggers use. The pool is named by the event: a variable would make the
/// template circular.
#[derive(Debug)]
pub struct Triggers {
    pub(crate) store: Store,
    client: Client,
}

impl Service for Triggers {
    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }
}

impl Triggers {
    pub(crate) async fn connect() -> Result<Self, Fault> {
        let config = store::aws_config().await;
        Ok(Self { store: Store::new(&config)?, client: client(&config) })
    }

    /// Whether `username` has an authenticator app that every sign-in asks for.
    pub(crate) async fn has_mfa(&self, pool: &str, username: &str) -> Result<bool, Fault> {
        let user = user(&self.client, pool, username).await?;
        Ok(user.user_mfa_setting_list().iter().any(|name| name == "SOFTWARE_TOKEN_MFA"))
    }
}

async fn user(client: &Client, pool: &str, name: &str) -> Result<AdminGetUserOutput, Fault> {
    let call = client.admin_get_user().user_pool_id(pool).username(name);
    Box::pin(call.send()).await.map_err(|error| Fault::of(&error))
}

impl Pool {
    pub(crate) async fn connect() -> Result<Self, Fault> {
        let config = store::aws_config().await;
        Ok(Self {
            client: client(&config),
            id: variable("USER_POOL_ID")?,
            app: variable("CLIENT_ID")?,
        })
    }

    pub(crate) async fn sign_up(
        &self,
        email: &str,
        password: &str,
        name: &str,
    ) -> Result<(), Fault> {
        let call = self.client.sign_up().client_id(&self.app).username(email).password(password);
        let call = call.user_attributes(attribute("email", email)?);
        let call = call.user_attributes(attribute("name", name)?);
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    pub(crate) async fn resend(&self, email: &str) -> Result<(), Fault> {
        let call = self.client.resend_confirmation_code().client_id(&self.app).username(email);
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    pub(crate) async fn confirm(&self, email: &str, code: &str) -> Result<(), Fault> {
        let call = self.client.confirm_sign_up().client_id(&self.app);
        let call = call.username(email).confirmation_code(code);
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Result<Step, Fault> {
        let call = self.client.initiate_auth().client_id(&self.app);
        let call = call.auth_flow(AuthFlowType::UserPasswordAuth);
        let call = call.auth_parameters("USERNAME", email).auth_parameters("PASSWORD", password);
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        let asked = answer.challenge_parameters.unwrap_or_default();
        let username = asked.get("USER_ID_FOR_SRP").map_or(email, String::as_str);
        step(answer.authentication_result, answer.challenge_name.as_ref(), username, answer.session)
    }

    pub(crate) async fn refresh(&self, token: &str) -> Result<Step, Fault> {
        let call = self.client.initiate_auth().client_id(&self.app);
        let call = call.auth_flow(AuthFlowType::RefreshTokenAuth);
        let call = call.auth_parameters("REFRESH_TOKEN", token);
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        step(answer.authentication_result, answer.challenge_name.as_ref(), "", answer.session)
    }

    pub(crate) async fn answer(
        &self,
        challenge: Challenge,
        (username, session): (&str, &str),
        secret: &str,
    ) -> Result<Step, Fault> {
        let (name, field) = match challenge {
            Challenge::NewPassword => (ChallengeNameType::NewPasswordRequired, "NEW_PASSWORD"),
            Challenge::MfaCode => (ChallengeNameType::SoftwareTokenMfa, "SOFTWARE_TOKEN_MFA_CODE"),
        };
        let call = self.client.respond_to_auth_challenge().client_id(&self.app);
        let call = call.challenge_name(name).session(session);
        let call = call.challenge_responses("USERNAME", username);
        let call = call.challenge_responses(field, secret);
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        let (result, next) = (answer.authentication_result, answer.challenge_name);
        step(result, next.as_ref(), username, answer.session)
    }

    /// The secret of a new authenticator app, not in use before [`Pool::verify`].
    pub(crate) async fn new_secret(&self, access_token: &str) -> Result<String, Fault> {
        let call = self.client.associate_software_token().access_token(access_token);
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        answer.secret_code.ok_or(Fault::Corrupt("cognito-answer"))
    }

    /// What is to be known of an account before its authenticator app is touched.
    pub(crate) async fn enrolment(&self, username: &str) -> Result<Enrolment, Fault> {
        let user = user(&self.client, &self.id, username).await?;
        let text = |name: &str| {
            user.user_attributes().iter().find(|one| one.name() == name).and_then(|one| one.value())
        };
        let email = text("email").ok_or(Fault::Corrupt("cognito-answer"))?.to_owned();
        Ok(Enrolment { email, mark: text(MARK).and_then(Mark::from_name) })
    }

    /// Whether `code` is what the new authenticator app shows.
    pub(crate) async fn verify(&self, access_token: &str, code: &str) -> Result<bool, Fault> {
        let call = self.client.verify_software_token().access_token(access_token).user_code(code);
        let answer = Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
        Ok(answer.status == Some(VerifySoftwareTokenResponseType::Success))
    }

    /// From now on every sign-in of `username` asks for a code.
    pub(crate) async fn ask_for_codes(&self, username: &str) -> Result<(), Fault> {
        let app = SoftwareTokenMfaSettingsType::builder().enabled(true).preferred_mfa(true).build();
        let call = self.client.admin_set_user_mfa_preference().user_pool_id(&self.id);
        let call = call.username(username).software_token_mfa_settings(app);
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    /// Writes how far the enrolment of `username` has come; `None` removes it.
    pub(crate) async fn mark(&self, username: &str, mark: Option<Mark>) -> Result<(), Fault> {
        let call = self.client.admin_update_user_attributes().user_pool_id(&self.id);
        let value = mark.map_or("", Mark::name);
        let call = call.username(username).user_attributes(attribute(MARK, value)?);
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }

    /// Ends every session of `username`, and what Cognito takes their access tokens for.
    pub(crate) async fn sign_out_everywhere(&self, username: &str) -> Result<(), Fault> {
        let call = self.client.admin_user_global_sign_out().user_pool_id(&self.id);
        let call = call.username(username);
        Box::pin(call.send()).await.map(drop).map_err(|error| Fault::of(&error))
    }
}

/// The attribute that says how far an enrolment has come. The apps' client may not write it.
pub(crate) const MARK: &str = "custom:mfa";

named! {
    /// How far an enrolment has come, on the account itself. With either, access tokens are good
    /// for our API alone.
    pub enum Mark {
        /// The authenticator app is proven; sessions from before may still be open.
        Held = "held",
        /// They are closed: every session has passed the second factor.
        On = "on",
    }
}

/// An account, as far as its second factor goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Enrolment {
    /// The address by which the authenticator app lists the account.
    pub(crate) email: String,
    pub(crate) mark: Option<Mark>,
}

impl Enrolment {
    /// Refuses where a second factor is in use, or coming into use.
    pub(crate) fn open(&self) -> Result<(), Problem> {
        if self.mark.is_some() {
            return Err(Problem::conflict(
                "mfa-enrolled",
                "A second factor is in use. Only the operator can reset a lost one.",
            ));
        }
        Ok(())
    }
}

fn attribute(name: &str, value: &str) -> Result<AttributeType, Fault> {
    let made = AttributeType::builder().name(name).value(value).build();
    made.map_err(|_| Fault::Corrupt("attribute"))
}

/// Where a sign-in stands. The id token is dropped: it opens nothing here.
fn step(
    result: Option<AuthenticationResultType>,
    challenge: Option<&ChallengeNameType>,
    username: &str,
    session: Option<String>,
) -> Result<Step, Fault> {
    let challenge = match (result, challenge) {
        (
            Some(AuthenticationResultType {
                access_token: Some(access_token),
                refresh_token,
                expires_in,
                ..
            }),
            _,
        ) => {
            return Ok(Step::SignedIn(SignedIn { access_token, refresh_token, expires_in }));
        }
        (_, Some(ChallengeNameType::NewPasswordRequired)) => Challenge::NewPassword,
        (_, Some(ChallengeNameType::SoftwareTokenMfa)) => Challenge::MfaCode,
        _ => return Err(Fault::Corrupt("cognito-challenge")),
    };
    let session = session.ok_or(Fault::Corrupt("cognito-answer"))?;
    Ok(Step::Challenge { challenge, username: username.to_owned(), session })
}

/// What was asked: Cognito's error codes mean something only together with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Register,
    Resend,
    Confirm,
    SignIn,
    AnswerPassword,
    AnswerCode,
    Refresh,
    SignOut,
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
    (Asked::Register, &["InvalidPasswordException"], Meaning::Password("/password")),
    (Asked::Register, &["InvalidParameterException"], Meaning::Email),
    (
        Asked::Resend,
        &[
            "InvalidParameterException",
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
            "CodeMismatchException",
            "ExpiredCodeException",
            "UserNotFoundException",
            "NotAuthorizedException",
            "AliasExistsException",
            "TooManyFailedAttemptsException",
            "LimitExceededException",
            "InvalidParameterException",
        ],
        Meaning::CodeInvalid,
    ),
    // The account is confirmed before the trigger runs; the vault it failed to open is opened at
    // sign-in (I11).
    (
        Asked::Confirm,
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
            return Err(Problem::throttled().into());
        }
        Fault::Unavailable(code) => meaning(asked, code),
        _ => None,
    };
    match meaning {
        Some(meaning) => told(meaning).map_or(Ok(()), |problem| Err(problem.into())),
        None => Err(fault.into()),
    }
}

/// The same, where there is nothing to go on with unless the call succeeded.
pub(crate) fn refused(asked: Asked, fault: Fault) -> Failure {
    settle(asked, fault.clone()).err().unwrap_or(Failure::Fault(fault))
}

/// The answer to a code that cannot be used.
pub(crate) fn code_invalid() -> Problem {
    Problem::new(400, "code-invalid", "The code is wrong or can no longer be used.")
}

fn told(meaning: Meaning) -> Option<Problem> {
    Some(match meaning {
        Meaning::Done => return None,
        Meaning::CodeInvalid => code_invalid(),
        Meaning::WrongCredentials => Problem::new(
            401,
            "wrong-credentials",
            "Address and password do not fit, or the account is not confirmed yet.",
        ),
        Meaning::SignInEnded => {
            Problem::new(401, "sign-in-ended", "This sign-in cannot go on; begin a new one.")
        }
        Meaning::SessionEnded => {
            Problem::new(401, "session-ended", "The session has ended; sign in again.")
        }
        Meaning::Unauthenticated => Problem::unauthenticated(),
        Meaning::Password(pointer) => {
            Problem::invalid_field(pointer, "is not a password that can be used; choose another")
        }
        Meaning::Email => Problem::invalid_field("/email", "is not an address that can be used"),
        Meaning::NotBegun => {
            Problem::conflict("mfa-not-begun", "Begin to enrol a second factor first.")
        }
    })
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
                &[
                    "CodeMismatchException",
                    "ExpiredCodeException",
                    "NotAuthorizedException",
                    "LimitExceededException",
                ][..],
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
                &["InvalidParameterException", "LimitExceededException"],
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
            (Asked::Confirm, "CodeMismatchException", (400, "code-invalid")),
            (Asked::Confirm, "UserLambdaValidationException", (204, "done")),
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
            (Asked::Register, "InvalidPasswordException", (400, "invalid-request")),
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
