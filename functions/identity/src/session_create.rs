//! `POST /v1/sessions`: signs in, or says what is asked for next. Public.
//!
//! A wrong password, an unknown address and an unconfirmed one are answered alike. Takes an
//! `Idempotency-Key` but keeps none: nothing of ours changes, and a kept token would be a hole.

use edge::{
    Failure, Http, Reader, Reply, Request,
    read::{email, secret},
};

use crate::cognito::{Asked, Pool, refused};

/// The operation.
#[must_use]
pub fn operation() -> Http<Pool> {
    edge::http(
        "session_create",
        || Box::pin(Pool::connect()),
        |pool, request| Box::pin(handle(pool, request)),
    )
}

struct Input {
    email: String,
    password: String,
}

impl Input {
    fn parse(request: &Request) -> Result<Self, Failure> {
        let read = Reader::with_body(request);
        let email = read.field("/email", email);
        let password = read.field("/password", secret(256));
        read.finish()?;
        Ok(Self { email: email?, password: password? })
    }
}

async fn handle(pool: &Pool, request: &Request) -> Result<Reply, Failure> {
    let input = Input::parse(request)?;
    let step = pool.sign_in(&input.email, &input.password).await;
    step.map_err(|fault| refused(Asked::SignIn, fault))?.reply()
}
