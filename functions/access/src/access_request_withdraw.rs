//! `DELETE /v1/access-requests/{requestId}`: the doctor who asked takes the request back, while it
//! waits for the patient. Withdrawing one that was withdrawn already changes nothing and is no
//! error.

use domain::{RequestId, consent::RequestStatus, policy::acts::AccessRequestWithdraw};
use edge::{Failure, Http, Input, Promise, Read, Reader, Reply, Request, problem::NOT_FOUND};
use store::Store;

use crate::{
    closing::{ALREADY_DECIDED, REQUEST_ENDED, close},
    finding::find,
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http(
        "access_request_withdraw",
        "DELETE /v1/access-requests/{requestId}",
        |store, request, input| Box::pin(handle(store, request, input)),
    )
    .problems(&[ALREADY_DECIDED, REQUEST_ENDED])
}

struct Which {
    request: RequestId,
}

impl Input for Which {
    fn read(read: &Reader<'_>) -> Read<Self> {
        Ok(Self { request: read.path("requestId", RequestId::parse)? })
    }
}

async fn handle(store: &Store, request: &Request, input: Which) -> Result<Reply<(), 204>, Failure> {
    let caller = request.caller()?;
    let id = input.request;
    let found = find(store, &caller, id.0, |look| look.request(id)).await?;
    let permit = found.permit::<AccessRequestWithdraw>(None, request.now)?;
    let row = &permit.request().ok_or(NOT_FOUND)?.row;
    match row.status_at(request.now) {
        RequestStatus::Withdrawn => return Ok(Reply::no_content()),
        RequestStatus::Expired => return Err(REQUEST_ENDED.into()),
        RequestStatus::Approved | RequestStatus::Rejected => return Err(ALREADY_DECIDED.into()),
        RequestStatus::Pending => {}
    }
    let change = close(permit.change(), row, (RequestStatus::Withdrawn, None), request.now);
    let entry = permit.entry().pointing(|mut target| {
        target.purpose = Some(row.terms.purpose);
        target
    });
    change.audit(&entry, request.now).commit().await?;
    Ok(Reply::no_content())
}
