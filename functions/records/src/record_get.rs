//! `GET /v1/patients/{patientId}/records/{recordId}`: one record, for the patient or a doctor
//! whose grant covers it. Audited (I2); anything else is 404 (I10).
//!
//! `ETag` is another when anything of the answer is. `rejection` says why a file was refused,
//! `text` how far reading the document has come.

use domain::policy::acts::RecordGet;
use edge::{Failure, Http, Promise, RecordPath, Reply, Request};
use store::{Look, Store};

use crate::view::RecordView;

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http(
        "record_get",
        "GET /v1/patients/{patientId}/records/{recordId}",
        |store, request, input| Box::pin(handle(store, request, input)),
    )
}

async fn handle(
    store: &Store,
    request: &Request,
    input: RecordPath,
) -> Result<Reply<RecordView>, Failure> {
    let caller = request.caller()?;
    let found = store.look(Look::vault(&caller, input.patient).record(input.record)).await?;
    let permit = found.permit::<RecordGet>(input.purpose, request.now)?;
    let (row, content) = permit.record()?;
    let reply = Reply::new(&RecordView::new(input.record, row, content, request.now))?.etag();
    permit.disclose(&permit.entry()).await?;
    Ok(reply)
}
