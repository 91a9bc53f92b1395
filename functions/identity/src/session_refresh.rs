//! `POST /v1/sessions/refresh`: a new access token for a session that goes on. Public, by its
//! refresh token.
//!
//! Takes an `Idempotency-Key` but keeps none: nothing of ours changes, and a kept token would be
//! a hole.

use edge::{Failure, Http, Input, Promise, Read, Reader, Reply, kind::secret};

use crate::{
    cognito::Pool,
    refusal::{Asked, SESSION_ENDED, refused},
    session::Session,
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Pool, impl Promise> {
    edge::http("session_refresh", "POST /v1/sessions/refresh", |pool, _, input| {
        Box::pin(handle(pool, input))
    })
    .problems(&[SESSION_ENDED])
}

struct Refresh {
    refresh_token: String,
}

impl Input for Refresh {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let refresh_token = read.field("/refreshToken", secret(8192));
        Ok(Self { refresh_token: refresh_token? })
    }
}

async fn handle(pool: &Pool, input: Refresh) -> Result<Reply<Session>, Failure> {
    let step = pool.refresh(&input.refresh_token).await;
    step.map_err(|fault| refused(Asked::Refresh, fault))?.reply()
}
