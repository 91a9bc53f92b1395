//! `GET /v1/patients/{patientId}/records`: a patient's records. A doctor sees only what their grant
//! covers, and never that there is more. Audited (I2).
//!
//! `sort` is `-date` (the day the content speaks of, the default) or `-added`. Filters: `type`,
//! `from` and `to` (dates of the records), `status`, and `q`, words that must all begin a word of a
//! record's title, notes or text, in any case and with or without accents. What was just written is
//! found. The counts are of what the other filters admit, whether or not `q` finds it.
//!
//! With `q` an answer looks through 500 records at most and leaves the rest to the next: a page may
//! be short, or empty, and lead on all the same. Each page is one of the reads of a grant that has a
//! maximum.

use domain::{
    Caller, PatientId, audit::Target, consent::Purpose, policy::acts::RecordList, record::Dates,
    search::Query,
};
use edge::{
    Failure, Http, Input, Paging, Promise, Read, Reader, Reply, Request,
    kind::{date, named, query},
};
use futures_util::future::OptionFuture;
use schemars::JsonSchema;
use serde::Serialize;
use store::{Key, Look, Store, list::cursor};

use crate::{
    page::{Asked, Page},
    selection::{Counts, Filter, Order},
    view::EntryView,
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
    order: Order,
    filter: Filter,
    query: Option<Query>,
}

impl Input for Wanted {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let patient = read.path("patientId", PatientId::parse);
        let (purpose, paging) = (read.purpose(), read.paging());
        let order = read.query("sort", named());
        let (kind, status) = (read.query("type", named()), read.query("status", named()));
        let dates = dates(read);
        let query = read.query("q", query());
        Ok(Self {
            patient: patient?,
            purpose: purpose?,
            paging: paging?,
            order: order?.unwrap_or(Order::Date),
            filter: Filter { kind: kind?, dates: dates?, status: status? },
            query: query?,
        })
    }
}

fn dates(read: &Reader<'_>) -> Read<Dates> {
    let (from, to) = (read.query("from", date()), read.query("to", date()));
    match Dates::between(from?, to?) {
        Some(dates) => Ok(dates),
        None => read.reject_query("to", "must not be before from"),
    }
}

impl Wanted {
    /// What a cursor of this list is bound to: whose list, for whom, in which order, what filters.
    fn list(&self, caller: &Caller) -> Key {
        let pk = format!("record_list {} {}", self.patient, caller.id());
        Key { pk, sk: format!("{:?} {:?} {:?}", self.order, self.filter, self.query) }
    }
}

/// A page of records.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RecordPage")]
struct Output {
    /// Whose they are.
    patient: PatientView,
    /// What the page shows.
    items: Vec<EntryView>,
    /// How many there are.
    counts: Counts,
    /// Where the next page begins; absent on the last. With `q` a page may be short, or empty, and not
    /// be the last.
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
    let look = store.look(Look::vault(&caller, input.patient));
    // The owner's register is read beside what the decision rests on. For anybody else it is read
    // after the decision, so that time tells a stranger nothing of it.
    let is_own = caller == Caller::Patient(input.patient);
    let ahead = OptionFuture::from(is_own.then(|| store.register(input.patient)));
    let (found, ahead) = tokio::join!(look, ahead);
    let found = found?;
    let permit = found.permit::<RecordList>(input.purpose, request.now)?;
    let register = match ahead {
        Some(register) => register?,
        None => permit.register().await?,
    };
    let key = permit.key().await?;
    let list = input.list(&caller);
    let asked = Asked {
        filter: &input.filter,
        order: input.order,
        query: input.query.as_ref(),
        limit: input.paging.limit,
        after: input.paging.place(&key, &list)?,
    };
    let page = Page::of(&permit, &register, asked, &key).await?;
    let next = page.next.map(|rank| cursor(&rank, &key, &list)).transpose()?;
    let name = permit.vault()?.open(&key)?.name;
    // The counts tell of all of them, whatever the page shows.
    let count = Some(page.counts.total);
    let reply = Reply::new(&Output {
        patient: PatientView { id: input.patient, name },
        items: page.items,
        counts: page.counts,
        next_cursor: next,
    })?;
    permit.disclose(&permit.entry().pointing(|target| Target { count, ..target })).await?;
    Ok(reply)
}
