//! The names of those who stand in a trail.

use std::collections::HashMap;

use domain::{
    HospitalId,
    audit::{Actor, Entry},
};
use store::{
    Fault, Key, Owner, Store, keys,
    rows::{Profile, StaffContent},
};

/// The most items of one consistent read (DynamoDB's limit for a transaction).
const MOST_AT_ONCE: usize = 100;

/// Where a staff member stands in the table.
pub(crate) fn place(actor: &Actor) -> Option<(HospitalId, Key)> {
    match *actor {
        Actor::Doctor { id, hospital } => Some((hospital, keys::doctor(hospital, id))),
        Actor::HospitalAdmin { id, hospital } => Some((hospital, keys::admin(hospital, id))),
        Actor::Patient { .. } | Actor::System => None,
    }
}

/// The names of the staff in the entries, each with their hospital: one read, and one key for
/// each hospital. The patient may know who came to their vault.
pub(crate) async fn names(store: &Store, entries: &[Entry]) -> Result<HashMap<Key, String>, Fault> {
    let mut staff: Vec<_> = entries.iter().filter_map(|entry| place(&entry.actor)).collect();
    staff.sort_by(|a, b| (a.0, &a.1.sk).cmp(&(b.0, &b.1.sk)));
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
