//! `GET /v1/access-requests`: what a patient was asked, with the doctors' names and messages, or
//! what a doctor asked. Newest first, whole pages; `status` filters.

use domain::{
    Caller, DoctorId, GrantId, HospitalId, PatientId, RequestId, Timestamp,
    consent::{RequestStatus, Terms},
    policy::{acts::AccessRequestList, permit},
};
use edge::{Failure, Http, Problem, Reader, Reply, Request, read};
use serde::Serialize;
use store::{
    Item, Key, Look, Store, keys,
    list::{Page, read_cursor},
    rows::{self, RequestContent},
    vault::DataKey,
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Store> {
    edge::http(
        "access_request_list",
        || Box::pin(Store::connect()),
        |store, request| Box::pin(handle(store, request)),
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    items: Vec<RequestView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<GrantId>,
}

impl RequestView {
    fn new(row: rows::Request, content: Option<RequestContent>) -> Self {
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
            status: row.status,
            terms: row.terms,
            created_at: row.created_at,
            decided_at: row.decided_at,
            grant_id: row.grant,
        }
    }

    fn open(item: &Item, key: &DataKey, patient: bool) -> Result<Self, Failure> {
        let content = if patient { Some(item.open(key)?) } else { None };
        Ok(Self::new(item.clear()?, content))
    }
}

async fn handle(store: &Store, request: &Request) -> Result<Reply, Failure> {
    let caller = request.caller()?;
    let read = Reader::new(request);
    let (limit, cursor) = (read.limit(), read.cursor());
    let status = read.query("status", read::named::<RequestStatus>);
    read.finish()?;
    let status = status?;
    let (look, range) = match caller {
        Caller::Patient(id) => (Look::vault(&caller, id), keys::requests(id)),
        Caller::Doctor { id, .. } => (Look::own(&caller).own_hospital(), keys::doctor_requests(id)),
        Caller::Admin { .. } => return refuse(store, &caller, request).await,
    };
    let found = store.look(look).await?;
    let facts = found.facts(None);
    let permit = permit::<AccessRequestList>(&caller, &facts, found.target(), request.now)?;
    let patient = matches!(caller, Caller::Patient(_));
    let key = match patient {
        true => store.patient_key(&permit, &found).await?,
        false => store.hospital_key(&permit, &found).await?,
    };
    let list = Key { pk: "access_request_list".into(), sk: format!("{} {status:?}", caller.id()) };
    let after = match cursor? {
        Some(cursor) => Some(read_cursor(&cursor, &key, &list).ok_or_else(Reader::bad_cursor)?),
        None => None,
    };
    let mut scroll = store.scroll(range, after);
    let mut page = Page::of(limit?);
    while let Some(items) = scroll.next().await? {
        for item in &items {
            let view = RequestView::open(item, &key, patient)?;
            if status.is_none_or(|status| view.status == status) {
                page.offer(item, view);
            }
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
    permit::<AccessRequestList>(caller, &found.facts(None), found.target(), request.now)?;
    Err(Problem::not_found().into())
}
