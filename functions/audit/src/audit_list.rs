//! `GET /v1/patients/{patientId}/audit`: the trail of a vault, for its patient only. Newest first;
//! each line says who, what, why and for what purpose in one plain sentence, with the names and
//! titles as they are now.
//!
//! Equal entries of one day on a page are one line that counts them, unless `fold=none`. Filters:
//! `role` and `actor` (who), `action`, `outcome`, `record`, and `from` and `to` (days in UTC). A
//! page looks at 1 000 entries at most: it may be short, or empty, and lead on all the same.

use std::borrow::Cow;

use domain::{
    AuditId, DoctorId, GrantId, PatientId, RecordId, RequestId, Timestamp,
    audit::{Actor, Done, Ledger, Outcome, Voice},
    consent::Purpose,
    names::Named,
    policy::{Action, Denial, acts::AuditList},
};
use edge::{
    Failure, Http, Input, Listing, Paging, Promise, Read, Reader, Reply, Request,
    kind::{id, named, names},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use store::{Key, Look, Store, keys, list::Page};
use uuid::Uuid;

use crate::{
    lines::{AuditOutcome, Fold, Line, Lines, ended},
    names::Names,
    walk::Walk,
};

/// How many entries a page looks at, at most.
const LOOKED_AT: usize = 1000;

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
    lines: Lines,
}

impl Input for Wanted {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let (patient, paging) = (read.path("patientId", PatientId::parse), read.paging());
        let fold = read.query_or("fold", Fold::Day);
        let (by, ending) = (read.query("role", named()), read.query("outcome", named()));
        let actor = read.query("actor", id(|text| Uuid::try_parse(text).ok()));
        let action = read.query("action", named());
        let record = read.query("record", id(RecordId::parse));
        let days = read.dates();
        let lines = Lines {
            fold: fold?,
            by: by?,
            actor: actor?,
            action: action?,
            ending: ending?,
            record: record?,
            days: days?,
        };
        Ok(Self { patient: patient?, paging: paging?, lines })
    }
}

/// One line of the trail.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AuditEntry")]
struct EntryView {
    id: AuditId,
    /// When; the last time, where it happened several times.
    at: Timestamp,
    /// When it first happened, where it happened several times.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_at: Option<Timestamp>,
    /// How often it happened.
    times: u32,
    /// What happened, in plain words.
    sentence: String,
    actor: Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_name: Option<String>,
    action: Action,
    /// Whether it happened or was refused.
    outcome: AuditOutcome,
    /// What came of it, or why it was refused.
    #[schemars(with = "Reason")]
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<Purpose>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_id: Option<RecordId>,
    /// Its title as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    record_title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<GrantId>,
    /// The doctor concerned, where that is not the actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    doctor_id: Option<DoctorId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doctor_name: Option<String>,
}

async fn handle(
    store: &Store,
    request: &Request,
    input: Wanted,
) -> Result<Reply<Listing<EntryView>>, Failure> {
    let caller = request.caller()?;
    let Wanted { patient, paging, lines } = input;
    let ledger = Ledger::Patient(patient);
    let last = lines.last_month(request.now);
    let mut newest = store.scroll(keys::audits(ledger, &last), None).for_page(paging.limit);
    // Without a cursor the newest entries are read beside what the decision rests on.
    let look = store.look(Look::vault(&caller, patient));
    let (found, first) = match paging.cursor {
        None => tokio::try_join!(look, newest.next())?,
        Some(_) => (look.await?, None),
    };
    let permit = found.permit::<AuditList>(None, request.now)?;
    let key = permit.key().await?;
    let list = Key { pk: "audit_list".into(), sk: format!("{patient} {lines:?}") };
    let mut walk = Walk::from(store, ledger, last, (newest, first));
    if let Some(after) = paging.after(&key, &list)? {
        walk = Walk::after(store, ledger, after).await?;
    }
    let begun = lines.first_month(permit.vault()?.row.created_at);
    let mut page = Page::of(paging.limit).looking_at(LOOKED_AT);
    walk.fill(&begun, &lines, &mut page).await?;
    // What was counted over an hour stands where that hour begins.
    page.items.sort_by_key(|line| std::cmp::Reverse(line.last));
    let names = Names::of(store, patient, &key, &page.items).await?;
    let page = page.map(|line| view(&line, patient, &names));
    Reply::new(&Listing::new(page, &key, &list)?)
}

fn reason(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done(done) => done.name(),
        Outcome::Refused(denial) => denial.name(),
    }
}

/// What came of an action that was allowed, or why one was refused.
struct Reason;

impl JsonSchema for Reason {
    fn schema_name() -> Cow<'static, str> {
        "AuditReason".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let all = [names::<Done>(), names::<Denial>()].concat();
        json_schema!({ "type": "string", "enum": all })
    }
}

fn view(line: &Line, patient: PatientId, names: &Names) -> EntryView {
    let Line { entry, first, last, times } = line;
    let name = names.actor(&entry.actor);
    let owner = matches!(entry.actor, Actor::Patient { id } if id == patient);
    let who = name.unwrap_or(match entry.actor {
        Actor::Patient { .. } => "Another patient",
        Actor::Doctor { .. } => "A doctor",
        Actor::HospitalAdmin { .. } => "A hospital's admin",
        Actor::Somebody => "Somebody",
        Actor::System => "MediVault",
    });
    let (doctor, title) = (names.doctor(&entry.target), names.title(&entry.target));
    EntryView {
        id: entry.id,
        at: *last,
        first_at: (*times > 1).then_some(*first),
        times: *times,
        sentence: entry.sentence(Voice { who, owner, doctor, title, times: *times }),
        actor: entry.actor,
        actor_name: name.map(str::to_owned),
        action: entry.action,
        outcome: ended(entry.outcome),
        reason: reason(entry.outcome),
        purpose: entry.target.purpose,
        record_id: entry.target.record,
        record_title: title.map(str::to_owned),
        request_id: entry.target.request,
        grant_id: entry.target.grant,
        doctor_id: entry.target.doctor,
        doctor_name: doctor.map(str::to_owned),
    }
}
