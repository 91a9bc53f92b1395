//! Which records hold the words that are looked for, in title, notes or text.

use std::borrow::Cow;

use domain::{
    policy::acts::RecordList,
    search::{self, Query},
};
use store::{DataKey, Fault, Looked, Permit, register::Entry};

/// How many records one answer looks through, at most: a search that goes further has a cursor.
pub(crate) const MOST: usize = 500;
/// How many records are looked through at once: a page may be full before the next.
const AT_ONCE: usize = 100;

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    /// The records that hold every word, in the order in which they were looked through.
    pub(crate) entries: Vec<Entry>,
    /// How many were looked through.
    pub(crate) looked_through: usize,
}

/// Looks through `entries`, in their order, until `most` were found.
pub(crate) async fn search(
    permit: &Permit<'_, RecordList>,
    query: &Query,
    entries: &[Entry],
    (most, key): (usize, &DataKey),
) -> Result<Hits, Fault> {
    let mut hits = Hits::default();
    for some in entries.chunks(AT_ONCE) {
        let has_more = |entry: &&Entry| entry.has_notes || entry.has_file;
        let unsure = some.iter().filter(|entry| !holds(query, entry, None)).filter(has_more);
        let looked = permit.look_through(&unsure.collect::<Vec<_>>(), key).await?;
        for entry in some {
            if hits.entries.len() == most {
                return Ok(hits);
            }
            hits.looked_through += 1;
            if holds(query, entry, looked.get(&entry.id)) {
                hits.entries.push(entry.clone());
            }
        }
    }
    Ok(hits)
}

/// Whether every word stands in the title or in what was looked through.
fn holds(query: &Query, entry: &Entry, looked: Option<&Looked>) -> bool {
    let notes = looked.and_then(|looked| looked.content.notes.as_deref()).unwrap_or_default();
    let text = looked.into_iter().flat_map(|looked| &looked.words);
    let text = text.flat_map(|part| part.words.split(' ')).map(Cow::Borrowed);
    let own = search::words(&entry.title).chain(search::words(notes)).map(Cow::Owned);
    query.missing(own.chain(text)).is_empty()
}
