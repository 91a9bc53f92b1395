//! `GET /v1/grants`: a patient's grants with the doctors' names, or a doctor's own grants (ids and
//! terms: a patient's name is disclosed only with their records). Newest first, whole pages.
//!
//! The status is told by the clock (I4), whether or not a sweep has recorded it yet. A doctor's
//! list comes from the index and may be a moment late; what a doctor may do never rests on it.

use domain::{
    Caller, DoctorId, GrantId, HospitalId, PatientId, Timestamp,
    consent::{GrantStatus, Terms},
    policy::{acts::GrantList, permit},
};
use edge::{Failure, Http, Problem, Reader, Reply, Request};
use serde::Serialize;
use store::{
    Item, Key, Look, Store, keys,
    list::{Page, read_cursor},
    rows::{GrantRow, Names},
    vault::DataKey,
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Store> {
    edge::http(
        "grant_list",
        || Box::pin(Store::connect()),
        |store, request| Box::pin(handle(store, request)),
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    items: Vec<GrantView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
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

#[derive(Serialize)]
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

    fn open(item: &Item, key: &DataKey, patient: bool, now: Timestamp) -> Result<Self, Failure> {
        let names = if patient { Some(item.open(key)?) } else { None };
        Ok(Self::new(item.clear()?, names, now))
    }
}

async fn handle(store: &Store, request: &Request) -> Result<Reply, Failure> {
    let caller = request.caller()?;
    let read = Reader::new(request);
    let (limit, cursor) = (read.limit(), read.cursor());
    read.finish()?;
    let (look, range) = match caller {
        Caller::Patient(id) => (Look::vault(&caller, id), keys::grants(id)),
        Caller::Doctor { id, .. } => (Look::own(&caller).own_hospital(), keys::doctor_grants(id)),
        Caller::Admin { .. } => return refuse(store, &caller, request).await,
    };
    let found = store.look(look).await?;
    let facts = found.facts(None);
    let permit = permit::<GrantList>(&caller, &facts, found.target(), request.now)?;
    let patient = matches!(caller, Caller::Patient(_));
    let key = match patient {
        true => store.patient_key(&permit, &found).await?,
        false => store.hospital_key(&permit, &found).await?,
    };
    let list = Key { pk: "grant_list".into(), sk: caller.id().to_string() };
    let after = match cursor? {
        Some(cursor) => Some(read_cursor(&cursor, &key, &list).ok_or_else(Reader::bad_cursor)?),
        None => None,
    };
    let mut scroll = store.scroll(range, after);
    let mut page = Page::of(limit?);
    while let Some(items) = scroll.next().await? {
        for item in &items {
            page.offer(item, GrantView::open(item, &key, patient, request.now)?);
        }
        if page.is_full() {
            break;
        }
    }
    let next_cursor = page.next(&key, &list)?;
    Reply::ok(&Output { items: page.items, next_cursor })
}

async fn refuse(store: &Store, caller: &Caller, request: &Request) -> Result<Reply, Failure> {
    let found = store.look(Look::own(caller)).await?;
    permit::<GrantList>(caller, &found.facts(None), found.target(), request.now)?;
    Err(Problem::not_found().into())
}
