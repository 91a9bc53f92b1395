//! `DELETE /v1/sessions`: signs the caller out everywhere. Their refresh tokens are worth nothing
//! from now on; an access token that is out ends within 15 minutes by itself.
//!
//! By name and not by token: the token of somebody with a second factor is good for our API alone.

use domain::policy::acts::SessionRevoke;
use edge::{Failure, Http, Promise, Reply, Request};

use crate::{
    cognito::Pool,
    refusal::{Asked, settle},
    session::own,
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Pool, impl Promise> {
    edge::http("session_revoke", "DELETE /v1/sessions", |pool, request, ()| {
        Box::pin(handle(pool, request))
    })
}

async fn handle(pool: &Pool, request: &Request) -> Result<Reply<(), 204>, Failure> {
    own::<SessionRevoke>(request)?;
    if let Err(fault) = pool.accounts.sign_out_everywhere(request.account()?).await {
        settle(Asked::SignOut, fault)?;
    }
    Ok(Reply::no_content())
}
