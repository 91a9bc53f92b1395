//! `GET /v1/me`: the caller's own profile, for patients and for staff in good standing. Audited
//! (I2).

use domain::{
    Caller, HospitalId, Timestamp,
    caller::Role,
    policy::{Permit, acts::ProfileGet, permit},
    staff::Standing,
};
use edge::{Failure, Http, Promise, Reply, Request};
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    DataKey, Fault, Found, Item, Look, Store,
    rows::{Profile, Staff, StaffContent, Vault},
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http("profile_get", "GET /v1/me", |store, request, ()| Box::pin(handle(store, request)))
}

/// A profile; what only staff have is absent for patients.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Profile")]
struct ProfileView {
    id: String,
    role: Role,
    name: String,
    email: Option<String>,
    created_at: Timestamp,
    #[serde(flatten)]
    staff: Option<StaffView>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "StaffProfile")]
struct StaffView {
    hospital: HospitalView,
    standing: Standing,
    #[serde(skip_serializing_if = "Option::is_none")]
    licence: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    specialty: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Hospital")]
struct HospitalView {
    id: HospitalId,
    name: String,
}

async fn handle(store: &Store, request: &Request) -> Result<Reply<ProfileView>, Failure> {
    let caller = request.caller()?;
    let look = match caller {
        Caller::Patient(id) => Look::vault(&caller, id),
        Caller::Doctor { .. } | Caller::Admin { .. } => Look::own(&caller).own_hospital(),
    };
    let found = store.look(look).await?;
    let permit = permit::<ProfileGet>(&caller, &found.facts(None), found.target(), request.now)?;
    let written = store.change(&permit).audit(&permit.entry(found.target()), request.now);
    let (view, ()) = tokio::try_join!(view(store, &permit, &found), written.commit())?;
    Reply::new(&view)
}

async fn view(
    store: &Store,
    permit: &Permit<ProfileGet>,
    found: &Found,
) -> Result<ProfileView, Fault> {
    let missing = || Fault::Corrupt("profile");
    match permit.caller() {
        Caller::Patient(_) => {
            let item = found.patient_item(permit).ok_or_else(missing)?;
            patient(permit.caller(), item, &*store.patient_key(permit, found).await?)
        }
        Caller::Doctor { hospital, .. } | Caller::Admin { hospital, .. } => {
            let own = found.staff_item(permit).ok_or_else(missing)?;
            let theirs = found.hospital_item(permit).ok_or_else(missing)?;
            let key = store.hospital_key(permit, found).await?;
            let name = theirs.open::<Profile>(&key)?.name;
            staff(permit.caller(), own, &key, HospitalView { id: *hospital, name })
        }
    }
}

fn patient(caller: &Caller, item: &Item, key: &DataKey) -> Result<ProfileView, Fault> {
    let (vault, profile): (Vault, Profile) = (item.clear()?, item.open(key)?);
    Ok(ProfileView {
        id: caller.id().to_string(),
        role: caller.role(),
        name: profile.name,
        email: profile.email,
        created_at: vault.created_at,
        staff: None,
    })
}

fn staff(
    caller: &Caller,
    item: &Item,
    key: &DataKey,
    hospital: HospitalView,
) -> Result<ProfileView, Fault> {
    let (row, content): (Staff, StaffContent) = (item.clear()?, item.open(key)?);
    Ok(ProfileView {
        id: caller.id().to_string(),
        role: caller.role(),
        name: content.name,
        email: Some(content.email),
        created_at: row.created_at,
        staff: Some(StaffView {
            hospital,
            standing: row.standing,
            licence: content.licence,
            specialty: content.specialty,
        }),
    })
}
