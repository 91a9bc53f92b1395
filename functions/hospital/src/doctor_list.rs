//! `GET /v1/hospitals/{hospitalId}/doctors`: the hospital's doctors, newest first, all or those of
//! one standing. Audited (I2).

use domain::{
    DoctorId, HospitalId, Timestamp,
    names::Named,
    policy::{Act, acts::DoctorList},
    staff::Standing,
};
use edge::{
    Failure, Http, Input, Listing, Paging, Promise, Read, Reader, Reply, Request, kind::named,
};
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    DataKey, Fault, Item, Key, Look, Store, keys,
    rows::{Staff, StaffContent},
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http("doctor_list", "GET /v1/hospitals/{hospitalId}/doctors", |store, request, input| {
        Box::pin(handle(store, request, input))
    })
}

struct Wanted {
    hospital: HospitalId,
    standing: Option<Standing>,
    paging: Paging,
}

impl Input for Wanted {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let hospital = read.path("hospitalId", HospitalId::parse);
        let (standing, paging) = (read.query("standing", named()), read.paging());
        Ok(Self { hospital: hospital?, standing: standing?, paging: paging? })
    }
}

impl Wanted {
    /// The name of the list, to which its cursors are bound.
    fn list(&self) -> Key {
        let standing = self.standing.map_or("any", Named::name);
        Key { pk: DoctorList::ACTION.name().into(), sk: standing.into() }
    }
}

/// A doctor, as their hospital sees them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Doctor")]
struct DoctorView {
    id: DoctorId,
    standing: Standing,
    name: String,
    email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    licence: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    specialty: Option<String>,
    invited_at: Timestamp,
    changed_at: Timestamp,
}

impl DoctorView {
    fn open(item: &Item, row: &Staff, key: &DataKey) -> Result<Self, Fault> {
        let (_, id) = keys::doctor_of(&item.key).ok_or(Fault::Corrupt("doctor-key"))?;
        let content: StaffContent = item.open(key)?;
        Ok(Self {
            id,
            standing: row.standing,
            name: content.name,
            email: content.email,
            licence: content.licence,
            specialty: content.specialty,
            invited_at: row.created_at,
            changed_at: row.changed_at,
        })
    }
}

async fn handle(
    store: &Store,
    request: &Request,
    input: Wanted,
) -> Result<Reply<Listing<DoctorView>>, Failure> {
    let caller = request.caller()?;
    let found = store.look(Look::hospital(&caller, input.hospital)).await?;
    let permit = found.permit::<DoctorList>(None, request.now)?;
    let (key, entry) = (permit.key().await?, permit.entry());
    let after = input.paging.after(&key, &input.list())?;
    let doctors = store.scroll(keys::doctors(input.hospital), after);
    let filled = doctors.fill(input.paging.limit, |item| {
        let row: Staff = item.clear()?;
        let wanted = input.standing.is_none_or(|standing| standing == row.standing);
        wanted.then(|| DoctorView::open(item, &row, &key)).transpose()
    });
    // Filled while the audit entry is being written; nothing leaves before both are done.
    let (page, ()) = tokio::try_join!(filled, permit.disclose(&entry))?;
    Reply::new(&Listing::new(page, &key, &input.list())?)
}
