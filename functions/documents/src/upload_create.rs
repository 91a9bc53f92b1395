//! `POST /v1/patients/{patientId}/uploads`: a new record that waits for its file, and the form to
//! send that file with. For the patient, or a doctor whose grant lets them add such a record.
//!
//! The form is good for 5 minutes and for that file alone: its `contentType`, `size` (50 MB at most)
//! and `sha256`. Send its `fields` as they are and then `file`, as `multipart/form-data`, to its
//! `url`; the storage answers 204. Then ask `record_get` every second or so: within seconds `status` is
//! `available`, or `rejected` with the reason in `rejection`. Reading the text may take minutes, told
//! by `text.status`.
//!
//! All formats of `contentType` are kept. The text of PDF, PNG, JPEG, TIFF and plain text is read,
//! that of WebP and DICOM is not. A repetition after the form ended gets another.

use std::collections::BTreeMap;

use domain::{
    PatientId, RecordId, Timestamp,
    audit::{Actor, Target},
    consent::Purpose,
    names::Named,
    policy::acts::UploadCreate,
    record::{MAX_FILE_BYTES, RecordStatus},
};
use edge::{
    Failure, Files, Http, Idempotency, Input, Promise, Read, Reader, Reply, Request,
    kind::{line, named, number, text},
    once,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{
    Fault, Look, Objects, Permit,
    objects::{Admission, Place, UPLOAD_SECONDS},
    records::NewRecord,
    rows::{FileContent, Record, RecordContent},
};

use crate::declared::{file_name, record_date, sha256};

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
        let date = record_date(read, kind);
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
    files: &Files,
    request: &Request,
    input: NewUpload,
) -> Result<Reply<Output, 201>, Failure> {
    let Files { store, objects } = files;
    let caller = request.caller()?;
    let saved = input.idempotency.place::<UploadCreate>(&caller);
    let look = Look::vault(&caller, input.patient).new_record(input.content.class());
    let found = store.look(look.saved(&saved)).await?;
    let permit = found.permit::<UploadCreate>(input.purpose, request.now)?;
    let reply = once(&permit, &input.idempotency, async |key| {
        let id = RecordId(store::new_id());
        let form = form(objects, &input, id, request.now).await?;
        let reply = Reply::new(&form)?;
        let row = new_record(&permit, form.expires_at);
        let new = NewRecord { id, row, content: input.content.clone() };
        let change = permit.change().add_records(permit.open_chunk(&key)?, vec![new], &key);
        let entry = permit.entry().pointing(|target| Target { record: Some(id), ..target });
        Ok((change.audit(&entry, request.now), reply))
    })
    .await?;
    if permit.saved().is_none() {
        return Ok(reply);
    }
    let told = serde_json::from_slice(reply.body()).map_err(|_| Fault::Corrupt("reply"))?;
    Ok(renewed(files, request, &input, told).await?.unwrap_or(reply))
}

/// What was answered the first time, as far as a repetition needs it.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    record_id: RecordId,
    expires_at: Timestamp,
}

/// Another form for the same record, for a repetition after a form ended; `None` where the one that was
/// told is still good, or no file is waited for any more.
async fn renewed(
    Files { store, objects }: &Files,
    request: &Request,
    input: &NewUpload,
    Told { record_id: id, expires_at }: Told,
) -> Result<Option<Reply<Output, 201>>, Failure> {
    let caller = request.caller()?;
    let found = store.look(Look::vault(&caller, input.patient).awaited(id)).await?;
    let Ok(permit) = found.permit::<UploadCreate>(input.purpose, request.now) else {
        return Ok(None);
    };
    let row = &permit.record()?.0;
    let ended =
        [Some(expires_at), row.awaited_until].iter().flatten().any(|end| *end <= request.now);
    if row.status != RecordStatus::AwaitingUpload || !ended {
        return Ok(None);
    }
    let key = permit.key().await?;
    let form = form(objects, input, id, request.now).await?;
    let chunk = permit.record_chunk(&key).await?;
    let change = permit.change().await_file(chunk, (id, form.expires_at), &key, request.now);
    change.audit(&permit.entry(), request.now).commit().await?;
    Ok(Some(Reply::new(&form)?))
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

fn new_record(permit: &Permit<'_, UploadCreate>, until: Timestamp) -> Record {
    let (author, now) = (Actor::from(permit.caller()), permit.now());
    Record { awaited_until: Some(until), ..Record::new(RecordStatus::AwaitingUpload, author, now) }
}
