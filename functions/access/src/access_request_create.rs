//! `POST /v1/access-requests`: a doctor in good standing asks a patient for access, for a purpose,
//! for certain records and for a time. Nothing is disclosed by asking. Needs an
//! `Idempotency-Key` (I7).

use domain::{
    Caller, PatientId, RequestId, Timestamp,
    audit::{Done, Target},
    consent::{RequestStatus, Terms},
    policy::acts::AccessRequestCreate,
};
use edge::{
    Failure, Http, Idempotency, Input, Promise, Read, Reader, Reply, Request,
    kind::{id, text},
    once,
    problem::NOT_FOUND,
};
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    Change, DataKey, Look, Permit, Store, keys, rows,
    rows::{Names, RequestContent},
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
}

async fn handle(
    store: &Store,
    request: &Request,
    input: Asked,
) -> Result<Reply<Output, 201>, Failure> {
    let caller = request.caller()?;
    let place = input.idempotency.place::<AccessRequestCreate>(&caller);
    let look = Look::vault(&caller, input.patient).own_hospital().saved(&place);
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
        decided_at: None,
        grant: None,
    };
    let at = keys::request(input.patient, id);
    let content = RequestContent { who, message: input.message.clone() };
    let mut attributes = sealed_item(&at, key, &row, &content)?;
    index(&mut attributes, &keys::in_doctor_requests(doctor, id));
    let output = Output { id, status: row.status, created_at: row.created_at };
    let reply = Reply::new(&output)?;
    let entry = permit.entry().done(Done::Asked);
    let entry = entry.pointing(|target| Target { request: Some(id), ..target });
    Ok((permit.change().create(attributes).audit(&entry, permit.now()), reply))
}
