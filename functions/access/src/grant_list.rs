//! `GET /v1/grants`: a patient's grants with the doctors' names, or a doctor's own grants (ids and
//! terms: a patient's name is disclosed only with their records). Newest first.
//!
//! The status is told by the clock (I4), whether or not a sweep has recorded it yet. A doctor's
//! list comes from the index and may be a moment late; what a doctor may do never rests on it.

use std::collections::{HashMap, HashSet};

use domain::{
    DoctorId, GrantId, HospitalId, PatientId, Timestamp,
    consent::{GrantStatus, Terms},
    policy::acts::GrantList,
};
use edge::{Failure, Http, Listing, Paging, Promise, Reply, Request};
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    DataKey, Fault, Item, Store, keys,
    rows::{GrantRow, LiveGrant, Names},
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
    /// How many reads are left of `terms.maxReads`, while the grant is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    reads_left: Option<u32>,
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
    fn new(row: GrantRow, names: Option<Names>, reads: Option<u32>, now: Timestamp) -> Self {
        let status = row.status_at(now, reads);
        Self {
            id: row.id,
            patient_id: row.patient,
            doctor_id: row.doctor,
            hospital_id: row.hospital,
            names: names.map(|names| NamesView {
                doctor_name: names.doctor,
                hospital_name: names.hospital,
            }),
            status,
            reads_left: row.reads_left(reads),
            terms: row.terms,
            not_before: row.not_before,
            expires_at: row.ends_at,
            created_at: row.created_at,
            ended_at: row.ended_at.or((status == GrantStatus::Expired).then_some(row.ends_at)),
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
    let open = |item: &Item, key: Option<&DataKey>| {
        let names: Option<Names> = key.map(|key| item.open(key)).transpose()?;
        Ok(Some((item.clear::<GrantRow>()?, names)))
    };
    let listed = list.page::<GrantList, _>(store, request, &paging, open).await?;
    let reads = reads(store, listed.page.items.iter().map(|(row, _)| row), request.now).await?;
    let view = |(row, names): (GrantRow, _)| {
        let reads = reads.get(&row.id).copied();
        GrantView::new(row, names, reads, request.now)
    };
    listed.map(view).reply()
}

/// How often was read under those grants in force whose reads are counted: the live grant knows.
async fn reads(
    store: &Store,
    rows: impl Iterator<Item = &GrantRow>,
    now: Timestamp,
) -> Result<HashMap<GrantId, u32>, Fault> {
    let counted = rows.filter(|row| {
        row.terms.max_reads.is_some() && row.status_at(now, None) == GrantStatus::Active
    });
    // The index may still show one that was replaced beside the one in its place.
    let places: HashSet<_> = counted.map(|row| keys::live_grant(row.patient, row.doctor)).collect();
    if places.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<_> = places.into_iter().collect();
    let live = store.table.read(&places).await?.into_iter().flatten();
    live.map(|item| item.clear().map(|live: LiveGrant| (live.id, live.reads))).collect()
}
