//! A document waits to be read: the text that a PDF brings along is kept as it is, images are read at
//! once, and the reading of other PDFs and of TIFFs begins here. `ocr_collect` ends it, to which a
//! message is sent that arrives even if the reader's own never does (I11).

use aws_sdk_textract::types::NotificationChannel;
use domain::{
    names::Named,
    policy::Action,
    record::{MediaType, TextProblem, TextStatus},
};
use edge::{Boxed, Event, Message, Service};
use store::{Attribute, Fault, Objects, SdkConfig, Store, text as value, variable};

use crate::{
    layer::{self, Layer},
    queue::{Queue, ToCollect, ToRead, number},
    reader::{Reader, Refusal},
    text,
    vaulted::Vaulted,
};

const NAME: &str = "ocr_start";

/// How many attempts look at a PDF's own text. One that ends the function itself, as a file made for
/// that may, is followed by those that leave the file to the reader.
const LAYER_ATTEMPTS: u32 = 2;

/// What the operation needs.
#[derive(Debug)]
pub struct Readings {
    store: Store,
    config: SdkConfig,
    reader: Reader,
    queue: Queue,
    tell: NotificationChannel,
    completion_queue: String,
    check_after_seconds: i32,
}

impl Service for Readings {
    fn connect() -> Boxed<'static, Result<Self, Fault>> {
        Box::pin(async {
            let config = store::aws_config();
            let tell = NotificationChannel::builder()
                .sns_topic_arn(variable("COMPLETION_TOPIC_ARN")?)
                .role_arn(variable("TEXTRACT_ROLE_ARN")?)
                .build()
                .map_err(|_| Fault::Corrupt("notification-channel"))?;
            Ok(Self {
                store: Store::new(&config)?,
                reader: Reader::new(&config, &variable("BUCKET_NAME")?),
                queue: Queue::new(&config)?,
                config,
                tell,
                completion_queue: variable("COMPLETION_QUEUE_URL")?,
                check_after_seconds: number("OCR_CHECK_AFTER_SECONDS")?,
            })
        })
    }

    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }
}

impl Readings {
    /// The files. The reader opens them itself, so only what else needs them makes a client.
    fn objects(&self) -> Result<Objects, Fault> {
        Objects::new(&self.config)
    }
}

/// The operation.
#[must_use]
pub fn operation() -> Event<Readings> {
    edge::event(NAME, |readings, event| {
        Box::pin(
            readings.queue.work(NAME, event, readings, |readings, message| {
                Box::pin(handle(readings, message))
            }),
        )
    })
}

async fn handle(readings: &Readings, message: &Message) -> Result<(), Fault> {
    let wanted = ToRead::parse(&message.body)?;
    let with_layer = message.receives() <= LAYER_ATTEMPTS;
    let result = read(readings, wanted, with_layer).await;
    let is_last = readings.queue.is_last(message);
    text::or_give_up(result, is_last, &readings.store, wanted.place(), Action::OcrStart).await
}

async fn read(readings: &Readings, wanted: ToRead, with_layer: bool) -> Result<(), Fault> {
    let Readings { store, reader, .. } = readings;
    let Some(record) = Vaulted::find(store, wanted.place()).await? else { return Ok(()) };
    if !text::is_wanted(&record) || wanted.attempt < record.row.attempt {
        return Ok(());
    }
    let file = record.file(store).await?;
    let pages = match file.media_type {
        MediaType::Png | MediaType::Jpeg => reader.detect(record.place).await?,
        MediaType::Pdf if with_layer => {
            return read_layer(readings, &record, wanted.attempt).await;
        }
        MediaType::Pdf | MediaType::Tiff => return start(readings, &record, wanted.attempt).await,
        MediaType::WebP | MediaType::Dicom => Err(Refusal::Document(TextProblem::FormatNotRead)),
        // `upload_ingest` reads it, and asks nobody.
        MediaType::Text => return Err(Fault::Corrupt("plain-text")),
    };
    match pages {
        Ok(pages) => text::keep(store, &record, pages, None, Action::OcrStart).await,
        Err(refusal) => refuse(readings, &record, refusal).await,
    }
}

/// Keeps the text that a PDF brings along. Pages that have none are read from their picture, and the
/// others are kept for then.
async fn read_layer(readings: &Readings, record: &Vaulted, attempt: u32) -> Result<(), Fault> {
    let Readings { store, .. } = readings;
    let Some(file) = readings.objects()?.open(&record.place.kept()).await? else {
        return refuse(readings, record, Refusal::NoFile).await;
    };
    let bytes = file.body.collect().await;
    let bytes = bytes.map_err(|_| Fault::Unavailable("broken-stream".into()))?;
    match layer::read(bytes.to_vec()) {
        Layer::Locked => {
            let locked = Refusal::Document(TextProblem::Locked);
            refuse(readings, record, locked).await
        }
        Layer::Unknown => start(readings, record, attempt).await,
        Layer::Pages(pages) if pages.iter().all(Option::is_some) => {
            let pages = pages.into_iter().flatten().collect();
            text::keep(store, record, pages, None, Action::OcrStart).await
        }
        Layer::Pages(pages) => {
            text::keep_for_later(store, record, pages).await?;
            start(readings, record, attempt).await
        }
    }
}

/// Begins an asynchronous reading. Repeated, it finds the job of the first time.
async fn start(readings: &Readings, record: &Vaulted, attempt: u32) -> Result<(), Fault> {
    let Readings { store, reader, queue, tell, .. } = readings;
    let job_id = match reader.start(record.place, attempt, tell).await? {
        Ok(job_id) => job_id,
        Err(refusal) => return refuse(readings, record, refusal).await,
    };
    let (patient_id, record_id) = (record.place.patient, record.place.record);
    let check = ToCollect { job_id, patient_id, record_id, attempt };
    queue.send(&readings.completion_queue, &check, readings.check_after_seconds).await?;
    if record.row.text_status == Some(TextStatus::Reading) && record.row.attempt == attempt {
        return Ok(());
    }
    let update = record
        .update()
        .set(Attribute::TextStatus, value(TextStatus::Reading.name()))
        .set(Attribute::Attempt, store::number(attempt))
        .set(Attribute::UpdatedAt, value(edge::request::now()))
        .remove(Attribute::TextProblem);
    record.change(store, update).commit().await
}

/// Records that the reader will never read this document; a file that is there but out of its
/// reach is no matter of the document, and is tried again.
async fn refuse(readings: &Readings, record: &Vaulted, refusal: Refusal) -> Result<(), Fault> {
    let outcome = match refusal {
        Refusal::Document(problem) => (TextStatus::Unreadable, problem),
        Refusal::NoFile if readings.objects()?.exists(&record.place.kept()).await? => {
            return Err(Fault::Unavailable("file-out-of-reach".into()));
        }
        Refusal::NoFile => (TextStatus::Failed, TextProblem::ReaderFailed),
    };
    text::end(&readings.store, record, outcome, Action::OcrStart).await
}
