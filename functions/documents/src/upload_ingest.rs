//! A file arrived in quarantine: check it, and either keep it under its record or delete it and
//! say why (I7, I11).
//!
//! The order of steps makes a crash between any two harmless: the checked version is copied, the
//! record changes under the condition that it still waits for its file, the text reader is asked,
//! and the quarantine is emptied last. A repetition sees how far the first one came and completes
//! what is missing.

use domain::{
    audit::Done,
    names::Named,
    policy::{Action, Permit, acts::UploadCreate, permit},
    record::{Class, MediaType, RecordStatus, Rejection, TextProblem, TextStatus},
};
use edge::{Event, Message, Service};
use serde::Deserialize;
use store::{
    Fault, Look, Objects, Store, Update,
    objects::{Arrived, Place},
    rows::FileContent,
    text, variable,
};

use crate::{
    check::Check,
    queue::{Queue, ToRead},
    vaulted::Vaulted,
};

const NAME: &str = "upload_ingest";

/// What the operation needs.
#[derive(Debug)]
pub struct Arrivals {
    store: Store,
    objects: Objects,
    queue: Queue,
    ocr_queue: String,
}

impl Service for Arrivals {
    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }
}

impl Arrivals {
    async fn connect() -> Result<Self, Fault> {
        let config = store::aws_config().await;
        Ok(Self {
            store: Store::new(&config)?,
            objects: Objects::new(&config)?,
            queue: Queue::new(&config)?,
            ocr_queue: variable("OCR_QUEUE_URL")?,
        })
    }
}

/// The operation.
#[must_use]
pub fn operation() -> Event<Arrivals> {
    edge::event(
        NAME,
        || Box::pin(Arrivals::connect()),
        |arrivals, event| {
            Box::pin(arrivals.queue.work(NAME, event, arrivals, |arrivals, message| {
                Box::pin(handle(arrivals, message))
            }))
        },
    )
}

/// What S3 notifies of (Amazon S3 User Guide, "Event message structure").
#[derive(Debug, Deserialize)]
struct Notification {
    #[serde(rename = "Event")]
    event: Option<String>,
    #[serde(rename = "Records", default)]
    records: Vec<Arrival>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Arrival {
    event_name: String,
    s3: S3,
}

#[derive(Debug, Deserialize)]
struct S3 {
    bucket: Bucket,
    object: Object,
}

#[derive(Debug, Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Object {
    key: String,
}

/// The places of the files that a message says arrived in `bucket`.
fn arrived(body: &str, bucket: &str) -> Result<Vec<Place>, Fault> {
    let read: Notification = serde_json::from_str(body).map_err(|_| Fault::Corrupt("message"))?;
    if read.event.as_deref() == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    if read.records.is_empty() {
        return Err(Fault::Corrupt("message"));
    }
    let created = read.records.into_iter().filter(|r| r.event_name.starts_with("ObjectCreated"));
    created
        .map(|record| {
            let object = decoded(&record.s3.object.key);
            let place = object.as_deref().and_then(Place::parse);
            let place = place.filter(|place| Some(place.quarantine()) == object);
            match record.s3.bucket.name == bucket {
                true => place.ok_or(Fault::Corrupt("object-name")),
                false => Err(Fault::Corrupt("bucket")),
            }
        })
        .collect()
}

