//! `POST /v1/hospitals/{hospitalId}/doctors`: invites a doctor. Audited (I2); once however often
//! it is sent (I7).
//!
//! Only writes that the doctor is invited. The table's stream sees it and sends the invitation
//! (`invitation`), so that none is sent that is not on record, and none on record is forgotten.

use domain::{DoctorId, HospitalId, audit::Target, policy::acts::DoctorInvite, staff::Standing};
use edge::{
    Failure, Http, Idempotency, Input, Promise, Read, Reader, Reply, Request,
    kind::{email, line},
    once,
};
use store::{
    Look, Store, keys, new_id,
    rows::{Staff, StaffContent},
    table::sealed_item,
};

use crate::standing::StandingView;

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http(
        "doctor_invite",
        "POST /v1/hospitals/{hospitalId}/doctors",
        |store, request, input| Box::pin(handle(store, request, input)),
    )
}

struct Invitation {
    hospital: HospitalId,
    content: StaffContent,
    idempotency: Idempotency,
}

impl Input for Invitation {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let hospital = read.path("hospitalId", HospitalId::parse);
        let email = read.field("/email", email());
        let name = read.field("/name", line(100));
        let licence = read.field("/licence", line(64));
        let specialty = read.field("/specialty", line(100));
        let idempotency = read.idempotency();
        let content = StaffContent {
            name: name?,
            email: email?,
            licence: Some(licence?),
            specialty: Some(specialty?),
        };
        Ok(Self { hospital: hospital?, content, idempotency: idempotency? })
    }
}

async fn handle(
    store: &Store,
    request: &Request,
    Invitation { hospital, content, idempotency }: Invitation,
) -> Result<Reply<StandingView, 201>, Failure> {
    let caller = request.caller()?;
    let saved = idempotency.place::<DoctorInvite>(&caller);
    let found = store.look(Look::hospital(&caller, hospital).saved(&saved)).await?;
    let permit = found.permit::<DoctorInvite>(None, request.now)?;
    once(&permit, &idempotency, async |key| {
        let (doctor, standing) = (DoctorId(new_id()), Standing::Invited);
        let at = keys::doctor(hospital, doctor);
        let (created_at, changed_at) = (request.now, request.now);
        let row = Staff { standing, created_at, changed_at, sent_at: None };
        let invited = sealed_item(&at, &key, &row, &content)?;
        let reply = Reply::new(&StandingView { doctor_id: doctor, standing })?;
        let entry = permit.entry().pointing(|target| Target { doctor: Some(doctor), ..target });
        Ok((permit.change().create(invited).audit(&entry, request.now), reply))
    })
    .await
}
