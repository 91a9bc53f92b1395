//! A file arrived in quarantine: check it, and either keep it under its record or delete it and
//! say why (I7, I11).
//!
//! The order of steps makes a crash between any two harmless: the checked version is copied, the
//! record changes under the condition that it still waits for its file, plain text is read from where
//! it is kept and for what else can be read the text reader is asked, and the quarantine is emptied
//! last. A repetition sees how far the first one came and completes what is missing.

use domain::{
    policy::Action,
    record::{MediaType, RecordStatus, TextStatus},
};
use edge::{Boxed, Event, Message, Service};
use store::{Fault, Objects, Store, objects::Place, variable};

use crate::{
    check::check,
    notification::arrived,
    plain,
    queue::{Queue, ToRead},
    text,
    vaulted::Vaulted,
    verdict::{Checked, conclude},
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
            match conclude(store, objects, record, &checked).await? {
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
        RecordStatus::Rejected | RecordStatus::Expired => discard(objects, place).await,
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

/// Deletes a file that belongs to no record: what arrived, and a copy that an earlier attempt may
/// have left.
async fn discard(objects: &Objects, place: Place) -> Result<(), Fault> {
    objects.delete(&place.quarantine()).await?;
    objects.delete(&place.kept()).await
}
