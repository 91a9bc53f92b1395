//! `POST /v1/me/mfa/verify`: proves the authenticator app by a code. From now on every sign-in
//! asks for one, and every earlier session ends: the caller signs in again.
//!
//! Ending them is what lets `cognito_pre_token` take a refreshed session of somebody with a second
//! factor for one that has passed it. If they could not be ended, codes are not asked for either,
//! and the caller is told to try again. Takes an `Idempotency-Key` but keeps none: nothing of ours
//! changes.

use domain::policy::acts::MfaVerify;
use edge::{Failure, Http, Reader, Reply, Request, read::secret};

use crate::{
    cognito::{Asked, Pool, code_invalid, refused},
    own,
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Pool> {
    edge::http("mfa_verify", || Box::pin(Pool::connect()), |pool, request| {
        Box::pin(handle(pool, request))
    })
}

struct Input {
    code: String,
}

impl Input {
    fn parse(request: &Request) -> Result<Self, Failure> {
        let read = Reader::with_body(request);
        let code = read.field("/code", secret(20));
        read.finish()?;
        Ok(Self { code: code? })
    }
}

async fn handle(pool: &Pool, request: &Request) -> Result<Reply, Failure> {
    own::<MfaVerify>(request)?;
    let input = Input::parse(request)?;
    let (token, username) = (request.access_token()?, request.username()?);
    let right = pool.verify(token, &input.code).await;
    if !right.map_err(|fault| refused(Asked::Verify, fault))? {
        return Err(code_invalid().into());
    }
    let (asking, ended) =
        tokio::join!(pool.ask_for_codes(username, true), pool.sign_out_everywhere(username));
    if let Err(fault) = ended {
        pool.ask_for_codes(username, false).await?;
        return Err(fault.into());
    }
    asking?;
    Ok(Reply::no_content())
}
