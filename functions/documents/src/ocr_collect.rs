//! A reading has ended, or it is time to see whether it has: fetch its text. What a message says
//! of the outcome is never believed; the reader is asked.

use domain::{
    policy::Action,
    record::{TextProblem, TextStatus},
};
use edge::{Boxed, Event, Message, Service};
use serde::Deserialize;
use store::{Fault, Store, objects::Place, variable};

use crate::{
    queue::{Queue, ToCollect, ToRead},
    reader::{Reader, Reading, attempt_of},
    text,
    vaulted::Vaulted,
};

const NAME: &str = "ocr_collect";

/// How often a document is read anew by itself when the reader failed.
const ATTEMPTS: u32 = 3;

/// What the operation needs.
#[derive(Debug)]
pub struct Completions {
    store: Store,
    reader: Reader,
    queue: Queue,
    ocr_queue: String,
    ocr_dead_letters: String,
}

impl Service for Completions {
    fn connect() -> Boxed<'static, Result<Self, Fault>> {
        Box::pin(async {
            let config = store::aws_config();
            Ok(Self {
                store: Store::new(&config)?,
                reader: Reader::new(&config, ""),
                queue: Queue::new(&config)?,
                ocr_queue: variable("OCR_QUEUE_URL")?,
                ocr_dead_letters: variable("OCR_DEAD_LETTERS_URL")?,
            })
        })
    }

    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }
}

/// The operation.
#[must_use]
pub fn operation() -> Event<Completions> {
    edge::event(NAME, |completions, event| {
        Box::pin(completions.queue.work(NAME, event, completions, |completions, message| {
            Box::pin(handle(completions, message))
        }))
    })
}

/// What the reader tells (Amazon Textract Developer Guide, "Completion status of an asynchronous
/// request"), as far as it is believed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Completion {
    job_id: String,
    #[serde(default)]
    job_tag: Option<String>,
    document_location: Location,
}

#[derive(Debug, Deserialize)]
struct Location {
    #[serde(rename = "S3ObjectName")]
    object: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Ours(ToCollect),
    Theirs(Completion),
}

/// The reading that a message is about: the reader's own message, or the one `ocr_start` sent.
fn parse(body: &str) -> Result<ToCollect, Fault> {
    match serde_json::from_str(body).map_err(|_| Fault::Corrupt("message"))? {
        Told::Ours(check) => Ok(check),
        Told::Theirs(Completion { job_id, job_tag, document_location }) => {
            let place = Place::parse(&document_location.object);
            let place = place.filter(|place| place.kept() == document_location.object);
            let Place { patient, record } = place.ok_or(Fault::Corrupt("object-name"))?;
            let attempt = attempt_of(&job_tag.unwrap_or_default());
            Ok(ToCollect { job_id, patient_id: patient, record_id: record, attempt })
        }
    }
}

async fn handle(completions: &Completions, message: &Message) -> Result<(), Fault> {
    let check = parse(&message.body)?;
    let place = Place { patient: check.patient_id, record: check.record_id };
    let result = collect(completions, place, &check).await;
    let is_last = completions.queue.is_last(message);
    text::or_give_up(result, is_last, &completions.store, place, Action::OcrCollect).await
}

async fn collect(completions: &Completions, place: Place, check: &ToCollect) -> Result<(), Fault> {
    let Completions { store, reader, .. } = completions;
    let Some(record) = Vaulted::find(store, place).await? else { return Ok(()) };
    if !text::is_wanted(&record) {
        return Ok(());
    }
    match reader.collect(&check.job_id).await? {
        Reading::InProgress => Err(Fault::Unavailable("in-progress".into())),
        Reading::Ended(pages) => {
            let pages = text::with_kept(store, &record, pages).await?;
            text::keep(store, &record, pages, None, Action::OcrCollect).await
        }
        Reading::Failed(Some(problem)) => {
            let outcome = (TextStatus::Unreadable, problem);
            text::end(store, &record, outcome, Action::OcrCollect).await
        }
        Reading::Failed(None) => again(completions, &record, check.attempt).await,
    }
}

/// The reader failed through no fault of the document: it is read anew, or, after enough of that,
/// marked as failed and put aside for a replay.
async fn again(completions: &Completions, record: &Vaulted, attempt: u32) -> Result<(), Fault> {
    let Completions { store, queue, .. } = completions;
    if record.row.text_status == Some(TextStatus::Failed) || attempt < record.row.attempt {
        return Ok(());
    }
    let next = ToRead::new(record.place, attempt.saturating_add(1));
    if next.attempt < ATTEMPTS {
        return queue.send(&completions.ocr_queue, &next, 0).await;
    }
    queue.send(&completions.ocr_dead_letters, &next, 0).await?;
    let outcome = (TextStatus::Failed, TextProblem::ReaderFailed);
    text::end(store, record, outcome, Action::OcrCollect).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: &str = "0190a6f0-0000-7000-8000-000000000001";
    const RECORD: &str = "0190a6f0-0000-7000-8000-000000000002";

    fn told(object: &str) -> String {
        format!(
            r#"{{"JobId":"job","Status":"SUCCEEDED","API":"StartDocumentTextDetection",
            "JobTag":"attempt-1","Timestamp":1,
            "DocumentLocation":{{"S3ObjectName":"{object}","S3Bucket":"files"}}}}"#
        )
    }

    #[test]
    fn both_kinds_of_message_name_the_same_reading() {
        let theirs = parse(&told(&format!("records/{PATIENT}/{RECORD}"))).unwrap();
        let ours = serde_json::to_string(&theirs).unwrap();
        assert_eq!(parse(&ours), Ok(theirs.clone()));
        assert_eq!((theirs.job_id.as_str(), theirs.attempt), ("job", 1));
        assert_eq!(theirs.record_id.to_string(), RECORD);
    }

    #[test]
    fn anything_else_is_malformed() {
        let cases = [
            (String::new(), "message"),
            ("[]".into(), "message"),
            ("{}".into(), "message"),
            (r#"{"JobId":"job"}"#.into(), "message"),
            (told("records/x/y"), "object-name"),
            (told(&format!("quarantine/{PATIENT}/{RECORD}")), "object-name"),
            (format!(r#"{{"jobId":"job","patientId":"{PATIENT}"}}"#), "message"),
        ];
        for (body, code) in cases {
            assert_eq!(parse(&body), Err(Fault::Corrupt(code)), "{body}");
        }
    }
}
