//! `GET /v1/access-requests`: what a patient was asked, with the doctors' names and messages, or
//! what a doctor asked. Newest first; `status` filters. One that nobody decides ends after 30 days.

use domain::{
    DoctorId, GrantId, HospitalId, PatientId, RequestId, Timestamp,
    consent::{RequestStatus, Terms},
    policy::acts::AccessRequestList,
};
use edge::{
    Failure, Http, Input, Listing, Paging, Promise, Read, Reader, Reply, Request, kind::named,
};
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    Store, keys,
    rows::{self, RequestContent},
};

use crate::own_list::OwnList;

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http("access_request_list", "GET /v1/access-requests", |store, request, input| {
        Box::pin(handle(store, request, input))
    })
}

struct Wanted {
    paging: Paging,
    status: Option<RequestStatus>,
}

impl Input for Wanted {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let (paging, status) = (read.paging(), read.query("status", named()));
        Ok(Self { paging: paging?, status: status? })
    }
}

/// A request for access.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AccessRequest")]
struct RequestView {
    id: RequestId,
    patient_id: PatientId,
    doctor_id: DoctorId,
    hospital_id: HospitalId,
    #[serde(skip_serializing_if = "Option::is_none")]
    doctor_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hospital_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    status: RequestStatus,
    terms: Terms,
    created_at: Timestamp,
    /// When it ends without a decision.
    expires_at: Timestamp,
    /// When it was decided or withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<GrantId>,
}

impl RequestView {
    fn new(row: rows::Request, content: Option<RequestContent>, now: Timestamp) -> Self {
        let (who, message) = content.map(|content| (content.who, content.message)).unzip();
        let (doctor_name, hospital_name) = who.map(|who| (who.doctor, who.hospital)).unzip();
        Self {
            id: row.id,
            patient_id: row.patient,
            doctor_id: row.doctor,
            hospital_id: row.hospital,
            doctor_name,
            hospital_name,
            message: message.flatten(),
            status: row.status_at(now),
            terms: row.terms,
            created_at: row.created_at,
            expires_at: row.ends_at,
            decided_at: row.decided_at,
            grant_id: row.grant,
        }
    }
}

async fn handle(
    store: &Store,
    request: &Request,
    Wanted { paging, status }: Wanted,
) -> Result<Reply<Listing<RequestView>>, Failure> {
    let list = OwnList {
        of_patient: keys::requests,
        of_doctor: keys::doctor_requests,
        filters: format!("{status:?}"),
    };
    let listed = list.page::<AccessRequestList, _>(store, request, &paging, |item, key| {
        let row: rows::Request = item.clear()?;
        if status.is_some_and(|status| row.status_at(request.now) != status) {
            return Ok(None);
        }
        let content = key.map(|key| item.open(key)).transpose()?;
        Ok(Some(RequestView::new(row, content, request.now)))
    });
    listed.await?.reply()
}
