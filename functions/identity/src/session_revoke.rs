//! `DELETE /v1/sessions`: signs the caller out everywhere. Their refresh tokens are worth nothing
//! from now on; an access token that is out ends within 15 minutes by itself.
//!
//! By name and not by token: the token of somebody with a second factor is good for our API alone.

use domain::policy::acts::SessionRevoke;
use edge::{Failure, Http, Promise, Reply, Request};

use crate::{
    gate::Gate,
    refusal::{Asked, settle},
    session::own,
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Gate, impl Promise> {
    edge::http("session_revoke", "DELETE /v1/sessions", |gate, request, ()| {
        Box::pin(handle(gate, request))
    })
}

async fn handle(gate: &Gate, request: &Request) -> Result<Reply<(), 204>, Failure> {
    let permission = own::<SessionRevoke>(request)?;
    if let Err(fault) = gate.pool.accounts.sign_out_everywhere(request.account()?).await {
        settle(Asked::SignOut, fault)?;
    }
    gate.store.write_entry(&permission.entry(), request.now).await?;
    Ok(Reply::no_content())
}
