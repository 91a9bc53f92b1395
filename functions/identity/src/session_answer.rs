//! `POST /v1/sessions/challenge`: answers what a sign-in asked for. Public, by the session string
//! that `session_create` gave.
//!
//! Takes an `Idempotency-Key` but keeps none: nothing of ours changes, and a kept token would be
//! a hole.

use edge::{
    Failure, Http, Reader, Reply, Request,
    read::{named, secret},
};
use serde_json::Value;

use crate::{
    cognito::{Asked, Pool, refused},
    password::password,
    session::{self, Challenge},
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Pool> {
    edge::http(
        "session_answer",
        || Box::pin(Pool::connect()),
        |pool, request| Box::pin(handle(pool, request)),
    )
}

struct Input {
    challenge: Challenge,
    username: String,
    session: String,
    secret: String,
}

impl Input {
    fn parse(request: &Request) -> Result<Self, Failure> {
        let read = Reader::with_body(request);
        let challenge = read.field("/challenge", named::<Challenge>);
        let session = read.field("/session", session_string);
        let secret = match challenge {
            Ok(Challenge::NewPassword) => read.field("/newPassword", password),
            Ok(Challenge::MfaCode) => read.field("/code", secret(20)),
            Err(wrong) => Err(wrong),
        };
        read.finish()?;
        let (username, session) = session?;
        Ok(Self { challenge: challenge?, username, session, secret: secret? })
    }
}

fn session_string(value: &Value) -> Result<(String, String), String> {
    let text = secret(4096)(value)?;
    session::read(&text).ok_or_else(|| "is not a session as it was given".into())
}

async fn handle(pool: &Pool, request: &Request) -> Result<Reply, Failure> {
    let input = Input::parse(request)?;
    let asked = match input.challenge {
        Challenge::NewPassword => Asked::AnswerPassword,
        Challenge::MfaCode => Asked::AnswerCode,
    };
    let begun = (input.username.as_str(), input.session.as_str());
    let step = pool.answer(input.challenge, begun, &input.secret).await;
    step.map_err(|fault| refused(asked, fault))?.reply()
}
