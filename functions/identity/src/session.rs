//! A sign-in: its steps and the string that carries it from one to the next.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    audit::Target,
    named,
    policy::{Act, Aim, Facts, Permission, Record, permit},
};
use edge::{Failure, Reply, Request};
use schemars::JsonSchema;
use serde::Serialize;

use crate::refusal::WRONG_CREDENTIALS;

named! {
    /// What a sign-in asks for before it goes on.
    pub enum Challenge {
        /// The password was given by somebody else and must be replaced.
        NewPassword = "new-password",
        /// A code of the authenticator app.
        MfaCode = "mfa-code",
    }
}

/// Where a sign-in stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// At its end.
    SignedIn(SignedIn),
    /// The password is a code that was mailed: only `account_confirm` takes it.
    Unconfirmed,
    /// Something more is asked for.
    Challenge {
        /// What.
        challenge: Challenge,
        /// The name Cognito wants the answer under.
        username: String,
        /// Cognito's own handle, good for one answer within minutes.
        session: String,
    },
}

/// A session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SignedIn {
    pub(crate) access_token: String,
    /// None when the earlier one stays in use.
    pub(crate) refresh_token: Option<String>,
    /// In seconds.
    pub(crate) expires_in: i32,
}

/// Where a sign-in stands, as the caller is told.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "status", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum Session {
    /// At its end.
    SignedIn {
        /// For the `Authorization` header.
        access_token: String,
        /// For `session_refresh`; absent when the earlier one stays in use.
        #[serde(skip_serializing_if = "Option::is_none")]
        refresh_token: Option<String>,
        /// How long the access token is good, in seconds.
        expires_in: i32,
        /// `Bearer` (RFC 6750).
        token_type: String,
    },
    /// Something more is asked for: answer with `session_answer`.
    Challenge {
        /// What.
        challenge: Challenge,
        /// To be sent with the answer; good once, for some minutes.
        session: String,
    },
}

impl Step {
    /// The answer that tells the caller where they stand.
    pub(crate) fn reply(self) -> Result<Reply<Session>, Failure> {
        Reply::new(&match self {
            Self::Unconfirmed => return Err(WRONG_CREDENTIALS.into()),
            Self::SignedIn(SignedIn { access_token, refresh_token, expires_in }) => {
                let token_type = "Bearer".to_owned();
                Session::SignedIn { access_token, refresh_token, expires_in, token_type }
            }
            Self::Challenge { challenge, username, session } => {
                Session::Challenge { challenge, session: write(&username, &session) }
            }
        })
    }
}

/// The string the caller brings back with the answer. Cognito wants to hear the user's name again
/// with every answer and holds it against the session it gave; the name is only carried here, in
/// base64url before a dot, and is no proof of anything.
fn write(username: &str, session: &str) -> String {
    format!("{}.{session}", URL_SAFE_NO_PAD.encode(username))
}

/// The user's name and Cognito's session.
pub(crate) fn read(text: &str) -> Option<(String, String)> {
    let (username, session) = text.split_once('.')?;
    let username = String::from_utf8(URL_SAFE_NO_PAD.decode(username).ok()?).ok()?;
    let whole = !username.is_empty() && !session.is_empty() && session.is_ascii();
    whole.then(|| (username, session.to_owned()))
}

/// Permits an operation on the caller's own session, which rests on nothing in the table.
pub(crate) fn own<A: Act>(request: &Request) -> Result<Permission, Failure> {
    let caller = request.caller()?;
    let facts =
        Facts { aim: Aim::Own, standing: None, grant: None, record: Record::Any, purpose: None };
    Ok(permit(A::ACTION, &caller, &facts, Target::default(), request.now)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_string_carries_name_and_session() {
        for (name, session) in [("ana@example.org", "AYAB-x_y"), ("a.b+c@d.e", "one.two")] {
            let read = read(&write(name, session)).unwrap();
            assert_eq!(read, (name.to_owned(), session.to_owned()));
        }
    }

    #[test]
    fn anything_else_is_no_session_string() {
        for text in ["", ".", "x", "YQ", "YQ.", ".abc", "%%.abc", "_w.abc", "YQ.\u{e9}"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_answer_names_every_step() {
        let body = |step: Step| String::from_utf8(step.reply().unwrap().body().to_vec()).unwrap();
        let signed_in = |refresh: Option<&str>| {
            Step::SignedIn(SignedIn {
                access_token: "a".into(),
                refresh_token: refresh.map(Into::into),
                expires_in: 900,
            })
        };
        assert_eq!(
            body(signed_in(Some("r"))),
            r#"{"status":"signed-in","accessToken":"a","refreshToken":"r","expiresIn":900,"tokenType":"Bearer"}"#
        );
        assert!(!body(signed_in(None)).contains("refreshToken"));
        let challenge = Challenge::MfaCode;
        let step = Step::Challenge { challenge, username: "a".into(), session: "s".into() };
        assert_eq!(body(step), r#"{"status":"challenge","challenge":"mfa-code","session":"YQ.s"}"#);
    }
}
