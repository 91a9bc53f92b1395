//! The names and titles that a trail's sentences tell, as they are now. The entries hold ids alone.

use std::collections::HashMap;

use domain::{
    HospitalId, PatientId,
    audit::{Actor, Target},
};
use store::{
    DataKey, Fault, Item, Key, Owner, Store, keys,
    rows::{self, Profile, RecordContent, RequestContent, StaffContent},
};

use crate::lines::Line;

/// The most items of one read (DynamoDB's limits).
const MOST_AT_ONCE: usize = 100;

/// What a page's sentences tell beyond its entries.
pub(crate) struct Names {
    patient: PatientId,
    staff: HashMap<Key, String>,
    /// By the keys of grants, requests and records.
    told: HashMap<Key, String>,
}

impl Names {
    /// Reads and opens what the lines of a patient's trail point at. The patient may know who came
    /// to their vault.
    pub(crate) async fn of(
        store: &Store,
        patient: PatientId,
        key: &DataKey,
        lines: &[Line],
    ) -> Result<Self, Fault> {
        let (staff, told) =
            tokio::try_join!(staff(store, lines), told(store, patient, key, lines))?;
        Ok(Self { patient, staff, told })
    }

    /// The name of a member of a hospital's staff, with the hospital's.
    pub(crate) fn actor(&self, actor: &Actor) -> Option<&str> {
        self.staff.get(&place(actor)?.1).map(String::as_str)
    }

    /// The doctor that an entry is about.
    pub(crate) fn doctor(&self, target: &Target) -> Option<&str> {
        let grant = target.grant.map(|id| keys::grant(self.patient, id));
        let request = target.request.map(|id| keys::request(self.patient, id));
        let mut keys = grant.into_iter().chain(request).filter(|_| target.doctor.is_some());
        keys.find_map(|key| self.told.get(&key)).map(String::as_str)
    }

    /// The title of the record that an entry is about.
    pub(crate) fn title(&self, target: &Target) -> Option<&str> {
        let key = keys::record(self.patient, target.record?);
        self.told.get(&key).map(String::as_str)
    }
}

/// Where a staff member stands in the table.
fn place(actor: &Actor) -> Option<(HospitalId, Key)> {
    match *actor {
        Actor::Doctor { id, hospital } => Some((hospital, keys::doctor(hospital, id))),
        Actor::HospitalAdmin { id, hospital } => Some((hospital, keys::admin(hospital, id))),
        Actor::Patient { .. } | Actor::Somebody | Actor::System => None,
    }
}

/// The titles of records, and the doctors of grants and requests, with their hospitals: all of it
/// in the patient's own vault.
async fn told(
    store: &Store,
    patient: PatientId,
    key: &DataKey,
    lines: &[Line],
) -> Result<HashMap<Key, String>, Fault> {
    let targets = || lines.iter().map(|line| line.entry.target);
    let about_doctors = || targets().filter(|target| target.doctor.is_some());
    let records = targets().filter_map(|t| Some((keys::record(patient, t.record?), Row::Record)));
    let grants = about_doctors().filter_map(|t| Some((keys::grant(patient, t.grant?), Row::Grant)));
    let requests =
        about_doctors().filter_map(|t| Some((keys::request(patient, t.request?), Row::Request)));
    let wanted: HashMap<_, _> = records.chain(grants).chain(requests).collect();
    let places: Vec<_> = wanted.keys().cloned().collect();
    let mut told = HashMap::new();
    for some in places.chunks(MOST_AT_ONCE) {
        for item in store.table.read_each(some).await? {
            let row = wanted.get(&item.key).ok_or(Fault::Corrupt("key"))?;
            told.insert(item.key.clone(), row.name(&item, key)?);
        }
    }
    Ok(told)
}

/// What an item tells the name of.
enum Row {
    Record,
    Grant,
    Request,
}

impl Row {
    fn name(&self, item: &Item, key: &DataKey) -> Result<String, Fault> {
        let rows::Names { doctor, hospital } = match self {
            Self::Record => return Ok(item.open::<RecordContent>(key)?.title),
            Self::Grant => item.open(key)?,
            Self::Request => item.open::<RequestContent>(key)?.who,
        };
        Ok(format!("{doctor} ({hospital})"))
    }
}

/// The names of the staff in the entries, each with their hospital: one read, and one key for
/// each hospital.
async fn staff(store: &Store, lines: &[Line]) -> Result<HashMap<Key, String>, Fault> {
    let mut staff: Vec<_> = lines.iter().filter_map(|line| place(&line.entry.actor)).collect();
    staff.sort();
    staff.dedup();
    let mut hospitals: Vec<_> = staff.iter().map(|(hospital, _)| *hospital).collect();
    hospitals.dedup();
    let vaults = hospitals.iter().map(|id| keys::vault(Owner::Hospital(*id)));
    let places: Vec<_> = vaults.chain(staff.iter().map(|(_, key)| key.clone())).collect();
    if places.is_empty() {
        return Ok(HashMap::new());
    }
    let mut read = Vec::new();
    for some in places.chunks(MOST_AT_ONCE) {
        read.extend(store.table.read(some).await?);
    }
    let mut read = read.into_iter();
    let mut opened = HashMap::new();
    for (id, vault) in hospitals.iter().zip(read.by_ref()) {
        let vault = vault.ok_or(Fault::Corrupt("hospital"))?;
        let wrapped = vault.bytes("wrapped").ok_or(Fault::Corrupt("wrapped-key"))?;
        let key = store.keys.unwrap(Owner::Hospital(*id), wrapped).await?;
        let Profile { name, .. } = vault.open(&key)?;
        opened.insert(*id, (key, name));
    }
    let mut names = HashMap::new();
    for ((hospital, place), item) in staff.into_iter().zip(read) {
        let (Some(item), Some((key, hospital))) = (item, opened.get(&hospital)) else { continue };
        let StaffContent { name, .. } = item.open(key)?;
        names.insert(place, format!("{name} ({hospital})"));
    }
    Ok(names)
}
