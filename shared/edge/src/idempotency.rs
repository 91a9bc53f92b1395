//! `Idempotency-Key`: once means once (I7). The same key and request give the same answer; the
//! same key with another request is refused. The answer is kept in the same transaction as the
//! effect, sealed, for 24 hours.

use std::sync::Arc;

use domain::{Caller, policy::Act};
use serde_json::{Value, json};
use store::{Change, DataKey, Fault, Item, Key, Permit, keys, rows::Saved, table::SEALED};

use crate::{
    problem::{Failure, KEY_REUSED},
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

    /// What the header must be, as a JSON Schema.
    pub(crate) fn schema() -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" })
    }

    /// Where the answer is kept.
    #[must_use]
    pub fn place<A: Act>(&self, caller: &Caller) -> Key {
        keys::saved(caller.id(), A::ACTION, &self.hash)
    }

    /// The answer given before, if there is one.
    fn replay<T, const STATUS: u16>(
        &self,
        item: Option<&Item>,
        key: &DataKey,
    ) -> Result<Option<Reply<T, STATUS>>, Failure> {
        let (true, Some(item)) = (self.noted(item)?, item) else { return Ok(None) };
        if item.clear::<Saved>()?.status != STATUS {
            return Err(Fault::Corrupt("saved-status").into());
        }
        let sealed = item.bytes(SEALED).unwrap_or_default();
        let body = key.open(&item.key, SEALED, sealed)?;
        Ok(Some(Reply::raw(body)))
    }

    /// Whether `item`, what stands at [`Self::place`], says that the request was answered before.
    ///
    /// # Errors
    /// 422 when the key was used for another request.
    pub fn noted(&self, item: Option<&Item>) -> Result<bool, Failure> {
        let Some(item) = item else { return Ok(false) };
        match item.clear::<Saved>()?.fingerprint == self.fingerprint {
            true => Ok(true),
            false => Err(KEY_REUSED.into()),
        }
    }

    /// Notes with the change that it was answered, where the answer is always the same and tells
    /// nothing of anybody.
    pub fn note<'s, A: Act, T, const STATUS: u16>(
        &self,
        change: Change<'s>,
        permit: &Permit<'_, A>,
        _: &Reply<T, STATUS>,
    ) -> Change<'s> {
        let place = self.place::<A>(permit.caller());
        change.note(&place, &self.fingerprint, STATUS, permit.now())
    }
}

/// Makes a change once: a repetition of the request gets the answer of the first time. `make` is
/// given the data key of what the permit is for, and says what changes and what is answered; both
/// are written in one transaction. The look has to be [`store::Look::saved`] at
/// [`Idempotency::place`].
///
/// # Errors
/// 422 when the key was used for another request, and what `make` and the store met.
pub async fn once<'f, A: Act, T, const STATUS: u16>(
    permit: &Permit<'f, A>,
    idempotency: &Idempotency,
    make: impl AsyncFnOnce(Arc<DataKey>) -> Result<(Change<'f>, Reply<T, STATUS>), Failure>,
) -> Result<Reply<T, STATUS>, Failure> {
    let key = permit.key().await?;
    if let Some(reply) = idempotency.replay(permit.saved(), &key)? {
        return Ok(reply);
    }
    let (change, reply) = make(Arc::clone(&key)).await?;
    let place = idempotency.place::<A>(permit.caller());
    let answer = (STATUS, reply.body());
    let change = change.save(&place, &idempotency.fingerprint, answer, &key, permit.now());
    change.commit().await?;
    Ok(reply)
}
