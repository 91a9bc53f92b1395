//! `GET /v1/patients/{patientId}/records`: a patient's records, newest first, whole pages. A
//! doctor sees only what their grant covers, and never that there is more. Audited (I2).
//!
//! Filters: `type`, `from` and `to` (dates of the records), `status`, and `q`, words that must all
//! be found in a record's title, notes or text. `q` reads its own writes: it looks at the table.

use std::collections::{HashMap, HashSet};

use domain::{
    Caller, Date, PatientId, RecordId,
    audit::Target,
    consent::{Grant, Purpose},
    policy::{acts::RecordList, covers, permit},
    record::{RecordStatus, RecordType},
};
use edge::{Failure, Http, Reader, Reply, Request, read};
use serde::Serialize;
use store::{
    Fault, Item, Key, Look, Store, keys,
    list::{Page, read_cursor},
    rows::{PageContent, Profile, Record, RecordContent},
    vault::DataKey,
};

use crate::view::RecordView;

/// The operation.
#[must_use]
pub fn operation() -> Http<Store> {
    edge::http(
        "record_list",
        || Box::pin(Store::connect()),
        |store, request| Box::pin(handle(store, request)),
    )
}

struct Input {
    patient: PatientId,
    purpose: Option<Purpose>,
    limit: usize,
    cursor: Option<String>,
    filter: Filter,
}

struct Filter {
    kind: Option<RecordType>,
    from: Option<Date>,
    to: Option<Date>,
    status: Option<RecordStatus>,
    words: Vec<String>,
}

impl Input {
    fn parse(request: &Request) -> Result<Self, Failure> {
        let read = Reader::new(request);
        let patient = read.path("patientId", PatientId::parse);
        let (purpose, limit, cursor) = (read.purpose(), read.limit(), read.cursor());
        let (kind, status) = (read.query("type", read::named), read.query("status", read::named));
        let (from, to) = (read.query("from", read::date), read.query("to", read::date));
        let q = read.query("q", read::text(1, 100));
        read.finish()?;
        let words = q?.unwrap_or_default();
        let words = words.split_whitespace().map(str::to_lowercase).collect();
        let filter = Filter { kind: kind?, from: from?, to: to?, status: status?, words };
        Ok(Self { patient: patient?, purpose: purpose?, limit: limit?, cursor: cursor?, filter })
    }

    /// What a cursor of this list is bound to: whose list, for whom, and which filters.
    fn list(&self, caller: &Caller) -> Key {
        let Filter { kind, from, to, status, words } = &self.filter;
        Key {
            pk: format!("record_list {} {}", self.patient, caller.id()),
            sk: format!("{kind:?} {from:?} {to:?} {status:?} {words:?}"),
        }
    }
}

impl Filter {
    fn admits(&self, row: &Record, content: &RecordContent) -> bool {
        self.kind.is_none_or(|kind| content.kind == kind)
            && self.from.is_none_or(|from| content.date >= from)
            && self.to.is_none_or(|to| content.date <= to)
            && self.status.is_none_or(|status| row.status == status)
    }

    /// The words that neither title nor notes hold.
    fn missing(&self, content: &RecordContent) -> HashSet<&str> {
        let mut texts = vec![content.title.to_lowercase()];
        texts.extend(content.notes.as_ref().map(|notes| notes.to_lowercase()));
        let held = |word: &&String| texts.iter().any(|text| text.contains(word.as_str()));
        self.words.iter().filter(|word| !held(word)).map(String::as_str).collect()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    patient: PatientView,
    items: Vec<RecordView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize)]
struct PatientView {
    id: PatientId,
    name: String,
}

