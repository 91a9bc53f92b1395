//! Follows the table's stream and hands on what services began: a newly invited doctor gets an
//! account, a proven second factor is taken into use, a live grant that TTL took away is recorded
//! as expired (I4). Changes may come late and twice (I7). One that fails keeps no other of its batch
//! from being done; the stream goes on from the first that did (I11).

use access::expiry;
use aws_lambda_events::event::dynamodb::{Event as StreamEvent, EventRecord};
use edge::{Boxed, Event, Service, batch, request::now};
use hospital::{Directory, invitation};
use identity::{Accounts, second_factor};
use serde::Deserialize;
use serde_json::Value;
use store::{Fault, Key, Store, keys, keys::Followed, rows::LiveGrant};

/// The operation.
#[must_use]
pub fn operation() -> Event<Follower> {
    edge::event("table_stream", |follower, event| Box::pin(handle(follower, event)))
}

/// The store, and the user pool as the services see it whose work ends here.
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

/// The key of what changed, as the stream gives it.
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
            log(&number, &fault);
            failed.push(number);
        }
    }
    Ok(batch::answer(&failed))
}

/// Hands on what the change was about.
async fn follow(follower: &Follower, record: EventRecord, number: &str) -> Result<(), Fault> {
    let Follower { store, directory, accounts } = follower;
    let key = serde_dynamo::from_item(record.change.keys);
    let Place { pk, sk } = key.map_err(|_| Fault::Corrupt("stream-key"))?;
    let key = Key { pk, sk };
    match (record.event_name.as_str(), keys::followed(&key)) {
        ("INSERT", Some(Followed::Doctor(hospital, doctor))) => {
            invitation::send(store, directory, (hospital, doctor), now()).await.map(drop)
        }
        ("INSERT", Some(Followed::Proof(account))) => {
            let taken = second_factor::take_into_use(store, accounts, account, (&key, now()));
            taken.await.map(|hindered| hindered.iter().for_each(|fault| log(number, fault)))
        }
        ("REMOVE", Some(Followed::LiveGrant)) => {
            let live = serde_dynamo::from_item::<_, LiveGrant>(record.change.old_image);
            let live = live.map_err(|_| Fault::Corrupt("stream-image"))?;
            expiry::removed(store, &live, now()).await
        }
        _ => Ok(()),
    }
}

fn log(number: &str, fault: &Fault) {
    batch::log_failed("table_stream", number, None, fault);
}
