//! Follows the table's stream: a live grant that TTL took away is recorded as expired (I4), a
//! newly invited doctor gets an account, a proven second factor is taken into use. Records may come
//! late and twice (I7). One that fails keeps no other of its batch from being done; the stream goes
//! on from the first that did (I11).

use aws_lambda_events::event::dynamodb::{Event as StreamEvent, EventRecord};
use edge::{Boxed, Event, Service, batch, request::now};
use hospital::{Directory, invitation};
use identity::{Accounts, second_factor};
use serde::Deserialize;
use serde_json::Value;
use store::{Fault, Key, Store, keys, rows::LiveGrant};

use crate::expiry;

/// The operation.
#[must_use]
pub fn operation() -> Event<Follower> {
    edge::event("table_stream", |follower, event| Box::pin(handle(follower, event)))
}

/// The store and the user pool, as the two services see it whose work is ended here.
#[derive(Debug)]
pub struct Follower {
    store: Store,
    directory: Directory,
    accounts: Accounts,
}

impl Service for Follower {
    fn connect() -> Boxed<'static, Result<Self, Fault>> {
        Box::pin(async {
            let config = store::aws_config();
            let pool = store::variable("USER_POOL_ID")?;
            let directory = Directory::new(&config, pool.clone());
            let accounts = Accounts::new(directory.client(), pool);
            Ok(Self { store: Store::new(&config)?, directory, accounts })
        })
    }

    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }
}

/// A record's key, as the stream gives it.
#[derive(Deserialize)]
struct Place {
    #[serde(rename = "PK")]
    pk: String,
    #[serde(rename = "SK")]
    sk: String,
}

async fn handle(follower: &Follower, event: Value) -> Result<Value, Fault> {
    let event: StreamEvent =
        serde_json::from_value(event).map_err(|_| Fault::Corrupt("stream-event"))?;
    let mut failed = Vec::new();
    for record in event.records {
        let number = record.change.sequence_number.clone().unwrap_or_default();
        if let Err(fault) = follow(follower, record, &number).await {
            batch::log_failed("table_stream", &number, None, &fault);
            failed.push(number);
        }
    }
    Ok(batch::answer(&failed))
}

async fn follow(follower: &Follower, record: EventRecord, number: &str) -> Result<(), Fault> {
    let Follower { store, directory, accounts } = follower;
    let key = serde_dynamo::from_item(record.change.keys);
    let Place { pk, sk } = key.map_err(|_| Fault::Corrupt("stream-key"))?;
    let key = Key { pk, sk };
    match record.event_name.as_str() {
        "INSERT" => {
            if let Some(doctor) = keys::doctor_of(&key) {
                invitation::send(store, directory, doctor, now()).await?;
            }
            if let Some(account) = keys::proven_by(&key) {
                let at = (&key, now());
                let hindered = second_factor::take_into_use(store, accounts, account, at).await?;
                if let Some(fault) = hindered {
                    batch::log_failed("table_stream", number, None, &fault);
                }
            }
            Ok(())
        }
        "REMOVE" if keys::is_live_grant(&key) => {
            let live = serde_dynamo::from_item(record.change.old_image);
            removed(store, &live.map_err(|_| Fault::Corrupt("stream-image"))?).await
        }
        _ => Ok(()),
    }
}

/// A live grant went. Before its time that was a revocation or a replacement, which left its own
/// entry.
async fn removed(store: &Store, live: &LiveGrant) -> Result<(), Fault> {
    let now = now();
    if live.ends_at <= now {
        expiry::removed(store, live, now).await?;
    }
    Ok(())
}
