//! What verifying, suspending and reinstating a doctor share: all of it but the name.

use domain::{
    DoctorId, HospitalId,
    names::Named,
    policy::{Act, permit},
    staff::{Standing, StandingChange},
};
use edge::{Failure, Idempotency, Input, Known, Read, Reader, Reply, Request, problem::NOT_FOUND};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Look, Store, Update, keys, rows::Staff, text};

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
    once: Idempotency,
}

impl Input for Whose {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let hospital = read.path("hospitalId", HospitalId::parse);
        let doctor = read.path("doctorId", DoctorId::parse);
        let once = read.idempotency();
        Ok(Self { hospital: hospital?, doctor: doctor?, once: once? })
    }
}

/// Makes `change` to a doctor's standing; it counts from the doctor's next request on (I5).
pub(crate) async fn change<A: Act>(
    store: &Store,
    request: &Request,
    Whose { hospital, doctor, once }: Whose,
    change: StandingChange,
) -> Result<Reply<StandingView>, Failure> {
    let caller = request.caller()?;
    let saved = once.place::<A>(&caller);
    let found = store.look(Look::hospital(&caller, hospital).doctor(doctor).saved(&saved)).await?;
    let permit = permit::<A>(&caller, &found.facts(None), found.target(), request.now)?;
    let key = store.hospital_key(&permit, &found).await?;
    if let Some(reply) = once.replay(&permit, &found, &key)? {
        return Ok(reply);
    }
    let item = found.doctor_item(&permit).ok_or(NOT_FOUND)?;
    let before = item.clear::<Staff>()?.standing;
    let standing = before.after(change).ok_or(STANDING_CONFLICT)?;
    let reply = Reply::new(&StandingView { doctor_id: doctor, standing })?;
    let update = Update::at(keys::doctor(hospital, doctor))
        .require("standing", "=", text(before.name()))
        .set("standing", text(standing.name()))
        .set("changed_at", text(request.now));
    let written = store.change(&permit).update(update);
    let written = written.audit(&permit.entry(found.target()), request.now);
    once.keep(written, &permit, &reply, &key).commit().await?;
    Ok(reply)
}
