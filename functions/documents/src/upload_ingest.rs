//! A file arrived in quarantine: check it, and either keep it under its record or delete it and
//! say why (I7, I11).
//!
//! The order of steps makes a crash between any two harmless: the checked version is copied, the
//! record changes under the condition that it still waits for its file, plain text is read from where
//! it is kept and for what else can be read the text reader is asked, and the quarantine is emptied
//! last. A repetition sees how far the first one came and completes what is missing.

use domain::{
    audit::Done,
    names::Named,
    policy::{Action, acts::UploadCreate},
    record::{Class, MediaType, RecordStatus, Rejection, TextProblem, TextStatus},
};
use edge::{Boxed, Event, Message, Service, Tries};
use store::{
    Attribute, Fault, Look, Objects, Store, Update, objects::Place, text as value, variable,
};

use crate::{
    check::check,
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
    let mut result = Ok(());
    for place in arrived(&message.body, arrivals.objects.bucket())? {
        // One that fails keeps no other waiting.
        result = result.and(ingest(arrivals, place, is_last).await);
    }
    result
}

async fn ingest(arrivals: &Arrivals, place: Place, is_last: bool) -> Result<(), Fault> {
    let Arrivals { store, objects, .. } = arrivals;
    let Some(record) = Vaulted::find(store, place).await? else {
        return discard(objects, place).await;
    };
    match record.row.status {
        RecordStatus::AwaitingUpload => {
            let Some(file) = objects.open(&place.quarantine()).await? else { return Ok(()) };
            let content = record.content(&*record.key(store).await?)?;
            let version = file.version.clone();
            let declared = content.file.as_ref().ok_or(Fault::Corrupt("file"))?;
            let checked = check(file, declared).await?;
            let checked = checked.map(|format| Checked { class: content.class(), format, version });
            match conclude(arrivals, record, &checked).await? {
                Ok(format) => finish(arrivals, place, format, is_last).await,
                Err(_) => discard(objects, place).await,
            }
        }
        RecordStatus::Available => match record.row.text_status {
            Some(TextStatus::Pending | TextStatus::Failed) => {
                let file = record.file(store).await?;
                finish(arrivals, place, file.media_type, is_last).await
            }
            _ => objects.delete(&place.quarantine()).await,
        },
        RecordStatus::Rejected => discard(objects, place).await,
    }
}

/// A file that passed the checks.
struct Checked {
    class: Class,
    format: MediaType,
    version: Option<String>,
}

/// Has the record say what the checks found. Where the vault's register changed meanwhile, that is
/// tried again without checking the file again.
async fn conclude(
    Arrivals { store, objects, .. }: &Arrivals,
    mut record: Vaulted,
    checked: &Result<Checked, Rejection>,
) -> Result<Result<MediaType, Rejection>, Fault> {
    let mut tries = Tries::default();
    loop {
        let concluded = match checked {
            Ok(file) => admit(store, objects, &record, file).await,
            Err(rejection) => reject(store, &record, *rejection).await.map(Err),
        };
        match concluded {
            Err(fault) if fault.is_passing() && tries.another().await => {}
            concluded => return concluded,
        }
        let again = Vaulted::find(store, record.place).await?;
        let again = again.filter(|again| again.row.status == RecordStatus::AwaitingUpload);
        record = again.ok_or(Fault::Changed)?;
    }
}

/// Makes the record of a checked file available, if whoever began the upload may still add it (I1,
/// I5): minutes may have passed since. The acceptance rests on this decision until it commits.
async fn admit(
    store: &Store,
    objects: &Objects,
    record: &Vaulted,
    Checked { class, format, version }: &Checked,
) -> Result<Result<MediaType, Rejection>, Fault> {
    let (patient, now) = (record.place.patient, edge::request::now());
    let author = record.author().ok_or(Fault::Corrupt("author"))?;
    let found = store.look(Look::vault(&author, patient).new_record(*class)).await?;
    let Ok(permit) = found.permit::<UploadCreate>(None, now) else {
        let rejection = Rejection::ConsentEnded;
        return reject(store, record, rejection).await.map(Err);
    };
    objects.keep(record.place, version.as_deref()).await?;
    let settled = (RecordStatus::Available, awaiting_text(record, *format));
    let change = record.settle(store, permit.change(), settled).await?;
    let entry = record.entry(Action::UploadIngest, Done::FileAccepted);
    change.audit(&entry, now).commit().await?;
    Ok(Ok(*format))
}

fn awaiting_text(record: &Vaulted, format: MediaType) -> Update {
    let update = record.update().set(Attribute::UpdatedAt, value(edge::request::now()));
    match format {
        MediaType::WebP | MediaType::Dicom => update
            .set(Attribute::TextStatus, value(TextStatus::Unreadable.name()))
            .set(Attribute::TextProblem, value(TextProblem::FormatNotRead.name())),
        _ => update.set(Attribute::TextStatus, value(TextStatus::Pending.name())),
    }
}

/// Has the text of a kept file read and empties its quarantine, whatever became of the text.
async fn finish(
    arrivals: &Arrivals,
    place: Place,
    format: MediaType,
    is_last: bool,
) -> Result<(), Fault> {
    let Arrivals { store, objects, queue, ocr_queue } = arrivals;
    let read = match format {
        MediaType::Text => {
            let read = plain::read(store, objects, place).await;
            text::or_give_up(read, is_last, store, place, Action::UploadIngest).await
        }
        MediaType::Pdf | MediaType::Tiff | MediaType::Png | MediaType::Jpeg => {
            queue.send(ocr_queue, &ToRead::new(place, 0), 0).await
        }
        MediaType::WebP | MediaType::Dicom => Ok(()),
    };
    objects.delete(&place.quarantine()).await.and(read)
}

async fn reject(store: &Store, record: &Vaulted, rejection: Rejection) -> Result<Rejection, Fault> {
    let now = edge::request::now();
    let update = record.update().set(Attribute::UpdatedAt, value(now));
    let update = update.set(Attribute::Rejection, value(rejection.name()));
    let change = record.while_in_use(store);
    let change = record.settle(store, change, (RecordStatus::Rejected, update)).await?;
    let entry = record.entry(Action::UploadIngest, Done::FileRejected);
    change.audit(&entry, now).commit().await?;
    Ok(rejection)
}

/// Deletes a file that belongs to no record: what arrived, and a copy that an earlier attempt may
/// have left.
async fn discard(objects: &Objects, place: Place) -> Result<(), Fault> {
    objects.delete(&place.quarantine()).await?;
    objects.delete(&place.kept()).await
}
