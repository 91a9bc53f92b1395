//! `POST /v1/me/mfa/verify`: proves the authenticator app by a code. Within a moment it is in use:
//! every sign-in asks for a code, and every earlier session has ended. The caller signs in again;
//! who did so too early, and was asked for no code or still gets `mfa-required`, does it once more.
//! A right code is audited (I2); once however often it is sent (I7). A code is used up once Cognito
//! has looked at it, whatever the answer: where a repetition after a 503 is refused, send the next.
//! Asks for the password again, as `mfa_enroll` does.
//!
//! Only writes that the app is proven. The table's stream sees it and takes the app into use
//! (`second_factor`), whose steps must not end half-way.

use std::time::Duration;

use domain::{AccountId, named, policy::acts::MfaVerify};
use edge::{Failure, Http, Idempotency, Input, Promise, Read, Reader, Reply, Request};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Look, keys, new_id, rows::Proof, table::item};

use crate::{
    code,
    cognito::Pool,
    gate::Gate,
    password::given,
    refusal::{Asked, CODE_INVALID, MFA_ENROLLED, MFA_NOT_BEGUN, WRONG_PASSWORD, refused},
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Gate, impl Promise> {
    edge::http("mfa_verify", "POST /v1/me/mfa/verify", |gate, request, input| {
        Box::pin(handle(gate, request, input))
    })
    .problems(&[CODE_INVALID, MFA_ENROLLED, MFA_NOT_BEGUN, WRONG_PASSWORD])
}

/// What writing a proof takes, and more.
const A_WRITE: Duration = Duration::from_millis(200);

struct Given {
    password: String,
    code: String,
    once: Idempotency,
}

impl Input for Given {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let password = read.field("/password", given());
        let code = read.field("/code", code::shown());
        let once = read.idempotency();
        Ok(Self { password: password?, code: code?, once: once? })
    }
}

named! {
    /// How far a second factor has come.
    pub enum FactorStatus {
        /// Its code was right, and it is being taken into use.
        Proven = "proven",
    }
}

/// A second factor that was proven.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SecondFactor")]
struct Output {
    status: FactorStatus,
}

async fn handle(
    Gate { pool, store }: &Gate,
    request: &Request,
    given: Given,
) -> Result<Reply<Output, 202>, Failure> {
    let (caller, account) = (request.caller()?, request.account()?);
    let once = &given.once;
    let found = store.look(Look::session(&caller)).await?;
    let permit = found.permit::<MfaVerify>(None, request.now)?;
    let place = [once.place::<MfaVerify>(permit.caller())];
    let (proven, before) = tokio::join!(prove(pool, account, &given), store.table.read(&place));
    let reply = Reply::new(&Output { status: FactorStatus::Proven })?;
    // The code was used up by the request that this one repeats.
    if once.noted(before?.iter().flatten().next())? {
        return Ok(reply);
    }
    if let Err(failure) = proven {
        // By one that is still being answered, perhaps.
        tokio::time::sleep(A_WRITE).await;
        if once.noted(store.table.read(&place).await?.iter().flatten().next())? {
            return Ok(reply);
        }
        return Err(failure);
    }
    let at = keys::proof(account, new_id());
    let proof = item(&at, &Proof::given(request.now))?;
    let change = permit.change().create(proof).audit(&permit.entry(), request.now);
    once.note(change, &permit, &reply).commit().await?;
    Ok(reply)
}

/// Has Cognito judge the code, by a token that the password is good for and that goes no further.
async fn prove(pool: &Pool, account: AccountId, given: &Given) -> Result<(), Failure> {
    let known = pool.accounts.enrolment(account);
    let (known, token) = tokio::join!(known, pool.own_token(account, &given.password));
    known.map_err(|fault| refused(Asked::Verify, fault))?.open()?;
    let token = token.map_err(|fault| refused(Asked::Password, fault))?.ok_or(MFA_ENROLLED)?;
    match pool.verify(&token, &given.code).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(CODE_INVALID.into()),
        Err(fault) => Err(refused(Asked::Verify, fault)),
    }
}
