//! `GET /v1/patients/{patientId}/records/{recordId}`: one record, for the patient or a doctor
//! whose grant covers it. Audited (I2); anything else is 404 (I10).

use domain::{
    PatientId, RecordId,
    consent::Purpose,
    policy::{acts::RecordGet, permit},
};
use edge::{Failure, Http, Reader, Reply, Request};
use store::{Look, Store};

use crate::view::RecordView;

/// The operation.
#[must_use]
pub fn operation() -> Http<Store> {
    edge::http(
        "record_get",
        || Box::pin(Store::connect()),
        |store, request| Box::pin(handle(store, request)),
    )
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

async fn handle(store: &Store, request: &Request) -> Result<Reply, Failure> {
    let caller = request.caller()?;
    let input = Input::parse(request)?;
    let found = store.look(Look::vault(&caller, input.patient).record(input.record)).await?;
    let facts = found.facts(input.purpose);
    let permit = permit::<RecordGet>(&caller, &facts, found.target(), request.now)?;
    let (row, content) = found.record(&permit)?;
    let reply = Reply::ok(&RecordView::new(input.record, row, content))?.etag(row.version);
    store.change(&permit).audit(&permit.entry(found.target()), request.now).commit().await?;
    Ok(reply)
}
