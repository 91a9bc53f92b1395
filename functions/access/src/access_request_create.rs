//! `POST /v1/access-requests`: a doctor in good standing asks a patient for access, for a purpose,
//! for certain records and for a time. Nothing is disclosed by asking. Needs an
//! `Idempotency-Key` (I7).

use domain::{
    Caller, PatientId, RequestId, Timestamp,
    audit::{Done, Draft, Outcome, Target},
    consent::{RequestStatus, Terms},
    policy::{acts::AccessRequestCreate, permit},
};
use edge::{
    Failure, Http, Idempotency, Input, Promise, Read, Reader, Reply, Request,
    kind::{id, text},
    problem::NOT_FOUND,
};
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    Fault, Look, Store, keys, rows,
    rows::{Names, Profile, RequestContent, StaffContent},
    table::{index, sealed_item},
};

use crate::terms::read_terms;

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http("access_request_create", "POST /v1/access-requests", |store, request, input| {
        Box::pin(handle(store, request, input))
    })
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
        let message = read.optional("/message", text(1, 1000));
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
}

async fn handle(
    store: &Store,
    request: &Request,
    input: Asked,
) -> Result<Reply<Output, 201>, Failure> {
    let caller = request.caller()?;
    let place = input.idempotency.place::<AccessRequestCreate>(&caller);
    let look = Look::vault(&caller, input.patient).own_hospital().saved(&place);
    let found = store.look(look).await?;
    let facts = found.facts(None);
    let stated = Target { purpose: Some(input.terms.purpose), ..found.target() };
    let permit = permit::<AccessRequestCreate>(&caller, &facts, stated, request.now)?;
    let key = store.patient_key(&permit, &found).await?;
    if let Some(reply) = input.idempotency.replay(&permit, &found, &key)? {
        return Ok(reply);
    }
    let Caller::Doctor { id: doctor, hospital, .. } = caller else {
        return Err(NOT_FOUND.into());
    };
    let staff_key = store.hospital_key(&permit, &found).await?;
    let me = found.staff_item(&permit).ok_or(Fault::Corrupt("staff"))?;
    let home = found.hospital_item(&permit).ok_or(Fault::Corrupt("hospital"))?;
    let StaffContent { name: doctor_name, .. } = me.open(&staff_key)?;
    let Profile { name: hospital_name, .. } = home.open(&staff_key)?;

    let id = RequestId(store::new_id());
    let row = rows::Request {
        id,
        patient: input.patient,
        doctor,
        hospital,
        terms: input.terms,
        status: RequestStatus::Pending,
        created_at: request.now,
        decided_at: None,
        grant: None,
    };
    let who = Names { doctor: doctor_name, hospital: hospital_name };
    let at = keys::request(input.patient, id);
    let content = RequestContent { who, message: input.message };
    let mut attributes = sealed_item(&at, &key, &row, &content)?;
    index(&mut attributes, &keys::in_doctor_requests(doctor, id));
    let output = Output { id, status: row.status, created_at: row.created_at };
    let reply = Reply::new(&output)?;
    let asked = Outcome::Done(Done::Asked);
    let entry = permit.entry(Target { request: Some(id), ..stated });
    let change = store.change(&permit).create(attributes);
    let change = change.audit(&Draft { outcome: asked, ..entry }, request.now);
    input.idempotency.keep(change, &permit, &reply, &key).commit().await?;
    Ok(reply)
}
