//! `GET /v1/grants`: a patient's grants with the doctors' names, or a doctor's own grants (ids and
//! terms: a patient's name is disclosed only with their records). Newest first, whole pages.
//!
//! The status is told by the clock (I4), whether or not a sweep has recorded it yet. A doctor's
//! list comes from the index and may be a moment late; what a doctor may do never rests on it.

use domain::{
    DoctorId, GrantId, HospitalId, PatientId, Timestamp,
    consent::{GrantStatus, Terms},
    policy::acts::GrantList,
};
use edge::{Failure, Http, Listing, Paging, Promise, Reply, Request};
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    Store, keys,
    rows::{GrantRow, Names},
};

use crate::own_list::OwnList;

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http("grant_list", "GET /v1/grants", |store, request, input| {
        Box::pin(handle(store, request, input))
    })
}

/// A grant.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Grant")]
struct GrantView {
    id: GrantId,
    patient_id: PatientId,
    doctor_id: DoctorId,
    hospital_id: HospitalId,
    #[serde(flatten)]
    names: Option<NamesView>,
    status: GrantStatus,
    terms: Terms,
    not_before: Timestamp,
    expires_at: Timestamp,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct NamesView {
    doctor_name: String,
    hospital_name: String,
}

impl GrantView {
    fn new(row: GrantRow, names: Option<Names>, now: Timestamp) -> Self {
        let over = row.status == GrantStatus::Active && row.ends_at <= now;
        Self {
            id: row.id,
            patient_id: row.patient,
            doctor_id: row.doctor,
            hospital_id: row.hospital,
            names: names.map(|names| NamesView {
                doctor_name: names.doctor,
                hospital_name: names.hospital,
            }),
            status: if over { GrantStatus::Expired } else { row.status },
            terms: row.terms,
            not_before: row.not_before,
            expires_at: row.ends_at,
            created_at: row.created_at,
            ended_at: row.ended_at.or(over.then_some(row.ends_at)),
        }
    }
}

async fn handle(
    store: &Store,
    request: &Request,
    paging: Paging,
) -> Result<Reply<Listing<GrantView>>, Failure> {
    let list = OwnList {
        of_patient: keys::grants,
        of_doctor: keys::doctor_grants,
        filters: String::new(),
    };
    let page = list.page::<GrantList, _>(store, request, &paging, |item, key| {
        let names = key.map(|key| item.open(key)).transpose()?;
        Ok(Some(GrantView::new(item.clear()?, names, request.now)))
    });
    page.await
}
