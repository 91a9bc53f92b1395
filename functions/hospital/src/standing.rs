//! What verifying, suspending and reinstating a doctor share: all of it but the name.

use domain::{
    DoctorId, HospitalId,
    names::Named,
    policy::Act,
    staff::{Standing, StandingChange},
};
use edge::{
    Failure, Idempotency, Input, Known, Read, Reader, Reply, Request, once, problem::NOT_FOUND,
};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Attribute, Look, Store, Update, keys, text};

/// 409: an invited doctor cannot be suspended, and so on.
pub(crate) const STANDING_CONFLICT: Known =
    Known::conflict("standing-conflict", "The doctor's standing does not allow this.");

/// A doctor and where they stand now.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DoctorStanding")]
pub(crate) struct StandingView {
    pub(crate) doctor_id: DoctorId,
    pub(crate) standing: Standing,
}

/// Whose standing is to change.
pub(crate) struct Whose {
    hospital: HospitalId,
    doctor: DoctorId,
    idempotency: Idempotency,
}

impl Input for Whose {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let hospital = read.path("hospitalId", HospitalId::parse);
        let doctor = read.path("doctorId", DoctorId::parse);
        let idempotency = read.idempotency();
        Ok(Self { hospital: hospital?, doctor: doctor?, idempotency: idempotency? })
    }
}

/// Makes `change` to a doctor's standing; it counts from the doctor's next request on (I5).
pub(crate) async fn change<A: Act>(
    store: &Store,
    request: &Request,
    Whose { hospital, doctor, idempotency }: Whose,
    change: StandingChange,
) -> Result<Reply<StandingView>, Failure> {
    let caller = request.caller()?;
    let saved = idempotency.place::<A>(&caller);
    let found = store.look(Look::hospital(&caller, hospital).doctor(doctor).saved(&saved)).await?;
    let permit = found.permit::<A>(None, request.now)?;
    once(&permit, &idempotency, async |_| {
        let before = permit.doctor().ok_or(NOT_FOUND)?.row.standing;
        let standing = before.after(change).ok_or(STANDING_CONFLICT)?;
        let reply = Reply::new(&StandingView { doctor_id: doctor, standing })?;
        let update = Update::at(keys::doctor(hospital, doctor))
            .require(Attribute::Standing, "=", text(before.name()))
            .set(Attribute::Standing, text(standing.name()))
            .set(Attribute::ChangedAt, text(request.now));
        Ok((permit.change().update(update).audit(&permit.entry(), request.now), reply))
    })
    .await
}
