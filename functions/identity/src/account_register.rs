//! `POST /v1/accounts`: opens an account for a patient. Public.
//!
//! The answer is the same whether or not the address has an account: who has one is nobody's
//! business. Where it waits for its confirmation, a new code is sent. No `Idempotency-Key` is
//! needed, and one that is sent is not kept: nothing of ours changes, Cognito opens an address's
//! account once, and a repetition is answered alike.

use edge::{
    Failure, Http, Reader, Reply, Request,
    read::{email, text},
};
use serde::Serialize;

use crate::{
    cognito::{Asked, Pool, settle},
    password::password,
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Pool> {
    edge::http(
        "account_register",
        || Box::pin(Pool::connect()),
        |pool, request| Box::pin(handle(pool, request)),
    )
}

struct Input {
    email: String,
    password: String,
    name: String,
}

impl Input {
    fn parse(request: &Request) -> Result<Self, Failure> {
        let read = Reader::with_body(request);
        let email = read.field("/email", email);
        let password = read.field("/password", password);
        let name = read.field("/name", text(1, 100));
        read.finish()?;
        Ok(Self { email: email?, password: password?, name: name? })
    }
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
}

async fn handle(pool: &Pool, request: &Request) -> Result<Reply, Failure> {
    let input = Input::parse(request)?;
    if let Err(fault) = pool.sign_up(&input.email, &input.password, &input.name).await {
        settle(Asked::Register, fault)?;
        if let Err(fault) = pool.resend(&input.email).await {
            settle(Asked::Resend, fault)?;
        }
    }
    Reply::accepted(&Answer { status: "awaiting-confirmation" })
}
