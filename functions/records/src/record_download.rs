//! `GET /v1/patients/{patientId}/records/{recordId}/content`: a link to the record's file, valid
//! for 60 seconds (I5). For the patient or a doctor whose grant covers the record. Audited (I2).

use domain::{
    PatientId, RecordId, Timestamp,
    consent::Purpose,
    policy::{acts::RecordDownload, permit},
    record::{MediaType, RecordStatus},
};
use edge::{Boxed, Failure, Http, Problem, Reader, Reply, Request, Service};
use serde::Serialize;
use store::{
    Fault, Look, Objects, Store,
    objects::{DOWNLOAD_SECONDS, Place},
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Files> {
    edge::http("record_download", Files::connect, |files, request| Box::pin(handle(files, request)))
}

/// The store and the files.
#[derive(Debug)]
pub struct Files {
    store: Store,
    objects: Objects,
}

impl Files {
    fn connect() -> Boxed<'static, Result<Self, Fault>> {
        Box::pin(async {
            let config = store::aws_config().await;
            Ok(Self { store: Store::new(&config)?, objects: Objects::new(&config)? })
        })
    }
}

impl Service for Files {
    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }
}

struct Input {
    patient: PatientId,
    record: RecordId,
    purpose: Option<Purpose>,
}

impl Input {
    fn parse(request: &Request) -> Result<Self, Failure> {
        let read = Reader::new(request);
        let patient = read.path("patientId", PatientId::parse);
        let record = read.path("recordId", RecordId::parse);
        let purpose = read.purpose();
        read.finish()?;
        Ok(Self { patient: patient?, record: record?, purpose: purpose? })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output<'a> {
    url: String,
    expires_at: Timestamp,
    file_name: &'a str,
    content_type: MediaType,
    size: u64,
    sha256: &'a str,
}

async fn handle(files: &Files, request: &Request) -> Result<Reply, Failure> {
    let Files { store, objects } = files;
    let caller = request.caller()?;
    let input = Input::parse(request)?;
    let found = store.look(Look::vault(&caller, input.patient).record(input.record)).await?;
    let facts = found.facts(input.purpose);
    let permit = permit::<RecordDownload>(&caller, &facts, found.target(), request.now)?;
    let (row, content) = found.record(&permit)?;
    let file = content.file.as_ref().filter(|_| row.status == RecordStatus::Available);
    let file = file.ok_or_else(|| {
        Problem::conflict("no-file", "This record has no file, or its file is not available.")
    })?;
    let place = Place { patient: input.patient, record: input.record };
    let media_type = file.media_type.to_string();
    let change = store.change(&permit).audit(&permit.entry(found.target()), request.now);
    let link = objects.download_link(place, &media_type);
    let ((), url) = tokio::try_join!(change.commit(), link)?;
    Reply::ok(&Output {
        url,
        expires_at: request.now + std::time::Duration::from_secs(DOWNLOAD_SECONDS),
        file_name: &file.name,
        content_type: file.media_type,
        size: file.size,
        sha256: &file.sha256,
    })
}
