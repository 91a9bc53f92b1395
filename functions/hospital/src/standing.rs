//! What verifying, suspending and reinstating a doctor share: all of it but the name.

use domain::{
    DoctorId, HospitalId,
    names::Named,
    policy::{Act, permit},
    staff::{Standing, StandingChange},
};
use edge::{Failure, Idempotency, Problem, Reader, Reply, Request};
use serde::Serialize;
use store::{Look, Store, Update, keys, rows::Staff, text};

/// A doctor and where they stand now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StandingView {
    pub(crate) doctor_id: DoctorId,
    pub(crate) standing: Standing,
}

struct Input {
    hospital: HospitalId,
    doctor: DoctorId,
    once: Idempotency,
}

impl Input {
    fn parse(request: &Request) -> Result<Self, Failure> {
        let read = Reader::new(request);
        let hospital = read.path("hospitalId", HospitalId::parse);
        let doctor = read.path("doctorId", DoctorId::parse);
        let once = read.idempotency();
        read.finish()?;
        Ok(Self { hospital: hospital?, doctor: doctor?, once: once? })
    }
}

/// Makes `change` to a doctor's standing; it counts from the doctor's next request on (I5).
pub(crate) async fn change<A: Act>(
    store: &Store,
    request: &Request,
    change: StandingChange,
) -> Result<Reply, Failure> {
    let caller = request.caller()?;
    let Input { hospital, doctor, once } = Input::parse(request)?;
    let saved = once.place::<A>(&caller);
    let found = store.look(Look::hospital(&caller, hospital).doctor(doctor).saved(&saved)).await?;
    let permit = permit::<A>(&caller, &found.facts(None), found.target(), request.now)?;
    let key = store.hospital_key(&permit, &found).await?;
    if let Some(reply) = once.replay(&permit, &found, &key)? {
        return Ok(reply);
    }
    let item = found.doctor_item(&permit).ok_or_else(Problem::not_found)?;
    let before = item.clear::<Staff>()?.standing;
    let standing = before.after(change).ok_or_else(not_applicable)?;
    let reply = Reply::ok(&StandingView { doctor_id: doctor, standing })?;
    let update = Update::at(keys::doctor(hospital, doctor))
        .require("standing", "=", text(before.name()))
        .set("standing", text(standing.name()))
        .set("changed_at", text(request.now));
    let written = store.change(&permit).update(update);
    let written = written.audit(&permit.entry(found.target()), request.now);
    once.keep(written, &permit, &reply, &key).commit().await?;
    Ok(reply)
}

fn not_applicable() -> Problem {
    Problem::conflict("standing-conflict", "The doctor's standing does not allow this.")
}
