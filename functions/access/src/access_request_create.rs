//! `POST /v1/access-requests`: a doctor in good standing asks a patient for access, for a purpose,
//! for certain records and for a time. Nothing is disclosed by asking. A doctor has one open
//! request at most with each patient; it ends after 30 days, or when they withdraw it. Needs an
//! `Idempotency-Key` (I7).

use std::time::Duration;

use domain::{
    Caller, PatientId, RequestId, Timestamp,
    audit::{Done, Target},
    consent::{REQUEST_SECONDS, RequestStatus, Terms},
    policy::acts::AccessRequestCreate,
};
use edge::{
    Failure, Http, Idempotency, Input, Known, Promise, Read, Reader, Reply, Request,
    kind::{id, text},
    once,
    problem::NOT_FOUND,
};
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    Attribute, Change, DataKey, Fault, Look, Permit, Store, keys,
    rows::{self, Belonging, Names, OpenRequest, RequestContent},
    table::{index, item, sealed_item},
    text as value,
};

use crate::terms::read_terms;

const ALREADY_ASKED: Known = Known::conflict(
    "already-asked",
    "You have an open request with this patient; withdraw it to ask for something else.",
);

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http("access_request_create", "POST /v1/access-requests", |store, request, input| {
        Box::pin(handle(store, request, input))
    })
    .problems(&[ALREADY_ASKED])
}

struct Asked {
    patient: PatientId,
    terms: Terms,
    message: Option<String>,
    idempotency: Idempotency,
}

impl Input for Asked {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let patient = read.field("/patientId", id(PatientId::parse));
        let terms = read_terms(read, "");
        let message = read.optional("/message", text(1000));
        let idempotency = read.idempotency();
        Ok(Self { patient: patient?, terms: terms?, message: message?, idempotency: idempotency? })
    }
}

/// A request that was made.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AccessRequested")]
struct Output {
    id: RequestId,
    status: RequestStatus,
    created_at: Timestamp,
    expires_at: Timestamp,
}

async fn handle(
    store: &Store,
    request: &Request,
    input: Asked,
) -> Result<Reply<Output, 201>, Failure> {
    let caller = request.caller()?;
    let place = input.idempotency.place::<AccessRequestCreate>(&caller);
    let look = Look::vault(&caller, input.patient).own_hospital().open_request().saved(&place);
    let found = store.look(look.purpose(input.terms.purpose)).await?;
    let permit = found.permit::<AccessRequestCreate>(None, request.now)?;
    once(&permit, &input.idempotency, async |key| ask(&permit, &input, &key).await).await
}

async fn ask<'f>(
    permit: &Permit<'f, AccessRequestCreate>,
    input: &Asked,
    key: &DataKey,
) -> Result<(Change<'f>, Reply<Output, 201>), Failure> {
    let Caller::Doctor { id: doctor, hospital, .. } = *permit.caller() else {
        return Err(NOT_FOUND.into());
    };
    let before = permit.open_request();
    if before.is_some_and(|open| open.ends_at > permit.now()) {
        return Err(ALREADY_ASKED.into());
    }
    let home_key = permit.hospital_key().await?;
    let who = Names {
        doctor: permit.staff()?.open(&home_key)?.name,
        hospital: permit.hospital()?.open(&home_key)?.name,
    };
    let id = RequestId(store::new_id());
    let row = rows::Request {
        id,
        patient: input.patient,
        doctor,
        hospital,
        terms: input.terms.clone(),
        status: RequestStatus::Pending,
        created_at: permit.now(),
        ends_at: end(permit.now())?,
        decided_at: None,
        grant: None,
    };
    let at = keys::request(input.patient, id);
    let content = RequestContent { who, message: input.message.clone() };
    let mut attributes = sealed_item(&at, key, &row, &content)?;
    index(&mut attributes, &keys::in_doctor_requests(doctor, id));
    let (status, created_at, expires_at) = (row.status, row.created_at, row.ends_at);
    let reply = Reply::new(&Output { id, status, created_at, expires_at })?;
    let belonging = item(&keys::belonging(id.0), &Belonging { patient: input.patient })?;
    let change = open(permit.change(), &row, before)?.create(belonging);
    let entry = permit.entry().done(Done::Asked);
    let entry = entry.pointing(|target| Target { request: Some(id), ..target });
    Ok((change.create(attributes).audit(&entry, permit.now()), reply))
}

/// When a request made at `now` ends: at a whole second, as TTL understands it.
fn end(now: Timestamp) -> Result<Timestamp, Fault> {
    let second = Timestamp::from_second(now.as_second()).ok();
    let end = second
        .and_then(|second| second.checked_add(Duration::from_secs(REQUEST_SECONDS.into())).ok());
    end.ok_or(Fault::Corrupt("clock"))
}

/// Makes the request the open one, in place of one that ended by the clock.
fn open<'f>(
    change: Change<'f>,
    row: &rows::Request,
    before: Option<OpenRequest>,
) -> Result<Change<'f>, Fault> {
    let open =
        OpenRequest { id: row.id, ends_at: row.ends_at, expires_at: row.ends_at.as_second() };
    let attributes = item(&keys::open_request(row.patient, row.doctor), &open)?;
    Ok(match before {
        None => change.create(attributes),
        Some(before) => change.replace(attributes, Attribute::Id, value(before.id)),
    })
}
