//! The queues that carry work from one step to the next, each with its retries and a queue for
//! what failed every time (I11).

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use domain::{PatientId, RecordId};
use edge::batch::{self, Handle, Message};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Fault, TripCounter, objects::Place, variable};

/// The longest a message can be put off (Amazon SQS, `ChangeMessageVisibility`).
const LONGEST_WAIT_SECONDS: u32 = 12 * 60 * 60;

/// The queue that an operation works off, and the way to send to others.
#[derive(Debug)]
pub(crate) struct Queue {
    sqs: Client,
    url: String,
    retry_seconds: u32,
    max_receives: u32,
}

/// Asks to read a document. `attempt` tells a new reading of the same document from a repetition
/// of this message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ToRead {
    pub(crate) patient_id: PatientId,
    pub(crate) record_id: RecordId,
    #[serde(default)]
    pub(crate) attempt: u32,
}

/// Asks to look up a reading: it has ended, or it is time to see whether it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ToCollect {
    pub(crate) job_id: String,
    pub(crate) patient_id: PatientId,
    pub(crate) record_id: RecordId,
    #[serde(default)]
    pub(crate) attempt: u32,
}

impl ToRead {
    pub(crate) fn new(place: Place, attempt: u32) -> Self {
        Self { patient_id: place.patient, record_id: place.record, attempt }
    }

    pub(crate) fn parse(body: &str) -> Result<Self, Fault> {
        serde_json::from_str(body).map_err(|_| Fault::Corrupt("message"))
    }

    pub(crate) fn place(&self) -> Place {
        Place { patient: self.patient_id, record: self.record_id }
    }
}

impl Queue {
    /// The queue named by the environment: `QUEUE_URL`, `RETRY_SECONDS`, `MAX_RECEIVES`.
    pub(crate) fn new(config: &SdkConfig) -> Result<Self, Fault> {
        let sqs = aws_sdk_sqs::config::Builder::from(config).interceptor(TripCounter);
        Ok(Self {
            sqs: Client::from_conf(sqs.build()),
            url: variable("QUEUE_URL")?,
            retry_seconds: number("RETRY_SECONDS")?,
            max_receives: number("MAX_RECEIVES")?,
        })
    }

    /// Sends a message to the queue at `url`, to arrive after `delay` seconds.
    pub(crate) async fn send(
        &self,
        url: &str,
        message: &(impl Serialize + Sync),
        delay: i32,
    ) -> Result<(), Fault> {
        let body = serde_json::to_string(message).map_err(|_| Fault::Corrupt("message"))?;
        let call = self.sqs.send_message().queue_url(url).message_body(body).delay_seconds(delay);
        Box::pin(call.send()).await.map(|_| ()).map_err(|error| Fault::of(&error))
    }

    /// Whether this is the last attempt at a message before it is put aside.
    pub(crate) fn is_last(&self, message: &Message) -> bool {
        message.receives() >= self.max_receives
    }

    /// Handles every message of a batch and answers with those that failed. A failed one comes
    /// back a little later each time.
    pub(crate) async fn work<S>(
        &self,
        operation: &str,
        event: Value,
        service: &S,
        handle: Handle<S>,
    ) -> Result<Value, Fault> {
        let mut failed = Vec::new();
        for message in batch::messages(event)? {
            if let Err(fault) = batch::settle(service, &message, handle).await {
                batch::log_failed(operation, &message.id, Some(message.receives()), &fault);
                self.put_off(&message).await;
                failed.push(message.id);
            }
        }
        Ok(batch::answer(&failed))
    }

    /// Sets when a failed message comes back; if even that fails it comes back when the queue's
    /// own time is over.
    async fn put_off(&self, message: &Message) {
        let wait = self.retry_seconds.saturating_mul(message.receives()).min(LONGEST_WAIT_SECONDS);
        let call = self
            .sqs
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(&message.receipt)
            .visibility_timeout(i32::try_from(wait).unwrap_or(i32::MAX));
        let _ = Box::pin(call.send()).await;
    }
}

/// A number of the function's environment.
pub(crate) fn number<T: std::str::FromStr>(name: &str) -> Result<T, Fault> {
    variable(name)?.parse().map_err(|_| Fault::Unavailable(format!("no-number-{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a6f0-0000-7000-8000-000000000001";

    #[test]
    fn a_message_to_read_names_a_record_and_nothing_else() {
        let plain = format!(r#"{{"patientId":"{ID}","recordId":"{ID}"}}"#);
        let read = ToRead::parse(&plain).unwrap();
        assert_eq!((read.place().record.to_string().as_str(), read.attempt), (ID, 0));
        let sent = serde_json::to_string(&ToRead::new(read.place(), 2)).unwrap();
        assert_eq!(ToRead::parse(&sent), Ok(ToRead { attempt: 2, ..read }));
        for bad in [
            "",
            "null",
            "{}",
            "[]",
            r#"{"patientId":"x","recordId":"y"}"#,
            &plain.replace('}', r#","title":"x"}"#),
            &plain.replace('}', r#","attempt":-1}"#),
        ] {
            assert_eq!(ToRead::parse(bad), Err(Fault::Corrupt("message")), "{bad}");
        }
    }
}
