//! `POST /v1/accounts`: opens an account for a patient. Public.
//!
//! The answer is the same whether or not the address has an account: who has one is nobody's
//! business. Where it waits for its confirmation, a new code is sent. No `Idempotency-Key` is
//! needed, and one that is sent is not kept: nothing of ours changes, Cognito opens an address's
//! account once, and a repetition is answered alike.

use domain::named;
use edge::{
    Failure, Http, Input, Promise, Read, Reader, Reply,
    kind::{email, line},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    cognito::Pool,
    password::password,
    refusal::{Asked, settle},
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Pool, impl Promise> {
    edge::http("account_register", "POST /v1/accounts", |pool, _, input| {
        Box::pin(handle(pool, input))
    })
}

struct Registration {
    email: String,
    password: String,
    name: String,
}

impl Input for Registration {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let email = read.field("/email", email());
        let password = read.field("/password", password());
        let name = read.field("/name", line(100));
        Ok(Self { email: email?, password: password?, name: name? })
    }
}

named! {
    /// How far an account has come.
    pub enum AccountStatus {
        /// Waits for the code that was sent to its address.
        AwaitingConfirmation = "awaiting-confirmation",
    }
}

/// An account that was opened.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Account")]
struct Output {
    status: AccountStatus,
}

async fn handle(pool: &Pool, input: Registration) -> Result<Reply<Output, 202>, Failure> {
    if let Err(fault) = pool.sign_up(&input.email, &input.password, &input.name).await {
        settle(Asked::Register, fault)?;
        if let Err(fault) = pool.resend(&input.email).await {
            settle(Asked::Resend, fault)?;
        }
    }
    Reply::new(&Output { status: AccountStatus::AwaitingConfirmation })
}
