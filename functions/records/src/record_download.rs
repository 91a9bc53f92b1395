//! `GET /v1/patients/{patientId}/records/{recordId}/content`: a link to the record's file, valid
//! for 60 seconds (I5). For the patient or a doctor whose grant covers the record. Audited (I2).

use std::time::Duration;

use domain::{
    Timestamp,
    policy::acts::RecordDownload,
    record::{MediaType, RecordStatus},
};
use edge::{Failure, Files, Http, Known, Promise, RecordPath, Reply, Request};
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    Look,
    objects::{DOWNLOAD_SECONDS, Place},
};

const NO_FILE: Known =
    Known::conflict("no-file", "This record has no file, or its file is not available.");

/// The operation.
#[must_use]
pub fn operation() -> Http<Files, impl Promise> {
    edge::http(
        "record_download",
        "GET /v1/patients/{patientId}/records/{recordId}/content",
        |files, request, input| Box::pin(handle(files, request, input)),
    )
    .problems(&[NO_FILE])
}

/// A link to a file.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Download")]
struct Output {
    /// The link; whoever has it can read the file until it ends.
    url: String,
    /// When the link ends.
    expires_at: Timestamp,
    /// The file's own name.
    file_name: String,
    /// Its type.
    content_type: MediaType,
    /// Its length in bytes.
    size: u64,
    /// Its SHA-256 in hexadecimal.
    sha256: String,
}

async fn handle(
    Files { store, objects }: &Files,
    request: &Request,
    input: RecordPath,
) -> Result<Reply<Output>, Failure> {
    let caller = request.caller()?;
    let found = store.look(Look::vault(&caller, input.patient).record(input.record)).await?;
    let permit = found.permit::<RecordDownload>(input.purpose, request.now)?;
    let (row, content) = permit.record()?;
    let file = content.file.clone().filter(|_| row.status == RecordStatus::Available);
    let file = file.ok_or(NO_FILE)?;
    let place = Place { patient: input.patient, record: input.record };
    // The file's own name is sealed, and a link stands in logs.
    let name = format!("record.{}", file.media_type.extension());
    let content_type = content_type(file.media_type, row.charset.as_deref());
    let entry = permit.entry();
    let link = objects.download_link(place, &content_type, &name);
    let ((), url) = tokio::try_join!(permit.disclose(&entry), link)?;
    Reply::new(&Output {
        url,
        expires_at: request.now + Duration::from_secs(DOWNLOAD_SECONDS),
        file_name: file.name,
        content_type: file.media_type,
        size: file.size,
        sha256: file.sha256,
    })
}

/// The type that a file is sent as. How a text is encoded is said where that is known.
fn content_type(media_type: MediaType, charset: Option<&str>) -> String {
    match charset {
        Some(charset) => format!("{media_type}; charset={charset}"),
        None => media_type.to_string(),
    }
}
