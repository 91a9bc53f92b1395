//! `POST /v1/accounts/confirm`: proves an address by the code that was sent to it. Public.
//!
//! A wrong, expired or used code and an unknown address are answered alike. No
//! `Idempotency-Key` is needed, and one that is sent is not kept: Cognito takes a code once, and the
//! vault is opened once however often `cognito_post_confirmation` runs.

use edge::{
    Failure, Http, Reader, Reply, Request,
    read::{email, secret},
};

use crate::cognito::{Asked, Pool, settle};

/// The operation.
#[must_use]
pub fn operation() -> Http<Pool> {
    edge::http(
        "account_confirm",
        || Box::pin(Pool::connect()),
        |pool, request| Box::pin(handle(pool, request)),
    )
}

struct Input {
    email: String,
    code: String,
}

impl Input {
    fn parse(request: &Request) -> Result<Self, Failure> {
        let read = Reader::with_body(request);
        let email = read.field("/email", email);
        let code = read.field("/code", secret(20));
        read.finish()?;
        Ok(Self { email: email?, code: code? })
    }
}

async fn handle(pool: &Pool, request: &Request) -> Result<Reply, Failure> {
    let input = Input::parse(request)?;
    if let Err(fault) = pool.confirm(&input.email, &input.code).await {
        settle(Asked::Confirm, fault)?;
    }
    Ok(Reply::no_content())
}
