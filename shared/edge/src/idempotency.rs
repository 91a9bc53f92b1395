//! `Idempotency-Key`: once means once (I7). The same key and request give the same answer; the
//! same key with another request is refused. The answer is kept in the same transaction as the
//! effect, sealed, for 24 hours.

use domain::{
    Caller,
    policy::{Act, Permit},
};
use store::{Change, DataKey, Found, Key, keys, rows::Saved, table::SEALED};

use crate::{
    problem::{Failure, Problem},
    reply::Reply,
    request::Request,
};

/// What identifies a change across repetitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    hash: String,
    fingerprint: String,
}

impl Idempotency {
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let key = request.header("idempotency-key")?;
        let fits = (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self {
            hash: store::sha256_hex(&[key.as_bytes()]),
            fingerprint: store::sha256_hex(&[request.resource().as_bytes(), b"\n", &request.body]),
        })
    }

    /// Where the answer is kept.
    #[must_use]
    pub fn place<A: Act>(&self, caller: &Caller) -> Key {
        keys::saved(caller.id(), A::ACTION, &self.hash)
    }

    /// The answer given before, if there is one.
    ///
    /// # Errors
    /// 422 when the key was used for another request.
    pub fn replay<A: Act>(
        &self,
        permit: &Permit<A>,
        found: &Found,
        key: &DataKey,
    ) -> Result<Option<Reply>, Failure> {
        let Some(item) = found.saved_item(permit) else { return Ok(None) };
        let saved: Saved = item.clear()?;
        if saved.fingerprint != self.fingerprint {
            let detail = "This Idempotency-Key was used for another request; send a new one.";
            return Err(Problem::new(422, "idempotency-key-reused", detail).into());
        }
        let sealed = item.bytes(SEALED).unwrap_or_default();
        let body = key.open(&item.key, SEALED, sealed)?;
        Ok(Some(Reply::raw(saved.status, body)))
    }

    /// Keeps `reply` with the change that it answers.
    pub fn keep<'s, A: Act>(
        &self,
        change: Change<'s>,
        permit: &Permit<A>,
        reply: &Reply,
        key: &DataKey,
    ) -> Change<'s> {
        let place = self.place::<A>(permit.caller());
        let answer = (reply.status(), reply.body());
        change.save(&place, &self.fingerprint, answer, key, permit.now())
    }
}
