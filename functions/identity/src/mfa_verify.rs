//! `POST /v1/me/mfa/verify`: proves the authenticator app by a code. Within a moment it is in use:
//! every sign-in asks for a code, and every earlier session has ended. The caller signs in again;
//! who did so too early, and was asked for no code or still gets `mfa-required`, does it once more.
//! A right code is audited (I2); once however often it is sent (I7). A code is used up once Cognito
//! has looked at it, whatever the answer: where a repetition after a 503 is refused, send the next.
//!
//! Only writes that the app is proven. The table's stream sees it and takes the app into use
//! (`second_factor`), whose steps must not end half-way.

use std::time::Duration;

use domain::{named, policy::acts::MfaVerify};
use edge::{
    Boxed, Failure, Http, Idempotency, Input, Promise, Read, Reader, Reply, Request, Service,
    kind::secret,
};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Fault, Look, Store, keys, new_id, rows::Proof, table::item};

use crate::{
    cognito::Pool,
    refusal::{Asked, CODE_INVALID, MFA_ENROLLED, MFA_NOT_BEGUN, refused},
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Proofs, impl Promise> {
    edge::http("mfa_verify", "POST /v1/me/mfa/verify", |proofs, request, input| {
        Box::pin(handle(proofs, request, input))
    })
    .problems(&[CODE_INVALID, MFA_ENROLLED, MFA_NOT_BEGUN])
}

/// What writing a proof takes, and more.
const A_WRITE: Duration = Duration::from_millis(200);

/// Who judges codes, and where it is kept that one was right.
#[derive(Debug)]
pub struct Proofs {
    pool: Pool,
    store: Store,
}

impl Service for Proofs {
    fn connect() -> Boxed<'static, Result<Self, Fault>> {
        Box::pin(async {
            let config = store::aws_config();
            Ok(Self { pool: Pool::new(&config)?, store: Store::new(&config)? })
        })
    }

    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }

    fn greet(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            tokio::join!(self.pool.greet(), self.store.table.greet());
        })
    }
}

struct Code {
    code: String,
    once: Idempotency,
}

impl Input for Code {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let code = read.field("/code", secret(20));
        let once = read.idempotency();
        Ok(Self { code: code?, once: once? })
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
    Proofs { pool, store }: &Proofs,
    request: &Request,
    Code { code, once }: Code,
) -> Result<Reply<Output, 202>, Failure> {
    let caller = request.caller()?;
    let found = store.look(Look::session(&caller)).await?;
    let permit = found.permit::<MfaVerify>(None, request.now)?;
    let place = [once.place::<MfaVerify>(permit.caller())];
    let verified = pool.verify(request.access_token()?, &code);
    let (said, before) = tokio::join!(verified, store.table.read(&place));
    let reply = Reply::new(&Output { status: FactorStatus::Proven })?;
    // The code was used up by the request that this one repeats.
    if once.noted(before?.iter().flatten().next())? {
        return Ok(reply);
    }
    if !matches!(said, Ok(true)) {
        // By one that is still being answered, perhaps.
        tokio::time::sleep(A_WRITE).await;
        if once.noted(store.table.read(&place).await?.iter().flatten().next())? {
            return Ok(reply);
        }
        return Err(turned_away(pool, request, said).await);
    }
    let at = keys::proof(request.account()?, new_id());
    let proof = item(&at, &Proof::given(request.now))?;
    let change = permit.change().create(proof).audit(&permit.entry(), request.now);
    once.note(change, &permit, &reply).commit().await?;
    Ok(reply)
}

/// Why the code was not taken. The token of an account whose second factor is in use cannot change
/// it, which Cognito does not tell from a session that has ended.
async fn turned_away(pool: &Pool, request: &Request, said: Result<bool, Fault>) -> Failure {
    let Err(fault) = said else { return CODE_INVALID.into() };
    let failure = refused(Asked::Verify, fault);
    match (&failure, request.account()) {
        (Failure::Problem(problem), Ok(account)) if problem.status == 401 => {
            match pool.accounts.enrolment(account).await.map(|known| known.open()) {
                Ok(Err(enrolled)) => enrolled.into(),
                Ok(Ok(())) => failure,
                Err(fault) => refused(Asked::Verify, fault),
            }
        }
        _ => failure,
    }
}
