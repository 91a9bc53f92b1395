//! Every minute (EventBridge schedule): records the grants whose time passed and takes them away.
//! Tidies up only (I4): may run late, twice or at once with itself.

use edge::Event;
use serde_json::{Value, json};
use store::{Fault, Store, keys, rows::LiveGrant};

use crate::expiry;

/// The operation.
#[must_use]
pub fn operation() -> Event<Store> {
    edge::event("grant_sweep", |store, _| Box::pin(handle(store)))
}

async fn handle(store: &Store) -> Result<Value, Fault> {
    let now = edge::request::now();
    let (mut expired, mut failed) = (0, None);
    for shard in 0..keys::EXPIRY_SHARDS {
        let mut scroll = store.scroll(keys::due(shard, now), None);
        while let Some(items) = scroll.next().await? {
            for item in items {
                let swept = match item.clear::<LiveGrant>() {
                    Ok(live) => expiry::sweep(store, &live, now).await,
                    Err(fault) => Err(fault),
                };
                match swept {
                    Ok(first) => expired += u32::from(first),
                    // Somebody reads under it at this moment; the next sweep takes it.
                    Err(Fault::Conflict) => {}
                    Err(fault) => failed = Some(fault),
                }
            }
        }
    }
    // One grant that cannot be swept holds up no other; the failure still raises the alarm.
    failed.map_or_else(|| Ok(json!({ "expired": expired })), Err)
}
