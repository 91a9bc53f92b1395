//! `GET /v1/patients/{patientId}/records/{recordId}/text`: the text of a document as it was read,
//! page by page, with the reader's confidence and where each line stands. For the patient or a
//! doctor whose grant covers the record. Audited (I2).
//!
//! `page` is the first page wanted (from 1), `limit` how many pages (1 to 100, 25 when absent).

use domain::{
    PatientId, RecordId,
    consent::Purpose,
    policy::{acts::RecordText, permit},
    record::{TextProblem, TextStatus},
};
use edge::{Failure, Http, Reader, Reply, Request};
use serde::Serialize;
use serde_json::Value;
use store::{
    Item, Look, Store, keys,
    rows::{Line, PageContent, TextPage},
    vault::DataKey,
};

const LAST_PAGE: u32 = 99_999;

/// The operation.
#[must_use]
pub fn operation() -> Http<Store> {
    edge::http(
        "record_text",
        || Box::pin(Store::connect()),
        |store, request| Box::pin(handle(store, request)),
    )
}

struct Input {
    patient: PatientId,
    record: RecordId,
    purpose: Option<Purpose>,
    first: u32,
    last: u32,
}

impl Input {
    fn parse(request: &Request) -> Result<Self, Failure> {
        let read = Reader::new(request);
        let patient = read.path("patientId", PatientId::parse);
        let record = read.path("recordId", RecordId::parse);
        let purpose = read.purpose();
        let page = read.query("page", page_number);
        let limit = read.limit();
        read.finish()?;
        let first = page?.unwrap_or(1);
        let pages = u32::try_from(limit?).unwrap_or(LAST_PAGE);
        let last = first.saturating_add(pages - 1).min(LAST_PAGE);
        Ok(Self { patient: patient?, record: record?, purpose: purpose?, first, last })
    }
}

fn page_number(value: &Value) -> Result<u32, String> {
    let number = value.as_str().and_then(|text| text.parse().ok());
    let number = number.filter(|n| (1..=LAST_PAGE).contains(n));
    number.ok_or_else(|| format!("must be a page number from 1 to {LAST_PAGE}"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    status: Option<TextStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<TextProblem>,
    pages: Vec<Page>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page: Option<u32>,
}

#[derive(Serialize)]
struct Page {
    page: u32,
    lines: Vec<Line>,
}

impl Page {
    fn open(item: &Item, key: &DataKey) -> Result<Self, Failure> {
        let TextPage { page } = item.clear()?;
        let PageContent { lines } = item.open(key)?;
        Ok(Self { page, lines })
    }
}

async fn handle(store: &Store, request: &Request) -> Result<Reply, Failure> {
    let caller = request.caller()?;
    let input = Input::parse(request)?;
    let range = keys::text_pages(input.patient, input.record, input.first, input.last);
    let mut scroll = store.scroll(range, None);
    let look = Look::vault(&caller, input.patient).record(input.record);
    let (found, mut sealed) = tokio::try_join!(store.look(look), scroll.all())?;
    let facts = found.facts(input.purpose);
    let permit = permit::<RecordText>(&caller, &facts, found.target(), request.now)?;
    let (row, _) = found.record(&permit)?;
    let key = store.patient_key(&permit, &found).await?;
    if row.text_status != Some(TextStatus::Read) {
        sealed.clear();
    }
    let opened = sealed.iter().rev().map(|item| Page::open(item, &key));
    let mut pages = opened.collect::<Result<Vec<_>, _>>()?;
    // An earlier reading may have left pages behind that this one no longer has.
    let last = row.pages.unwrap_or_default();
    pages.retain(|page| page.page <= last);
    let more = last > input.last;
    let reply = Reply::ok(&Output {
        status: row.text_status,
        reason: row.text_problem,
        pages,
        next_page: more.then(|| input.last + 1),
    })?;
    store.change(&permit).audit(&permit.entry(found.target()), request.now).commit().await?;
    Ok(reply)
}
