//! Follows the table's stream: each batch of new audit entries becomes one object of the archive,
//! where whoever can write the table cannot rewrite them (docs/adr/0016-audit-archive.md). An
//! entry stands there as it stands in the table, ids and codes only (I6).
//!
//! A batch that comes again has the same bytes and so the same name, and changes nothing (I7).
//! Nothing is passed over: what cannot be read is named, with all that came after it tried again,
//! and does not keep the rest of its batch from the archive (I11).

use aws_lambda_events::event::dynamodb::{Event as StreamEvent, EventRecord};
use domain::{AuditId, Timestamp};
use edge::{Boxed, Event, Service, batch};
use serde::Deserialize;
use serde_json::Value;
use store::{Archive, Fault, Item, Store, keys};

const NAME: &str = "audit_archive";

/// The operation.
#[must_use]
pub fn operation() -> Event<Archivist> {
    edge::event(NAME, |archivist, event| Box::pin(handle(&archivist.archive, event)))
}

/// The archive alone: no table, and no key that opens anything.
#[derive(Debug)]
pub struct Archivist {
    archive: Archive,
}

impl Service for Archivist {
    fn connect() -> Boxed<'static, Result<Self, Fault>> {
        Box::pin(async { Ok(Self { archive: Archive::new(&store::aws_config())? }) })
    }

    fn store(&self) -> Option<&Store> {
        None
    }
}

async fn handle(archive: &Archive, event: Value) -> Result<Value, Fault> {
    let event: StreamEvent =
        serde_json::from_value(event).map_err(|_| Fault::Corrupt("stream-event"))?;
    let first = event.records.first().map(number).unwrap_or_default();
    let (mut lines, mut failed) = (Vec::new(), Vec::new());
    for record in event.records {
        let number = number(&record);
        match line(record) {
            Ok(line) => lines.extend(line),
            Err(fault) => {
                batch::log_failed(NAME, &number, None, &fault);
                failed.push(number);
            }
        }
    }
    if let Err(fault) = keep(archive, &lines).await {
        batch::log_failed(NAME, &first, None, &fault);
        failed = vec![first];
    }
    Ok(batch::answer(&failed))
}

/// Where a record stands in the stream. None has no number; if one had, the empty name would have
/// all of its batch tried again.
fn number(record: &EventRecord) -> String {
    record.change.sequence_number.clone().unwrap_or_default()
}

/// A line of the archive: an entry of the trail as JSON, and what its object is named after.
struct Line {
    id: AuditId,
    at: Timestamp,
    json: String,
}

#[derive(Deserialize)]
struct Entry {
    id: AuditId,
    at: Timestamp,
}

/// The line that a record makes; none where it tells of anything but a new entry.
fn line(record: EventRecord) -> Result<Option<Line>, Fault> {
    if record.event_name != "INSERT" {
        return Ok(None);
    }
    let item = Item::from_attributes(record.change.new_image.into())?;
    if !keys::is_audit(&item.key) {
        return Ok(None);
    }
    let Entry { id, at } = item.clear()?;
    let mut whole: Value = item.clear()?;
    // The stream promises no order of attributes; the same entry has to give the same bytes.
    whole.sort_all_objects();
    Ok(Some(Line { id, at, json: whole.to_string() }))
}

/// Keeps the lines as one object, named after their first entry and all of their content: names
/// sort by time, and differ where anything differs.
async fn keep(archive: &Archive, lines: &[Line]) -> Result<(), Fault> {
    let Some(Line { id, at, .. }) = lines.first() else { return Ok(()) };
    let content: String = lines.iter().flat_map(|line| [line.json.as_str(), "\n"]).collect();
    let digest = store::sha256_hex(&[content.as_bytes()]);
    let name = format!("{}/{id}-{digest}.ndjson", at.strftime("%Y/%m/%d"));
    archive.keep(&name, content).await
}
