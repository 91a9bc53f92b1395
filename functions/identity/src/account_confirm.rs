//! `POST /v1/accounts/confirm`: proves an address by the code that was sent to it. Public.
//!
//! A wrong, expired or used code and an unknown address are answered alike. No
//! `Idempotency-Key` is needed, and one that is sent is not kept: Cognito takes a code once, and the
//! vault is opened once however often `cognito_post_confirmation` runs.

use edge::{
    Failure, Http, Input, Promise, Read, Reader, Reply,
    kind::{email, secret},
};

use crate::{
    cognito::Pool,
    refusal::{Asked, CODE_INVALID, settle},
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Pool, impl Promise> {
    edge::http("account_confirm", "POST /v1/accounts/confirm", |pool, _, input| {
        Box::pin(handle(pool, input))
    })
    .problems(&[CODE_INVALID])
}

struct Confirmation {
    email: String,
    code: String,
}

impl Input for Confirmation {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let email = read.field("/email", email());
        let code = read.field("/code", secret(20));
        Ok(Self { email: email?, code: code? })
    }
}

async fn handle(pool: &Pool, input: Confirmation) -> Result<Reply<(), 204>, Failure> {
    if let Err(fault) = pool.confirm(&input.email, &input.code).await {
        settle(Asked::Confirm, fault)?;
    }
    Ok(Reply::no_content())
}
