//! `POST /v1/sessions/refresh`: a new access token for a session that goes on. Public, by its
//! refresh token.
//!
//! Takes an `Idempotency-Key` but keeps none: nothing of ours changes, and a kept token would be
//! a hole.

use edge::{Failure, Http, Reader, Reply, Request, read::secret};

use crate::cognito::{Asked, Pool, refused};

/// The operation.
#[must_use]
pub fn operation() -> Http<Pool> {
    edge::http(
        "session_refresh",
        || Box::pin(Pool::connect()),
        |pool, request| Box::pin(handle(pool, request)),
    )
}

struct Input {
    refresh_token: String,
}

impl Input {
    fn parse(request: &Request) -> Result<Self, Failure> {
        let read = Reader::with_body(request);
        let refresh_token = read.field("/refreshToken", secret(8192));
        read.finish()?;
        Ok(Self { refresh_token: refresh_token? })
    }
}

async fn handle(pool: &Pool, request: &Request) -> Result<Reply, Failure> {
    let input = Input::parse(request)?;
    let step = pool.refresh(&input.refresh_token).await;
    step.map_err(|fault| refused(Asked::Refresh, fault))?.reply()
}