async fn handle(store: &Store, request: &Request) -> Result<Reply, Failure> {
    let caller = request.caller()?;
    let input = Input::parse(request)?;
    let mut scroll = store.scroll(keys::records(input.patient), None);
    let look = store.look(Look::vault(&caller, input.patient));
    // Without a cursor the first run is read beside what the decision rests on, still sealed.
    let (found, mut batch) = match &input.cursor {
        None => tokio::try_join!(look, scroll.next())?,
        Some(_) => (look.await?, None),
    };
    let facts = found.facts(input.purpose);
    let permit = permit::<RecordList>(&caller, &facts, found.target(), request.now)?;
    let key = store.patient_key(&permit, &found).await?;
    let list = input.list(&caller);
    if let Some(cursor) = &input.cursor {
        let after = read_cursor(cursor, &key, &list).ok_or_else(Reader::bad_cursor)?;
        scroll = store.scroll(keys::records(input.patient), Some(after));
        batch = scroll.next().await?;
    }
    let scope = Scope { store, key: &key, grant: found.grant(&permit), input: &input };
    let mut page = Page::of(input.limit);
    while let Some(items) = batch {
        scope.fill(&mut page, &items).await?;
        batch = if page.is_full() { None } else { scroll.next().await? };
    }
    let vault = found.patient_item(&permit).ok_or(Fault::Corrupt("vault"))?;
    let Profile { name, .. } = vault.open(&key)?;
    let next_cursor = page.next(&key, &list)?;
    let count = u32::try_from(page.items.len()).ok();
    let patient = PatientView { id: input.patient, name };
    let reply = Reply::ok(&Output { patient, items: page.items, next_cursor })?;
    let entry = permit.entry(Target { count, ..found.target() });
    store.change(&permit).audit(&entry, request.now).commit().await?;
    Ok(reply)
}

/// What the list may show and how it is opened.
struct Scope<'a> {
    store: &'a Store,
    key: &'a DataKey,
    grant: Option<&'a Grant>,
    input: &'a Input,
}

impl Scope<'_> {
    async fn fill(&self, page: &mut Page<RecordView>, items: &[Item]) -> Result<(), Fault> {
        let mut seen = Vec::new();
        for item in items {
            let (row, content): (Record, RecordContent) = (item.clear()?, item.open(self.key)?);
            if self.covers(&row, &content) && self.input.filter.admits(&row, &content) {
                seen.push((item, row, content));
            }
        }
        let texts = self.texts(&seen).await?;
        for (item, row, content) in &seen {
            let Some(id) = record_id(item) else { continue };
            let mut missing = self.input.filter.missing(content);
            missing.retain(|word| !texts.get(&id).is_some_and(|held| held.contains(*word)));
            if missing.is_empty() {
                page.offer(item, RecordView::new(id, row, content));
            }
        }
        Ok(())
    }

    /// The patient sees all of it; a doctor what the grant covers and what passed the checks.
    fn covers(&self, row: &Record, content: &RecordContent) -> bool {
        self.grant.is_none_or(|grant| {
            row.status == RecordStatus::Available && covers(grant, content.class())
        })
    }

    /// Which of the words that are looked for stand in the text of which record.
    async fn texts(
        &self,
        seen: &[(&Item, Record, RecordContent)],
    ) -> Result<HashMap<RecordId, HashSet<String>>, Fault> {
        let mut held: HashMap<_, HashSet<String>> = HashMap::new();
        let wanted = |(item, _, content): &(&Item, _, RecordContent)| {
            let missing = self.input.filter.missing(content);
            (!missing.is_empty()).then(|| record_id(item)).flatten()
        };
        let ids: HashSet<_> = seen.iter().filter_map(wanted).collect();
        let (Some(oldest), Some(newest)) = (ids.iter().min(), ids.iter().max()) else {
            return Ok(held);
        };
        let mut scroll = self.store.scroll(keys::texts(self.input.patient, *oldest, *newest), None);
        while let Some(pages) = scroll.next().await? {
            for item in pages {
                let Some(id) = keys::text_of(&item.key).filter(|id| ids.contains(id)) else {
                    continue;
                };
                let PageContent { lines } = item.open(self.key)?;
                let lines: Vec<_> = lines.iter().map(|line| line.text.to_lowercase()).collect();
                let found = self.input.filter.words.iter();
                let found = found.filter(|word| lines.iter().any(|line| line.contains(*word)));
                held.entry(id).or_default().extend(found.cloned());
            }
        }
        Ok(held)
    }
}

fn record_id(item: &Item) -> Option<RecordId> {
    keys::record_of(&item.key)
}
