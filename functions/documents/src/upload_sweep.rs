//! Every hour (EventBridge schedule): removes the records whose files never came, a day after the form
//! for the file ended. Tidies up only (I4): may run late, twice or at once with itself.

use domain::{Timestamp, audit::Done, policy::Action, record::RecordStatus};
use edge::Event;
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::{Fault, Item, Store, keys, objects::Place};

use crate::vaulted::Vaulted;

/// How long a record without a file stays, so that its owner sees what became of it: a day.
const STAYS: SignedDuration = SignedDuration::from_hours(24);

/// The operation.
#[must_use]
pub fn operation() -> Event<Store> {
    edge::event("upload_sweep", |store, _| Box::pin(handle(store)))
}

async fn handle(store: &Store) -> Result<Value, Fault> {
    let ended = edge::request::now().checked_sub(STAYS).map_err(|_| Fault::Corrupt("clock"))?;
    let (mut removed, mut failed) = (0, None);
    for shard in 0..keys::EXPIRY_SHARDS {
        let mut scroll = store.scroll(keys::awaited(shard, ended), None);
        while let Some(items) = scroll.next().await? {
            for item in items {
                match remove(store, &item, ended).await {
                    Ok(first) => removed += u32::from(first),
                    // Its file came, or somebody else was first, or the register is in use; the next
                    // sweep takes what is left.
                    Err(Fault::Conflict | Fault::Changed) => {}
                    Err(fault) => failed = Some(fault),
                }
            }
        }
    }
    // One that cannot be removed holds up no other; the failure still raises the alarm.
    failed.map_or_else(|| Ok(json!({ "removed": removed })), Err)
}

/// Removes the record of an item of the index, if no file came for it since.
async fn remove(store: &Store, item: &Item, ended: Timestamp) -> Result<bool, Fault> {
    let (patient, record) = (keys::patient_of(&item.key), keys::record_of(&item.key));
    let (Some(patient), Some(record)) = (patient, record) else {
        return Err(Fault::Corrupt("index"));
    };
    let Some(found) = Vaulted::find(store, Place { patient, record }).await? else {
        return Ok(false);
    };
    let is_over = found.row.awaited_until.is_some_and(|until| until <= ended);
    if found.row.status != RecordStatus::AwaitingUpload || !is_over {
        return Ok(false);
    }
    let change = found.remove(store, found.while_in_use(store)).await?;
    let entry = found.entry(Action::UploadSweep, Done::FileNeverCame);
    change.audit(&entry, edge::request::now()).commit().await?;
    Ok(true)
}
