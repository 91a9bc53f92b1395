//! `GET /v1/me`: the caller's own profile, for patients and for staff in good standing. Audited
//! (I2).

use domain::{
    Caller, HospitalId, Timestamp, caller::Role, policy::acts::ProfileGet, staff::Standing,
};
use edge::{Failure, Http, Promise, Reply, Request};
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    DataKey, Fault, Look, Permit, Store,
    rows::{Staff, Vault},
    table::Stored,
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
    #[serde(skip_serializing_if = "Option::is_none")]
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
    let permit = found.permit::<ProfileGet>(None, request.now)?;
    let entry = permit.entry();
    let (view, ()) = tokio::try_join!(view(&permit), permit.disclose(&entry))?;
    Reply::new(&view)
}

async fn view(permit: &Permit<'_, ProfileGet>) -> Result<ProfileView, Fault> {
    let key = permit.key().await?;
    match permit.caller() {
        Caller::Patient(_) => patient(permit.caller(), permit.vault()?, &key),
        Caller::Doctor { hospital, .. } | Caller::Admin { hospital, .. } => {
            let name = permit.hospital()?.open(&key)?.name;
            staff(permit.caller(), permit.staff()?, &key, HospitalView { id: *hospital, name })
        }
    }
}

fn patient(caller: &Caller, vault: &Stored<Vault>, key: &DataKey) -> Result<ProfileView, Fault> {
    let profile = vault.open(key)?;
    Ok(ProfileView {
        id: caller.id().to_string(),
        role: caller.role(),
        name: profile.name,
        email: profile.email,
        created_at: vault.row.created_at,
        staff: None,
    })
}

fn staff(
    caller: &Caller,
    member: &Stored<Staff>,
    key: &DataKey,
    hospital: HospitalView,
) -> Result<ProfileView, Fault> {
    let (row, content) = (&member.row, member.open(key)?);
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
