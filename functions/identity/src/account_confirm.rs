//! `POST /v1/accounts/confirm`: opens an account by the code that was mailed to its address, with
//! the owner's password and name. Public. Only what comes together with the code counts.
//!
//! A wrong, expired or used code and an unknown address are answered alike. No `Idempotency-Key` is
//! needed, and one that is sent is not kept: Cognito takes a code once, with password and name in one
//! call, and a vault is opened once however often `cognito_pre_token` runs.

use edge::{Failure, Http, Input, Promise, Read, Reader, Reply, kind::email};

use crate::{
    code,
    cognito::Pool,
    newcomer::name,
    password::password,
    refusal::{Asked, CODE_INVALID, refused, settle},
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
    password: String,
    name: String,
}

impl Input for Confirmation {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let email = read.field("/email", email());
        let code = read.field("/code", code::mailed());
        let password = read.field("/password", password());
        let name = read.field("/name", name());
        Ok(Self { email: email?, code: code?, password: password?, name: name? })
    }
}

async fn handle(pool: &Pool, input: Confirmation) -> Result<Reply<(), 204>, Failure> {
    let begun = pool.begin(&input.email, &input.code).await;
    let begun = begun.map_err(|fault| refused(Asked::Confirm, fault))?.ok_or(CODE_INVALID)?;
    if let Err(fault) = pool.finish(&begun, &input.password, &input.name).await {
        settle(Asked::Finish, fault)?;
    }
    Ok(Reply::no_content())
}
