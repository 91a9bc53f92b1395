//! `POST /v1/accounts`: mails a code to an address, by which its owner opens an account
//! (`account_confirm`). Public. Takes the address alone: whoever registers first need not be its
//! owner, so nothing that they give may count.
//!
//! The answer is the same whether or not the address has an account: who has one is nobody's
//! business. Where it waits for its confirmation, a new code is sent and the one before ends. No
//! `Idempotency-Key` is needed, and one that is sent is not kept: nothing of ours changes, Cognito
//! opens an address's account once, and a repetition is answered alike.

use domain::{PatientId, named};
use edge::{Failure, Http, Input, Promise, Read, Reader, Reply, kind::email};
use schemars::JsonSchema;
use serde::Serialize;
use store::new_id;

use crate::{
    code,
    cognito::Pool,
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
}

impl Input for Registration {
    fn read(read: &Reader<'_>) -> Read<Self> {
        Ok(Self { email: read.field("/email", email())? })
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
    let code = code::new();
    if let Err(fault) = pool.accounts.open((PatientId(new_id()), None), &input.email, &code).await {
        settle(Asked::Register, fault)?;
        if let Err(fault) = pool.accounts.send_again(&input.email, &code).await {
            settle(Asked::Resend, fault)?;
        }
    }
    Reply::new(&Output { status: AccountStatus::AwaitingConfirmation })
}
