//! `GET /v1/hospitals/{hospitalId}/doctors`: the hospital's doctors, newest first, all or those of
//! one standing. Audited (I2).

use domain::{
    DoctorId, HospitalId, Timestamp,
    names::Named,
    policy::{Act, acts::DoctorList, permit},
    staff::Standing,
};
use edge::{Failure, Http, Reader, Reply, Request, read::named};
use serde::Serialize;
use store::{
    DataKey, Fault, Item, Key, Look, Store, keys,
    list::{Page, read_cursor},
    rows::{Staff, StaffContent},
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Store> {
    edge::http(
        "doctor_list",
        || Box::pin(Store::connect()),
        |store, request| Box::pin(handle(store, request)),
    )
}

struct Input {
    hospital: HospitalId,
    standing: Option<Standing>,
    limit: usize,
    cursor: Option<String>,
}

impl Input {
    fn parse(request: &Request) -> Result<Self, Failure> {
        let read = Reader::new(request);
        let hospital = read.path("hospitalId", HospitalId::parse);
        let standing = read.query("standing", named::<Standing>);
        let (limit, cursor) = (read.limit(), read.cursor());
        read.finish()?;
        Ok(Self { hospital: hospital?, standing: standing?, limit: limit?, cursor: cursor? })
    }

    /// The name of the list, to which its cursors are bound.
    fn list(&self) -> Key {
        let standing = self.standing.map_or("any", Named::name);
        Key { pk: DoctorList::ACTION.name().into(), sk: standing.into() }
    }
}

/// A page of the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    items: Vec<DoctorView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A doctor, as their hospital sees them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DoctorView {
    id: DoctorId,
    standing: Standing,
    name: String,
    email: String,
    licence: Option<String>,
    specialty: Option<String>,
    invited_at: Timestamp,
    changed_at: Timestamp,
}

impl DoctorView {
    fn open(item: &Item, row: &Staff, key: &DataKey) -> Result<Self, Fault> {
        let (_, id) = keys::doctor_of(&item.key).ok_or(Fault::Corrupt("doctor-key"))?;
        let content: StaffContent = item.open(key)?;
        Ok(Self {
            id,
            standing: row.standing,
            name: content.name,
            email: content.email,
            licence: content.licence,
            specialty: content.specialty,
            invited_at: row.created_at,
            changed_at: row.changed_at,
        })
    }
}

async fn handle(store: &Store, request: &Request) -> Result<Reply, Failure> {
    let caller = request.caller()?;
    let input = Input::parse(request)?;
    let found = store.look(Look::hospital(&caller, input.hospital)).await?;
    let permit = permit::<DoctorList>(&caller, &found.facts(None), found.target(), request.now)?;
    let key = store.hospital_key(&permit, &found).await?;
    let written = store.change(&permit).audit(&permit.entry(found.target()), request.now);
    let (page, ()) =
        tokio::try_join!(fill(store, &input, &key), async { Ok(written.commit().await?) })?;
    let next_cursor = page.next(&key, &input.list())?;
    Reply::ok(&Answer { items: page.items, next_cursor })
}

/// Fills a page while the audit entry is being written; nothing leaves before both are done.
async fn fill(store: &Store, input: &Input, key: &DataKey) -> Result<Page<DoctorView>, Failure> {
    let after = match &input.cursor {
        None => None,
        Some(cursor) => {
            Some(read_cursor(cursor, key, &input.list()).ok_or_else(Reader::bad_cursor)?)
        }
    };
    let mut page = Page::of(input.limit);
    let mut scroll = store.scroll(keys::doctors(input.hospital), after);
    while let Some(items) = scroll.next().await? {
        for item in items {
            let row: Staff = item.clear()?;
            if input.standing.is_none_or(|standing| standing == row.standing) {
                page.offer(&item, DoctorView::open(&item, &row, key)?);
            }
            if page.is_full() {
                return Ok(page);
            }
        }
    }
    Ok(page)
}
