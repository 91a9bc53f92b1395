//! Follows the table's stream: a live grant that TTL took away is recorded as expired (I4), a
//! newly invited doctor gets an account. Records may come late and twice (I7); the first that
//! fails is reported, so that the stream goes on from there (I11).

use aws_lambda_events::event::dynamodb::{Event as StreamEvent, EventRecord};
use edge::Event;
use serde_json::{Value, json};
use store::{Fault, Store, rows::LiveGrant};

use crate::expiry;

/// The operation.
#[must_use]
pub fn operation() -> Event<Store> {
    edge::event("table_stream", || Box::pin(Store::connect()), |store, event| {
        Box::pin(handle(store, event))
    })
}

async fn handle(store: &Store, event: Value) -> Result<Value, Fault> {
    let event: StreamEvent =
        serde_json::from_value(event).map_err(|_| Fault::Corrupt("stream-event"))?;
    for record in event.records {
        let number = record.change.sequence_number.clone();
        if follow(store, record).await.is_err() {
            return Ok(json!({ "batchItemFailures": [{ "itemIdentifier": number }] }));
        }
    }
    Ok(json!({ "batchItemFailures": [] }))
}

async fn follow(store: &Store, record: EventRecord) -> Result<(), Fault> {
    let key: Place = serde_dynamo::from_item(record.change.keys)
        .map_err(|_| Fault::Corrupt("stream-key"))?;
    match record.event_name.as_str() {
        "REMOVE" if key.sk.starts_with("LIVE#") => {
            let live: LiveGrant = serde_dynamo::from_item(record.change.old_image)
                .map_err(|_| Fault::Corrupt("stream-image"))?;
            let now = edge::request::now();
            // Taken away before its time means that it was revoked or replaced, which left its
            // own entry.
            if live.ends_at <= now {
                expiry::removed(store, &live, now).await?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

#[derive(serde::Deserialize)]
struct Place {
    #[serde(rename = "SK")]
    sk: String,
}
