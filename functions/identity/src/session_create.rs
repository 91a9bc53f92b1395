//! `POST /v1/sessions`: signs in, or says what is asked for next. Public.
//!
//! A wrong password, an unknown address and an unconfirmed one are answered alike; so is a code that
//! was mailed to register, which only `account_confirm` takes. Takes an
//! `Idempotency-Key` but keeps none: nothing of ours changes, and a kept token would be a hole.

use edge::{Failure, Http, Input, Promise, Read, Reader, Reply, kind::email};

use crate::{
    cognito::Pool,
    password::given,
    refusal::{Asked, WRONG_CREDENTIALS, refused},
    session::Session,
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Pool, impl Promise> {
    edge::http("session_create", "POST /v1/sessions", |pool, _, input| {
        Box::pin(handle(pool, input))
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

async fn handle(pool: &Pool, input: Credentials) -> Result<Reply<Session>, Failure> {
    let step = pool.sign_in(&input.email, &input.password).await;
    step.map_err(|fault| refused(Asked::SignIn, fault))?.reply()
}
