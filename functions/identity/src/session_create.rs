//! `POST /v1/sessions`: signs in, or says what is asked for next. Public.
//!
//! A wrong password, an unknown address and an unconfirmed one are answered alike; so is a code that
//! was mailed to register, which only `account_confirm` takes. Takes an
//! `Idempotency-Key` but keeps none: nothing of ours changes, and a kept token would be a hole.
//!
//! Each sign-in stands in the trail of whose account it is, and so does each that failed.

use domain::policy::Action;
use edge::{Failure, Http, Input, Promise, Read, Reader, Reply, Request, kind::email};

use crate::{
    gate::Gate,
    password::given,
    refusal::{Asked, WRONG_CREDENTIALS, is, refused},
    session::{Session, Step},
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Gate, impl Promise> {
    edge::http("session_create", "POST /v1/sessions", |gate, request, input| {
        Box::pin(handle(gate, request, input))
    })
    .problems(&[WRONG_CREDENTIALS])
}

struct Credentials {
    email: String,
    password: String,
}

impl Input for Credentials {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let email = read.field("/email", email());
        let password = read.field("/password", given());
        Ok(Self { email: email?, password: password? })
    }
}

async fn handle(
    gate: &Gate,
    request: &Request,
    input: Credentials,
) -> Result<Reply<Session>, Failure> {
    let step = gate.pool.sign_in(&input.email, &input.password).await;
    let answer = step.map_err(|fault| refused(Asked::SignIn, fault)).and_then(Step::reply);
    if is(&answer, WRONG_CREDENTIALS) {
        gate.refused(&input.email, Action::SessionCreate, request.now).await?;
    }
    answer
}
