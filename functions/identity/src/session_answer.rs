//! `POST /v1/sessions/challenge`: answers what a sign-in asked for. Public, by the session string
//! that `session_create` gave.
//!
//! Takes an `Idempotency-Key` but keeps none: nothing of ours changes, and a kept token would be
//! a hole.

use domain::policy::Action;
use edge::{
    Failure, Http, Input, Promise, Read, Reader, Reply, Request,
    kind::{Kind, custom, named, secret},
};
use serde_json::Value;

use crate::{
    code,
    gate::Gate,
    password::password,
    refusal::{Asked, CODE_INVALID, SIGN_IN_ENDED, is, refused},
    session::{self, Challenge, Session, Step},
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Gate, impl Promise> {
    edge::http("session_answer", "POST /v1/sessions/challenge", |gate, request, input| {
        Box::pin(handle(gate, request, input))
    })
    .problems(&[CODE_INVALID, SIGN_IN_ENDED])
}

struct Answer {
    challenge: Challenge,
    username: String,
    session: String,
    secret: String,
}

impl Input for Answer {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let challenge = read.field("/challenge", named());
        let session = read.field("/session", custom(session_string, || secret(4096).schema()));
        let password = read.optional("/newPassword", password());
        let code = read.optional("/code", code::shown());
        let (challenge, password, code) = (challenge?, password?, code?);
        let secret = match (challenge, password, code) {
            (Challenge::NewPassword, Some(secret), None) => Ok(secret),
            (Challenge::MfaCode, None, Some(secret)) => Ok(secret),
            (Challenge::NewPassword, None, _) => read.reject("/newPassword", "is missing"),
            (Challenge::MfaCode, _, None) => read.reject("/code", "is missing"),
            (Challenge::NewPassword, ..) => read.reject("/code", "is not asked for here"),
            (Challenge::MfaCode, ..) => read.reject("/newPassword", "is not asked for here"),
        };
        let (username, session) = session?;
        Ok(Self { challenge, username, session, secret: secret? })
    }
}

fn session_string(value: &Value) -> Result<(String, String), String> {
    let text = secret(4096).parse(value)?;
    session::read(&text).ok_or_else(|| "is not a session as it was given".into())
}

async fn handle(gate: &Gate, request: &Request, input: Answer) -> Result<Reply<Session>, Failure> {
    let asked = match input.challenge {
        Challenge::NewPassword => Asked::AnswerPassword,
        Challenge::MfaCode => Asked::AnswerCode,
    };
    let begun = (input.username.as_str(), input.session.as_str());
    let step = gate.pool.answer(input.challenge, begun, &input.secret).await;
    let answer = step.map_err(|fault| refused(asked, fault)).and_then(Step::reply);
    if is(&answer, CODE_INVALID) {
        gate.refused(&input.username, Action::SessionAnswer, request.now).await?;
    }
    answer
}
