//! `GET /v1/patients/{patientId}/records`: a patient's records, newest first, whole pages. A
//! doctor sees only what their grant covers, and never that there is more. Audited (I2).
//!
//! Filters: `type`, `from` and `to` (dates of the records), `status`, and `q`, words that must all
//! be found in a record's title, notes or text. What was just written is found.
//!
//! A page looks at about five records and texts for each record it may show (`limit`), and leaves
//! the rest to the next. So with `status` or `q` it may be short or empty and lead on all the same. Each
//! page is one of the reads of a grant that has a maximum: a search goes furthest with the highest
//! `limit`.

use domain::{
    Caller, PatientId, RecordId,
    audit::Target,
    consent::Purpose,
    policy::{acts::RecordList, permit},
    record::Dates,
};
use edge::{
    Failure, Http, Input, Paging, Promise, Read, Reader, Reply, Request,
    kind::{date, named, text},
};
use futures_util::future::OptionFuture;
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    Fault, Key, Look, Store, keys,
    list::{Page, Scroll},
    rows::Profile,
};

use crate::{
    scope::{Filter, Scope},
    search::Words,
    view::RecordView,
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http("record_list", "GET /v1/patients/{patientId}/records", |store, request, input| {
        Box::pin(handle(store, request, input))
    })
}

struct Wanted {
    patient: PatientId,
    purpose: Option<Purpose>,
    paging: Paging,
    filter: Filter,
}

impl Input for Wanted {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let patient = read.path("patientId", PatientId::parse);
        let (purpose, paging) = (read.purpose(), read.paging());
        let (kind, status) = (read.query("type", named()), read.query("status", named()));
        let (from, to) = (read.query("from", date()), read.query("to", date()));
        let words = read.query("q", text(1, 100))?.unwrap_or_default();
        let words = words.split_whitespace().map(str::to_lowercase).collect();
        let dates = Dates { from: from?, to: to? };
        let filter = Filter { kind: kind?, dates, status: status?, words };
        Ok(Self { patient: patient?, purpose: purpose?, paging: paging?, filter })
    }
}

impl Wanted {
    /// The newest records, of every type; what they do not fill is found by [`Scope::walk`]. For
    /// anybody but the owner, of whom nothing is known yet, they are no more than a page: whatever
    /// time may tell of them (docs/adr/0015) does not grow with a filter.
    fn newest<'s>(&self, store: &'s Store, caller: &Caller) -> Scroll<'s> {
        let newest = store.scroll(keys::records(self.patient, None), None);
        match self.is_own(caller) {
            true => self.filter.paced(newest, self.paging.limit),
            false => newest.for_page(self.paging.limit),
        }
    }

    fn is_own(&self, caller: &Caller) -> bool {
        *caller == Caller::Patient(self.patient)
    }

    /// The words beside the records made before `before`, where the owner searches all of them. For
    /// staff, each text's are read by themselves, once it is known to be theirs to see.
    fn words<'s>(
        &self,
        store: &'s Store,
        caller: &Caller,
        before: Option<RecordId>,
    ) -> Option<Words<'s>> {
        let all = self.is_own(caller) && self.filter.searches_all();
        let run = || store.scroll(keys::words_until(self.patient, before), None);
        all.then(|| Words::along(run(), self.paging.limit))
    }

    /// What a cursor of this list is bound to: whose list, for whom, and which filters.
    fn list(&self, caller: &Caller) -> Key {
        let pk = format!("record_list {} {}", self.patient, caller.id());
        Key { pk, sk: format!("{:?}", self.filter) }
    }
}

/// A page of records, newest first.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RecordPage")]
struct Output {
    /// Whose they are.
    patient: PatientView,
    /// What the page shows.
    items: Vec<RecordView>,
    /// Where the next page begins; absent on the last. With `status` or `q` a page may be short, or
    /// empty, and not be the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A patient, as those may see them who may see their records.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Patient")]
struct PatientView {
    id: PatientId,
    name: String,
}

async fn handle(store: &Store, request: &Request, input: Wanted) -> Result<Reply<Output>, Failure> {
    let caller = request.caller()?;
    let mut newest = input.newest(store, &caller);
    let mut words = input.words(store, &caller, None);
    let look = store.look(Look::vault(&caller, input.patient).classes());
    // Without a cursor the newest are read beside what the decision rests on, still sealed.
    let (found, first) = match &input.paging.cursor {
        None => {
            let words = OptionFuture::from(words.as_mut().map(Words::read_ahead));
            let words = async { words.await.transpose() };
            let (found, first, _) = tokio::try_join!(look, newest.next(), words)?;
            (found, first)
        }
        Some(_) => (look.await?, None),
    };
    let facts = found.facts(input.purpose);
    let permit = permit::<RecordList>(&caller, &facts, found.target(), request.now)?;
    let key = store.patient_key(&permit, &found).await?;
    let (list, limit) = (input.list(&caller), input.paging.limit);
    let (patient, filter) = (input.patient, &input.filter);
    let (grant, classes) = (found.grant(&permit), found.classes(&permit)?);
    let scope = Scope { store, key: &key, grant, patient, classes, filter };
    let mut page = Page::of(limit);
    let mut before = input.paging.after(&key, &list)?.as_ref().and_then(keys::record_at);
    match first {
        Some(items) => {
            scope.fill(&mut page, &items, words.as_mut()).await?;
            before = items.last().and_then(|item| keys::record_of(&item.key));
        }
        None => words = input.words(store, &caller, before),
    }
    if !page.is_full() && !newest.has_ended() {
        scope.walk(&mut page, before, limit, words.as_mut()).await?;
    }
    let vault = found.patient_item(&permit).ok_or(Fault::Corrupt("vault"))?;
    let Profile { name, .. } = vault.open(&key)?;
    let next_cursor = page.next(&key, &list)?;
    let count = u32::try_from(page.items.len()).ok();
    let patient = PatientView { id: patient, name };
    let reply = Reply::new(&Output { patient, items: page.items, next_cursor })?;
    let entry = permit.entry(Target { count, ..found.target() });
    store.change(&permit).audit(&entry, request.now).commit().await?;
    Ok(reply)
}
