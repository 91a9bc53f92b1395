//! Finding a request or a grant by its id alone.

use domain::Caller;
use store::{Fault, Found, Look, Store};
use uuid::Uuid;

/// What a decision on a request or a grant rests on; `aim` adds it to a look at a vault. One that
/// is not in the caller's own vault is looked up where it is, so that the refusal stands in the
/// trail of whom it concerns (I2); one that does not exist is refused alike (I10).
pub(crate) async fn find<'s>(
    store: &'s Store,
    caller: &Caller,
    id: Uuid,
    aim: impl Fn(Look) -> Look,
) -> Result<Found<'s>, Fault> {
    if let Caller::Patient(own) = *caller {
        let found = store.look(aim(Look::vault(caller, own))).await?;
        if found.has_target() {
            return Ok(found);
        }
    }
    let owner = store.belonging(id).await?;
    store.look(aim(Look::vault(caller, owner))).await
}
