//! `GET /v1/patients/{patientId}/audit`: the trail of a vault, for its patient only. Newest first,
//! whole pages; each entry says who, what, why and for what purpose in one plain sentence.

use std::collections::HashMap;

use domain::{
    AuditId, GrantId, HospitalId, PatientId, RecordId, RequestId, Timestamp,
    audit::{Actor, Entry, Ledger, Outcome},
    consent::Purpose,
    policy::{Action, acts::AuditList, permit},
};
use edge::{Failure, Http, Reader, Reply, Request};
use serde::Serialize;
use store::{
    Fault, Item, Key, Look, Owner, Store, keys,
    list::{Page, Scroll, read_cursor},
    rows::{Profile, StaffContent},
    table::Attributes,
};

/// The most items of one consistent read (DynamoDB's limit for a transaction).
const MOST_AT_ONCE: usize = 100;

/// The operation.
#[must_use]
pub fn operation() -> Http<Store> {
    edge::http(
        "audit_list",
        || Box::pin(Store::connect()),
        |store, request| Box::pin(handle(store, request)),
    )
}

struct Input {
    patient: PatientId,
    limit: usize,
    cursor: Option<String>,
}

impl Input {
    fn parse(request: &Request) -> Result<Self, Failure> {
        let read = Reader::new(request);
        let patient = read.path("patientId", PatientId::parse);
        let (limit, cursor) = (read.limit(), read.cursor());
        read.finish()?;
        Ok(Self { patient: patient?, limit: limit?, cursor: cursor? })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    items: Vec<EntryView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryView {
    id: AuditId,
    at: Timestamp,
    sentence: String,
    actor: Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_name: Option<String>,
    action: Action,
    #[serde(flatten)]
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<Purpose>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_id: Option<RecordId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<GrantId>,
}

async fn handle(store: &Store, request: &Request) -> Result<Reply, Failure> {
    let caller = request.caller()?;
    let input = Input::parse(request)?;
    let ledger = Ledger::Patient(input.patient);
    let this_month = keys::audits(ledger, &keys::month(request.now));
    let mut newest = store.scroll(this_month, None);
    // Without a cursor the newest entries are read beside what the decision rests on.
    let look = store.look(Look::vault(&caller, input.patient));
    let (found, first) = match input.cursor {
        None => tokio::try_join!(look, newest.next())?,
        Some(_) => (look.await?, None),
    };
    let facts = found.facts(None);
    let permit = permit::<AuditList>(&caller, &facts, found.target(), request.now)?;
    let key = store.patient_key(&permit, &found).await?;
    let list = Key { pk: "audit_list".into(), sk: input.patient.to_string() };
    let mut walk = Walk { ledger, month: keys::month(request.now), run: newest, batch: first };
    if let Some(cursor) = &input.cursor {
        let after = read_cursor(cursor, &key, &list).ok_or_else(Reader::bad_cursor)?;
        walk = Walk::after(store, ledger, after).await?;
    }
    let vault = found.patient_vault(&permit).ok_or(Fault::Corrupt("vault"))?;
    let mut page = Page::of(input.limit);
    walk.fill(store, &keys::month(vault.created_at), &mut page).await?;
    let next_cursor = page.next(&key, &list)?;
    let names = names(store, &page.items).await?;
    let items = page.items.iter().map(|entry| view(entry, input.patient, &names)).collect();
    Reply::ok(&Output { items, next_cursor })
}

/// A walk back through the months of a trail.
struct Walk<'s> {
    ledger: Ledger,
    month: String,
    run: Scroll<'s>,
    batch: Option<Vec<Item>>,
}

impl<'s> Walk<'s> {
    /// Begins where a cursor stands.
    async fn after(store: &'s Store, ledger: Ledger, place: Attributes) -> Result<Self, Fault> {
        let month = keys::month_of(&place).ok_or(Fault::Corrupt("cursor"))?;
        let mut run = store.scroll(keys::audits(ledger, &month), Some(place));
        let batch = run.next().await?;
        Ok(Self { ledger, month, run, batch })
    }

    /// Fills the page, back to the month in which the vault was made.
    async fn fill(
        mut self,
        store: &'s Store,
        begun: &str,
        page: &mut Page<Entry>,
    ) -> Result<(), Fault> {
        loop {
            while let Some(items) = self.batch.take() {
                offer(page, &items)?;
                if page.is_full() {
                    return Ok(());
                }
                self.batch = self.run.next().await?;
            }
            if self.month.as_str() <= begun {
                return Ok(());
            }
            self.month = keys::month_before(&self.month);
            self.run = store.scroll(keys::audits(self.ledger, &self.month), None);
            self.batch = self.run.next().await?;
        }
    }
}

fn offer(page: &mut Page<Entry>, items: &[Item]) -> Result<(), Fault> {
    for item in items {
        page.offer(item, item.clear()?);
    }
    Ok(())
}

fn view(entry: &Entry, patient: PatientId, names: &HashMap<Key, String>) -> EntryView {
    let name = place(&entry.actor).and_then(|(_, key)| names.get(&key)).cloned();
    let owner = matches!(entry.actor, Actor::Patient { id } if id == patient);
    let who = name.as_deref().unwrap_or(match entry.actor {
        Actor::Patient { .. } => "Another patient",
        Actor::Doctor { .. } => "A doctor",
        Actor::HospitalAdmin { .. } => "A hospital's admin",
        Actor::System => "MediVault",
    });
    EntryView {
        id: entry.id,
        at: entry.at,
        sentence: entry.sentence(who, owner),
        actor: entry.actor,
        action: entry.action,
        outcome: entry.outcome,
        purpose: entry.target.purpose,
        record_id: entry.target.record,
        request_id: entry.target.request,
        grant_id: entry.target.grant,
        actor_name: name,
    }
}

/// Where a staff member stands in the table.
fn place(actor: &Actor) -> Option<(HospitalId, Key)> {
    match *actor {
        Actor::Doctor { id, hospital } => Some((hospital, keys::doctor(hospital, id))),
        Actor::HospitalAdmin { id, hospital } => Some((hospital, keys::admin(hospital, id))),
        Actor::Patient { .. } | Actor::System => None,
    }
}

/// The names of the staff in the entries, each with their hospital: one read, and one key for
/// each hospital. The patient may know who came to their vault.
async fn names(store: &Store, entries: &[Entry]) -> Result<HashMap<Key, String>, Fault> {
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
