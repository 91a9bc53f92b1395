//! `POST /v1/me/mfa/verify`: proves the authenticator app by a code. From now on every sign-in
//! asks for one, and every earlier session ends: the caller signs in again.
//!
//! Four calls of Cognito one after the other, where an operation has two: once in an account's
//! life, and their order is what I9 rests on.
//!
//! 1. The code is checked.
//! 2. The account is marked `held`, and codes are asked for. A token made from now on is good for
//!    our API alone: it cannot switch the asking off again at Cognito.
//! 3. Every session ends, and with it what earlier tokens could do at Cognito. What is opened from
//!    now on was asked for a code; or, had an earlier token switched the asking off in between,
//!    nobody is left who can switch it on.
//! 4. The account is marked `on`. Only now does `cognito_pre_token` say that the second factor was
//!    passed, and only where codes are asked for.
//!
//! When it fails on the way the mark is taken off, never the asking, and the answer is 503: send
//! another code; after a new sign-in and `mfa_enroll`, if the session has ended by then.
//!
//! Takes an `Idempotency-Key` but keeps none: nothing of ours changes.

use domain::policy::acts::MfaVerify;
use edge::{Failure, Http, Input, Promise, Read, Reader, Reply, Request, kind::secret};
use store::Fault;

use crate::{
    cognito::{Mark, Pool},
    own,
    refusal::{Asked, CODE_INVALID, MFA_ENROLLED, MFA_NOT_BEGUN, refused},
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Pool, impl Promise> {
    edge::http("mfa_verify", "POST /v1/me/mfa/verify", |pool, request, input| {
        Box::pin(handle(pool, request, input))
    })
    .problems(&[CODE_INVALID, MFA_ENROLLED, MFA_NOT_BEGUN])
}

struct Proof {
    code: String,
}

impl Input for Proof {
    fn read(read: &Reader<'_>) -> Read<Self> {
        Ok(Self { code: read.field("/code", secret(20))? })
    }
}

async fn handle(pool: &Pool, request: &Request, input: Proof) -> Result<Reply<(), 204>, Failure> {
    own::<MfaVerify>(request)?;
    let (token, username) = (request.access_token()?, request.username()?);
    match pool.verify(token, &input.code).await {
        Ok(true) => {}
        Ok(false) => return Err(CODE_INVALID.into()),
        Err(fault) => return Err(turned_away(pool, username, fault).await),
    }
    if let Err(fault) = switch_on(pool, username).await {
        // Without the mark it can be begun again. Nothing was gained by it yet.
        pool.mark(username, None).await?;
        return Err(fault.into());
    }
    Ok(Reply::no_content())
}

async fn switch_on(pool: &Pool, username: &str) -> Result<(), Fault> {
    // To the end of both: what is given up half-way may still be done later.
    let both = tokio::join!(pool.mark(username, Some(Mark::Held)), pool.ask_for_codes(username));
    both.0.and(both.1)?;
    pool.sign_out_everywhere(username).await?;
    pool.mark(username, Some(Mark::On)).await
}

/// Why the code was not looked at. The token of an account whose second factor is in use cannot
/// change it, which Cognito does not tell from a session that has ended.
async fn turned_away(pool: &Pool, username: &str, fault: Fault) -> Failure {
    let failure = refused(Asked::Verify, fault);
    match &failure {
        Failure::Problem(problem) if problem.status == 401 => {}
        _ => return failure,
    }
    match pool.enrolment(username).await.map(|known| known.open()) {
        Ok(Err(enrolled)) => enrolled.into(),
        Ok(Ok(())) => failure,
        Err(fault) => refused(Asked::Verify, fault),
    }
}
