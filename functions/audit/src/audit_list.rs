//! `GET /v1/patients/{patientId}/audit`: the trail of a vault, for its patient only. Newest first,
//! whole pages; each entry says who, what, why and for what purpose in one plain sentence.

use std::collections::HashMap;

use domain::{
    AuditId, GrantId, PatientId, RecordId, RequestId, Timestamp,
    audit::{Actor, Entry, Ledger, Outcome},
    consent::Purpose,
    policy::{Action, acts::AuditList},
};
use edge::{Failure, Http, Input, Listing, Paging, Promise, Read, Reader, Reply, Request};
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    Fault, Item, Key, Look, Store, keys,
    list::{Page, Scroll},
    table::Attributes,
};

use crate::names::{names, place};

/// How many months are asked for at once, at most: each question takes a connection.
const MOST_AT_ONCE: usize = 32;

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http("audit_list", "GET /v1/patients/{patientId}/audit", |store, request, input| {
        Box::pin(handle(store, request, input))
    })
}

struct Wanted {
    patient: PatientId,
    paging: Paging,
}

impl Input for Wanted {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let (patient, paging) = (read.path("patientId", PatientId::parse), read.paging());
        Ok(Self { patient: patient?, paging: paging? })
    }
}

/// One line of the trail.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AuditEntry")]
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

async fn handle(
    store: &Store,
    request: &Request,
    input: Wanted,
) -> Result<Reply<Listing<EntryView>>, Failure> {
    let caller = request.caller()?;
    let ledger = Ledger::Patient(input.patient);
    let this_month = keys::audits(ledger, &keys::month(request.now));
    let mut newest = store.scroll(this_month, None).for_page(input.paging.limit);
    // Without a cursor the newest entries are read beside what the decision rests on.
    let look = store.look(Look::vault(&caller, input.patient));
    let (found, first) = match input.paging.cursor {
        None => tokio::try_join!(look, newest.next())?,
        Some(_) => (look.await?, None),
    };
    let permit = found.permit::<AuditList>(None, request.now)?;
    let key = permit.key().await?;
    let list = Key { pk: "audit_list".into(), sk: input.patient.to_string() };
    let mut walk = Walk::from(store, ledger, keys::month(request.now), (newest, first));
    if let Some(after) = input.paging.after(&key, &list)? {
        walk = Walk::after(store, ledger, after).await?;
    }
    let begun = keys::month(permit.vault()?.row.created_at);
    let mut page = Page::of(input.paging.limit);
    walk.fill(&begun, &mut page).await?;
    let names = names(store, &page.items).await?;
    let page = page.map(|entry| view(&entry, input.patient, &names));
    Reply::new(&Listing::new(page, &key, &list)?)
}

/// A month's entries, and the newest of them, once these were asked for.
type Month<'s> = (Scroll<'s>, Option<Vec<Item>>);

async fn newest(mut run: Scroll<'_>) -> Result<Month<'_>, Fault> {
    let batch = run.next().await?;
    Ok((run, batch))
}

/// A walk back through the months of a trail.
struct Walk<'s> {
    store: &'s Store,
    ledger: Ledger,
    /// The earliest month that was asked for.
    month: String,
    asked: Vec<Month<'s>>,
    /// How many months are asked for next, side by side: there may be years of hardly an entry.
    at_once: usize,
}

impl<'s> Walk<'s> {
    fn from(store: &'s Store, ledger: Ledger, month: String, first: Month<'s>) -> Self {
        Self { store, ledger, month, asked: vec![first], at_once: 1 }
    }

    /// Begins where a cursor stands.
    async fn after(store: &'s Store, ledger: Ledger, place: Attributes) -> Result<Self, Fault> {
        let partition = place.get("PK").and_then(|value| value.as_s().ok());
        let month = partition.and_then(|name| keys::month_of(name)).map(str::to_owned);
        let month = month.ok_or(Fault::Corrupt("cursor"))?;
        let first = newest(store.scroll(keys::audits(ledger, &month), Some(place))).await?;
        Ok(Self::from(store, ledger, month, first))
    }

    /// Fills the page, back to the month in which the vault was made.
    async fn fill(mut self, begun: &str, page: &mut Page<Entry>) -> Result<(), Fault> {
        while !self.asked.is_empty() {
            for (mut run, mut batch) in std::mem::take(&mut self.asked) {
                while let Some(items) = batch {
                    offer(page, &items)?;
                    if page.is_full() {
                        return Ok(());
                    }
                    batch = run.next().await?;
                }
            }
            self.ask(begun, page.room()).await?;
        }
        Ok(())
    }

    /// Asks for the months before, for so many entries of each.
    async fn ask(&mut self, begun: &str, room: usize) -> Result<(), Fault> {
        let mut months = Vec::new();
        while months.len() < self.at_once && self.month.as_str() > begun {
            self.month = keys::month_before(&self.month);
            months.push(keys::audits(self.ledger, &self.month));
        }
        let run = |month| self.store.scroll(month, None).for_page(room);
        self.asked = try_join_all(months.into_iter().map(run).map(newest)).await?;
        self.at_once = (self.at_once * 2).min(MOST_AT_ONCE);
        Ok(())
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
