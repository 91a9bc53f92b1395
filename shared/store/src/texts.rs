//! What a search looks through beside the register: notes, and the words of texts.

use std::collections::HashMap;

use domain::{RecordId, policy::Act, record::TextStatus};
use futures_util::future::try_join_all;

use crate::{
    Permit, Store,
    error::Fault,
    keys::{self, Key},
    register::Entry,
    rows::{Record, RecordContent, WordsContent},
    table::{Item, Stored},
    vault::DataKey,
};

/// The most items that one `BatchGetItem` reads.
const READ_AT_ONCE: usize = 100;

/// What is looked through of one record.
#[derive(Debug)]
pub struct Looked {
    /// Its sealed content.
    pub content: RecordContent,
    /// The words of its text, if that was read.
    pub words: Vec<WordsContent>,
    parts: u32,
}

impl<A: Act> Permit<'_, A> {
    /// What there is to look through of `entries`, by record. Only these records are read, so that
    /// not even time tells of others.
    pub async fn look_through(
        &self,
        entries: &[&Entry],
        key: &DataKey,
    ) -> Result<HashMap<RecordId, Looked>, Fault> {
        let patient = self.patient()?;
        let records = entries.iter().map(|entry| keys::record(patient, entry.id));
        // Hardly any text has a second part, so the first is read before it is known how many.
        let with_file = entries.iter().filter(|entry| entry.has_file);
        let first_parts = with_file.map(|entry| keys::words(patient, entry.id, 1));
        let wanted: Vec<_> = records.chain(first_parts).collect();
        let read = read_all(self.store(), &wanted).await?;
        let mut looked = HashMap::new();
        for item in &read {
            if let Some(id) = keys::record_of(&item.key) {
                looked.insert(id, Looked::of(item, key)?);
            }
        }
        let later = |(id, one): (&RecordId, &Looked)| {
            let id = *id;
            (2..=one.parts).map(move |part| keys::words(patient, id, part)).collect::<Vec<_>>()
        };
        let later: Vec<_> = looked.iter().flat_map(later).collect();
        let later = read_all(self.store(), &later).await?;
        for item in read.iter().chain(&later) {
            let Some((id, part)) = keys::words_of(&item.key) else { continue };
            // An earlier reading may have left parts that this one no longer has.
            let one = looked.get_mut(&id).filter(|one| part <= one.parts);
            if let Some(one) = one {
                one.words.push(item.open(key)?);
            }
        }
        Ok(looked)
    }
}

impl Looked {
    fn of(item: &Item, key: &DataKey) -> Result<Self, Fault> {
        let record: Stored<Record> = Stored::of(item.clone())?;
        let is_read = record.row.text_status == Some(TextStatus::Read);
        let parts = record.row.words.filter(|_| is_read).unwrap_or_default();
        Ok(Self { content: record.open(key)?, words: Vec::new(), parts })
    }
}

async fn read_all(store: &Store, keys: &[Key]) -> Result<Vec<Item>, Fault> {
    let reads = keys.chunks(READ_AT_ONCE).map(|some| store.table.read_each(some));
    Ok(try_join_all(reads).await?.concat())
}
