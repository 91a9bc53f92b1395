//! `POST /v1/patients/{patientId}/uploads`: a new record that waits for its file, and the form to
//! send that file with. For the patient, or a doctor whose grant lets them add such a record.

use std::collections::BTreeMap;

use domain::{
    Date, PatientId, RecordId, Timestamp,
    audit::{Actor, Target},
    consent::Purpose,
    names::Named,
    policy::acts::UploadCreate,
    record::{MAX_FILE_BYTES, RecordStatus, RecordType},
};
use edge::{
    Failure, Files, Http, Idempotency, Input, Promise, Read, Reader, Reply, Request,
    kind::{date, line, named, number, text},
    once,
};
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    Fault, Look, Objects, Permit,
    objects::{Admission, Place, UPLOAD_SECONDS},
    records::NewRecord,
    rows::{FileContent, Record, RecordContent},
};

use crate::declared::{file_name, sha256};

/// The operation.
#[must_use]
pub fn operation() -> Http<Files, impl Promise> {
    edge::http("upload_create", "POST /v1/patients/{patientId}/uploads", |files, request, input| {
        Box::pin(handle(files, request, input))
    })
}

struct NewUpload {
    patient: PatientId,
    purpose: Option<Purpose>,
    idempotency: Idempotency,
    content: RecordContent,
    file: FileContent,
    sha256: Vec<u8>,
}

impl Input for NewUpload {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let patient = read.path("patientId", PatientId::parse);
        let purpose = read.purpose();
        let idempotency = read.idempotency();
        let kind = read.field("/type", named());
        let date = match (kind, read.field("/date", date())) {
            (Ok(kind), Ok(date)) => on_time(read, kind, date),
            (_, date) => date,
        };
        let title = read.field("/title", line(200));
        let notes = read.optional("/notes", text(4000));
        let name = read.field("/fileName", file_name());
        let media_type = read.field("/contentType", named());
        let size = read.field("/size", number(1, MAX_FILE_BYTES));
        let sha256 = read.field("/sha256", sha256());
        let (media_type, size, (sha256_hex, sha256)) = (media_type?, size?, sha256?);
        let file = FileContent { name: name?, media_type, size, sha256: sha256_hex };
        Ok(Self {
            patient: patient?,
            purpose: purpose?,
            idempotency: idempotency?,
            content: RecordContent {
                kind: kind?,
                date: date?,
                title: title?,
                notes: notes?,
                file: Some(file.clone()),
            },
            file,
            sha256,
        })
    }
}

/// A record speaks of what was, unless its type looks ahead.
fn on_time(read: &Reader<'_>, kind: RecordType, date: Date) -> Read<Date> {
    match read.now() {
        Some(now) if date > kind.last_date(now) => {
            read.reject("/date", "lies further ahead than a record of this type may")
        }
        _ => Ok(date),
    }
}

/// A record that waits for its file.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Upload")]
struct Output {
    record_id: RecordId,
    upload: Upload,
    expires_at: Timestamp,
}

/// The form to send the file with: all fields first, then `file`, as `multipart/form-data`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UploadForm")]
struct Upload {
    url: String,
    fields: BTreeMap<String, String>,
}

async fn handle(
    Files { store, objects }: &Files,
    request: &Request,
    input: NewUpload,
) -> Result<Reply<Output, 201>, Failure> {
    let caller = request.caller()?;
    let saved = input.idempotency.place::<UploadCreate>(&caller);
    let look = Look::vault(&caller, input.patient).new_record(input.content.class());
    let found = store.look(look.saved(&saved)).await?;
    let permit = found.permit::<UploadCreate>(input.purpose, request.now)?;
    once(&permit, &input.idempotency, async |key| {
        let id = RecordId(store::new_id());
        let reply = Reply::new(&form(objects, &input, id, request.now).await?)?;
        let new = NewRecord { id, row: new_record(&permit), content: input.content.clone() };
        let change = permit.change().add_records(permit.open_chunk(&key)?, vec![new], &key);
        let entry = permit.entry().pointing(|target| Target { record: Some(id), ..target });
        Ok((change.audit(&entry, request.now), reply))
    })
    .await
}

async fn form(
    objects: &Objects,
    input: &NewUpload,
    record: RecordId,
    now: Timestamp,
) -> Result<Output, Fault> {
    let admission = Admission {
        place: Place { patient: input.patient, record },
        media_type: input.file.media_type.name(),
        size: input.file.size,
        sha256: &input.sha256,
    };
    let form = objects.upload_form(&admission, now).await?;
    let valid = std::time::Duration::from_secs(UPLOAD_SECONDS.unsigned_abs());
    Ok(Output {
        record_id: record,
        upload: Upload { url: form.url, fields: form.fields.into_iter().collect() },
        expires_at: now.checked_add(valid).map_err(|_| Fault::Corrupt("clock"))?,
    })
}

fn new_record(permit: &Permit<'_, UploadCreate>) -> Record {
    Record::new(RecordStatus::AwaitingUpload, Actor::from(permit.caller()), permit.now())
}
