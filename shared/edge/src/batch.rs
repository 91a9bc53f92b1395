//! Batches of queue messages (SQS) and the answer that names those to be tried again (I11).

use serde::Deserialize;
use serde_json::{Value, json};
use store::Fault;

use crate::{serve::Boxed, tries::Tries};

/// One message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id, which names it in the answer.
    #[serde(rename = "messageId")]
    pub id: String,
    /// The handle to change its visibility with.
    #[serde(rename = "receiptHandle", default)]
    pub receipt: String,
    /// What it says.
    #[serde(default)]
    pub body: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    #[serde(default)]
    approximate_receive_count: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    records: Vec<Message>,
}

impl Message {
    /// Which attempt this is, from 1.
    #[must_use]
    pub fn receives(&self) -> u32 {
        self.attributes.approximate_receive_count.parse().unwrap_or(1)
    }
}

/// The messages of a batch.
///
/// # Errors
/// `Fault::Corrupt` when the event is no batch; then all of it is tried again.
pub fn messages(event: Value) -> Result<Vec<Message>, Fault> {
    let batch: Batch = serde_json::from_value(event).map_err(|_| Fault::Corrupt("batch"))?;
    match batch.records.iter().any(|message| message.id.is_empty()) {
        true => Err(Fault::Corrupt("message-id")),
        false => Ok(batch.records),
    }
}

/// What handles one message.
pub type Handle<S> = for<'a> fn(&'a S, &'a Message) -> Boxed<'a, Result<(), Fault>>;

/// Handles one message; anew when what it rested on changed meanwhile.
///
/// # Errors
/// What the handler met.
pub async fn settle<S>(service: &S, message: &Message, handle: Handle<S>) -> Result<(), Fault> {
    let mut tries = Tries::default();
    loop {
        let result = handle(service, message).await;
        match result {
            Err(fault) if fault.is_passing() && tries.another().await => {}
            result => return result,
        }
    }
}

/// Logs that a message or a stream's record failed: its id, a code, which attempt it was.
pub fn log_failed(operation: &str, id: &str, attempt: Option<u32>, fault: &Fault) {
    let line = json!({
        "level": "WARN",
        "operation": operation,
        "messageId": id,
        "receives": attempt,
        "outcome": "message-failed",
        "fault": fault.code(),
    });
    println!("{line}");
}

/// The answer that names the messages to be tried again; all others are done.
#[must_use]
pub fn answer(failed: &[String]) -> Value {
    let failures: Vec<_> = failed.iter().map(|id| json!({ "itemIdentifier": id })).collect();
    json!({ "batchItemFailures": failures })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_read_whole_or_not_at_all() {
        let whole = json!({ "Records": [
            { "messageId": "1", "receiptHandle": "r", "body": "{}",
              "attributes": { "ApproximateReceiveCount": "3" } },
            { "messageId": "2" },
        ] });
        let read = messages(whole).unwrap();
        let read: Vec<_> = read.iter().map(|m| (m.id.as_str(), m.receives())).collect();
        assert_eq!(read, [("1", 3), ("2", 1)]);
        for bad in [
            json!(null),
            json!({}),
            json!([]),
            json!({ "Records": [{}] }),
            json!({ "Records": 1 }),
            json!({ "Records": [{ "messageId": "" }] }),
        ] {
            assert!(messages(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn i11_an_answer_is_never_empty_when_something_failed() {
        assert_eq!(answer(&[]).to_string(), r#"{"batchItemFailures":[]}"#);
        let answer = answer(&["7".into()]);
        assert_eq!(answer.to_string(), r#"{"batchItemFailures":[{"itemIdentifier":"7"}]}"#);
    }
}
