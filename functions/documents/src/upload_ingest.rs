//! A file arrived in quarantine: check it, and either keep it under its record or delete it and
//! say why (I7, I11).
//!
//! The order of steps makes a crash between any two harmless: the checked version is copied, the
//! record changes under the condition that it still waits for its file, plain text is read and for
//! all else the text reader is asked, and the quarantine is emptied last. A repetition sees how far the first one came and completes
//! what is missing.

use domain::{
    audit::Done,
    names::Named,
    policy::{Action, Permit, acts::UploadCreate, permit},
    record::{Class, MediaType, RecordStatus, Rejection, TextProblem, TextStatus},
};
use edge::{Boxed, Event, Message, Service};
use store::{
    Fault, Look, Objects, Store, Update,
    objects::{Arrived, Place},
    rows::FileContent,
    text as value, variable,
};

use crate::{
    check::Check,
    notification::arrived,
    plain,
    queue::{Queue, ToRead},
    text,
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
    fn connect() -> Boxed<'static, Result<Self, Fault>> {
        Box::pin(async {
            let config = store::aws_config();
            Ok(Self {
                store: Store::new(&config)?,
                objects: Objects::new(&config)?,
                queue: Queue::new(&config)?,
                ocr_queue: variable("OCR_QUEUE_URL")?,
            })
        })
    }

    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }
}

/// The operation.
#[must_use]
pub fn operation() -> Event<Arrivals> {
    edge::event(NAME, |arrivals, event| {
        Box::pin(
            arrivals.queue.work(NAME, event, arrivals, |arrivals, message| {
                Box::pin(handle(arrivals, message))
            }),
        )
    })
}

async fn handle(arrivals: &Arrivals, message: &Message) -> Result<(), Fault> {
    let is_last = arrivals.queue.is_last(message);
    for place in arrived(&message.body, arrivals.objects.bucket())? {
        let result = ingest(arrivals, place).await;
        text::or_give_up(result, is_last, &arrivals.store, place, Action::UploadIngest).await?;
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
            if text::is_wanted(&record) {
                let file = record.file(&*record.key(store).await?)?;
                have_read(arrivals, place, file.media_type).await?;
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
    let update = match format {
        MediaType::WebP | MediaType::Dicom => update
            .set("text_status", value(TextStatus::Unreadable.name()))
            .set("text_problem", value(TextProblem::FormatNotRead.name())),
        _ => update.set("text_status", value(TextStatus::Pending.name())),
    };
    let entry = record.entry(Action::UploadIngest, Done::FileAccepted);
    store.change(permit).update(update).audit(&entry, edge::request::now()).commit().await?;
    have_read(arrivals, record.place, format).await?;
    objects.delete(&record.place.quarantine()).await
}

async fn reject(arrivals: &Arrivals, record: &Vaulted, rejection: Rejection) -> Result<(), Fault> {
    let update = settled(record, RecordStatus::Rejected).set("rejection", value(rejection.name()));
    let entry = record.entry(Action::UploadIngest, Done::FileRejected);
    let change = record.change(&arrivals.store, update);
    change.audit(&entry, edge::request::now()).commit().await?;
    discard(&arrivals.objects, record.place).await
}

fn settled(record: &Vaulted, status: RecordStatus) -> Update {
    let now = edge::request::now();
    record.update().set("status", value(status.name())).set("updated_at", value(now))
}

/// Sees to it that the text of an available file is read.
async fn have_read(arrivals: &Arrivals, place: Place, format: MediaType) -> Result<(), Fault> {
    let Arrivals { store, objects, queue, ocr_queue } = arrivals;
    match format {
        MediaType::Text => plain::read(store, objects, place).await,
        MediaType::WebP | MediaType::Dicom => Ok(()),
        MediaType::Pdf | MediaType::Tiff | MediaType::Png | MediaType::Jpeg => {
            queue.send(ocr_queue, &ToRead::new(place, 0), 0).await
        }
    }
}

/// Deletes a file that belongs to no record: what arrived, and a copy that an earlier attempt may
/// have left.
async fn discard(objects: &Objects, place: Place) -> Result<(), Fault> {
    objects.delete(&place.quarantine()).await?;
    objects.delete(&place.kept()).await
}
