//! `DELETE /v1/patients/{patientId}/records/{recordId}/upload`: an upload is withdrawn before its file
//! was taken in, and its record is gone. For the patient, or the doctor who began it while their grant
//! lets them add. A file that arrives all the same belongs to no record and is deleted.

use domain::{policy::acts::UploadWithdraw, record::RecordStatus};
use edge::{Failure, Http, Known, Promise, RecordPath, Reply, Request};
use store::{Look, Store};

const FILE_CAME: Known =
    Known::conflict("file-came", "The file of this record came already; nothing was withdrawn.");

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http(
        "upload_withdraw",
        "DELETE /v1/patients/{patientId}/records/{recordId}/upload",
        |store, request, input| Box::pin(handle(store, request, input)),
    )
    .problems(&[FILE_CAME])
}

async fn handle(
    store: &Store,
    request: &Request,
    input: RecordPath,
) -> Result<Reply<(), 204>, Failure> {
    let caller = request.caller()?;
    let found = store.look(Look::vault(&caller, input.patient).awaited(input.record)).await?;
    let permit = found.permit::<UploadWithdraw>(input.purpose, request.now)?;
    let (row, _) = permit.record()?;
    if row.status != RecordStatus::AwaitingUpload {
        return Err(FILE_CAME.into());
    }
    let key = permit.key().await?;
    // A file that is taken in meanwhile rewrites the chunk, and this is decided anew.
    let chunk = permit.record_chunk(&key).await?;
    let change = permit.change().remove_record(chunk, (input.record, row.version), &key);
    change.audit(&permit.entry(), request.now).commit().await?;
    Ok(Reply::no_content())
}
