//! `GET /v1/patients/{patientId}/records/{recordId}/text`: the text of a document as it was read,
//! page by page, with the reader's confidence and where each line stands. For the patient or a
//! doctor whose grant covers the record. Audited (I2).
//!
//! `page` is the first page wanted (from 1), `limit` how many pages (1 to 100, 25 when absent).

use domain::{
    policy::acts::RecordText,
    record::{TextProblem, TextStatus},
};
use edge::{Failure, Http, Input, Promise, Read, Reader, RecordPath, Reply, Request};
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    Item, Look, Store, keys,
    rows::{Line, PageContent, TextPage, TextSource},
    vault::DataKey,
};

const LAST_PAGE: u32 = 99_999;

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http(
        "record_text",
        "GET /v1/patients/{patientId}/records/{recordId}/text",
        |store, request, input| Box::pin(handle(store, request, input)),
    )
}

struct Pages {
    of: RecordPath,
    first: u32,
    last: u32,
}

impl Input for Pages {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let of = RecordPath::read(read);
        let page = read.query_number("page", (1, u64::from(LAST_PAGE)), 1);
        let limit = read.query_number("limit", (1, 100), 25);
        let small = |number: u64| u32::try_from(number).unwrap_or(1);
        let (first, pages) = (small(page?), small(limit?));
        let last = first.saturating_add(pages - 1).min(LAST_PAGE);
        Ok(Self { of: of?, first, last })
    }
}

/// The text of a document.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RecordText")]
struct Output {
    /// How far reading has come; absent for a record without a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<TextStatus>,
    /// Why there is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<TextProblem>,
    /// The pages asked for.
    pages: Vec<Page>,
    /// The page to ask for next; absent with the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page: Option<u32>,
}

/// A page, its lines from top to bottom.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TextPage")]
struct Page {
    page: u32,
    /// Where its text comes from; absent where it was read before that was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<TextSource>,
    lines: Vec<Line>,
}

impl Page {
    fn open(item: &Item, key: &DataKey) -> Result<Self, Failure> {
        let TextPage { page } = item.clear()?;
        let PageContent { lines, source } = item.open(key)?;
        Ok(Self { page, source, lines })
    }
}

async fn handle(store: &Store, request: &Request, input: Pages) -> Result<Reply<Output>, Failure> {
    let caller = request.caller()?;
    let RecordPath { patient, record, purpose } = input.of;
    let mut scroll = store.scroll(keys::text_pages(patient, record, input.first, input.last), None);
    let look = Look::vault(&caller, patient).record(record);
    let (found, mut sealed) = tokio::try_join!(store.look(look), scroll.all())?;
    let permit = found.permit::<RecordText>(purpose, request.now)?;
    let (row, _) = permit.record()?;
    let key = permit.key().await?;
    if row.text_status != Some(TextStatus::Read) {
        sealed.clear();
    }
    let opened = sealed.iter().rev().map(|item| Page::open(item, &key));
    let mut pages = opened.collect::<Result<Vec<_>, _>>()?;
    // An earlier reading may have left pages behind that this one no longer has.
    let last = row.pages.unwrap_or_default();
    pages.retain(|page| page.page <= last);
    let more = last > input.last;
    let reply = Reply::new(&Output {
        status: row.text_status,
        reason: row.text_problem,
        pages,
        next_page: more.then(|| input.last + 1),
    })?;
    permit.disclose(&permit.entry()).await?;
    Ok(reply)
}