/// An object's name as a notification spells it: URL-encoded, with `+` for a space.
fn decoded(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

async fn handle(arrivals: &Arrivals, message: &Message) -> Result<(), Fault> {
    for place in arrived(&message.body, arrivals.objects.bucket())? {
        ingest(arrivals, place).await?;
    }
    Ok(())
}

async fn ingest(arrivals: &Arrivals, place: Place) -> Result<(), Fault> {
    let Arrivals { store, objects, .. } = arrivals;
    let Some(record) = Vaulted::find(store, place).await? else {
        return discard(objects, place).await;
    };
    match record.row.status {
        RecordStatus::AwaitingUpload => {
            let Some(file) = objects.open(&place.quarantine()).await? else { return Ok(()) };
            let key = record.key(store).await?;
            let version = file.version.clone();
            let content = record.content(&key)?;
            let declared = content.file.as_ref().ok_or(Fault::Corrupt("file"))?;
            let format = match check(file, declared).await? {
                Ok(format) => format,
                Err(rejection) => return reject(arrivals, &record, rejection).await,
            };
            match still_permitted(store, &record, content.class()).await? {
                Some(permit) => {
                    accept(arrivals, &record, &permit, format, version.as_deref()).await
                }
                None => reject(arrivals, &record, Rejection::ConsentEnded).await,
            }
        }
        RecordStatus::Available => {
            if record.row.text_status == Some(TextStatus::Pending) {
                ask_to_read(arrivals, place).await?;
            }
            objects.delete(&place.quarantine()).await
        }
        RecordStatus::Rejected => discard(objects, place).await,
    }
}

/// Checks a file piece by piece: its format, or why it is rejected.
async fn check(
    mut file: Arrived,
    declared: &FileContent,
) -> Result<Result<MediaType, Rejection>, Fault> {
    if file.content_type.as_deref() != Some(declared.media_type.name()) {
        return Ok(Err(Rejection::ContentTypeMismatch));
    }
    let mut check = Check::new(declared);
    while let Some(piece) = file.body.next().await {
        let piece = piece.map_err(|_| Fault::Unavailable("broken-stream".into()))?;
        if let Err(rejection) = check.take(&piece) {
            return Ok(Err(rejection));
        }
    }
    Ok(check.finish().map(|()| declared.media_type))
}

/// Decides anew whether whoever began the upload may still add the record (I1, I5): minutes may
/// have passed since. The acceptance rests on this decision until it commits.
async fn still_permitted(
    store: &Store,
    record: &Vaulted,
    class: Class,
) -> Result<Option<Permit<UploadCreate>>, Fault> {
    let Some(author) = record.author() else { return Ok(None) };
    let found = store.look(Look::vault(&author, record.place.patient).new_record(class)).await?;
    let facts = found.facts(None);
    Ok(permit(&author, &facts, found.target(), edge::request::now()).ok())
}

async fn accept(
    arrivals: &Arrivals,
    record: &Vaulted,
    permit: &Permit<UploadCreate>,
    format: MediaType,
    version: Option<&str>,
) -> Result<(), Fault> {
    let Arrivals { store, objects, .. } = arrivals;
    objects.keep(record.place, version).await?;
    let update = settled(record, RecordStatus::Available);
    let is_read = !matches!(format, MediaType::WebP | MediaType::Dicom);
    let update = match is_read {
        true => update.set("text_status", text(TextStatus::Pending.name())),
        false => update
            .set("text_status", text(TextStatus::Unreadable.name()))
            .set("text_problem", text(TextProblem::FormatNotRead.name())),
    };
    let entry = record.entry(Action::UploadIngest, Done::FileAccepted);
    store.change(permit).update(update).audit(&entry, edge::request::now()).commit().await?;
    if is_read {
        ask_to_read(arrivals, record.place).await?;
    }
    objects.delete(&record.place.quarantine()).await
}

async fn reject(arrivals: &Arrivals, record: &Vaulted, rejection: Rejection) -> Result<(), Fault> {
    let update = settled(record, RecordStatus::Rejected).set("rejection", text(rejection.name()));
    let entry = record.entry(Action::UploadIngest, Done::FileRejected);
    let change = record.change(&arrivals.store, update);
    change.audit(&entry, edge::request::now()).commit().await?;
    discard(&arrivals.objects, record.place).await
}

fn settled(record: &Vaulted, status: RecordStatus) -> Update {
    let now = edge::request::now();
    record.update().set("status", text(status.name())).set("updated_at", text(now))
}

async fn ask_to_read(arrivals: &Arrivals, place: Place) -> Result<(), Fault> {
    arrivals.queue.send(&arrivals.ocr_queue, &ToRead::new(place, 0), 0).await
}

/// Deletes a file that belongs to no record: what arrived, and a copy that an earlier attempt may
/// have left.
async fn discard(objects: &Objects, place: Place) -> Result<(), Fault> {
    objects.delete(&place.quarantine()).await?;
    objects.delete(&place.kept()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: &str = "0190a6f0-0000-7000-8000-000000000001";
    const RECORD: &str = "0190a6f0-0000-7000-8000-000000000002";

    fn notification(event: &str, bucket: &str, key: &str) -> String {
        let s3 =
            format!(r#"{{"bucket":{{"name":"{bucket}"}},"object":{{"key":"{key}","size":1}}}}"#);
        format!(r#"{{"Records":[{{"eventName":"{event}","s3":{s3}}}]}}"#)
    }

    #[test]
    fn a_notification_names_a_file_of_ours_in_quarantine_or_fails() {
        let key = format!("quarantine/{PATIENT}/{RECORD}");
        let encoded = key.replace('/', "%2F");
        for key in [&key, &encoded] {
            let read = arrived(&notification("ObjectCreated:Post", "files", key), "files").unwrap();
            assert_eq!(read.len(), 1);
            assert_eq!(read[0].quarantine(), format!("quarantine/{PATIENT}/{RECORD}"));
        }
        let created = |bucket, key| notification("ObjectCreated:Put", bucket, key);
        let failing = [
            (String::new(), "message"),
            ("null".into(), "message"),
            ("{}".into(), "message"),
            (r#"{"Records":[{}]}"#.into(), "message"),
            (created("other", &key), "bucket"),
            (created("files", &key.replace("quarantine", "records")), "object-name"),
            (created("files", "quarantine/x/y"), "object-name"),
            (created("files", &format!("{key}%")), "object-name"),
            (created("files", &format!("{key}%zz")), "object-name"),
            (created("files", &format!("{key}+")), "object-name"),
        ];
        for (body, code) in failing {
            assert_eq!(arrived(&body, "files"), Err(Fault::Corrupt(code)), "{body}");
        }
    }

    #[test]
    fn a_test_event_and_other_events_are_swallowed() {
        let key = format!("quarantine/{PATIENT}/{RECORD}");
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"files"}"#;
        let removed = notification("ObjectRemoved:Delete", "files", &key);
        for body in [test, &removed] {
            assert_eq!(arrived(body, "files"), Ok(Vec::new()), "{body}");
        }
    }
}
