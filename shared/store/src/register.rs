//! The register of a vault: a sealed summary of its records, in chunks of one item each.
//!
//! Lists, filters and counts read the register and nothing else. Records are written together with
//! their entries, by [`crate::records`] alone. One chunk is open and takes new entries; it stands
//! at a fixed key. When it is full its entries move to a key that bears its number, for good.

use domain::{
    Date, PatientId, RecordId, Timestamp,
    audit::Actor,
    record::{Class, RecordStatus, RecordType},
};
use miniz_oxide::{deflate::compress_to_vec, inflate::decompress_to_vec_with_limit};
use serde::{Deserialize, Serialize};

use crate::{
    Store,
    error::Fault,
    keys::{self, Key},
    rows::{self, Record, RecordContent},
    table::{Attributes, Item, SEALED, item, sealed_bytes},
    vault::DataKey,
};

/// A chunk with so many entries is full.
const MOST_ENTRIES: usize = 64;
/// A chunk that takes so many bytes is full, however few entries it has.
const MOST_BYTES: usize = 8 * 1024;
/// The first byte of a chunk's content: JSON, compressed by DEFLATE (RFC 1951).
const FORMAT: u8 = 1;
/// Chunks take whole units of this size, so that their length tells little of what is in them.
const UNIT: usize = 1024;
/// What an item holds beside the content: its keys and names, numbers, nonce and tag.
const BESIDE: usize = 128;
/// No chunk opens to more.
const LARGEST: usize = 1_000_000;
/// The longest line of content, in characters.
const LINE_CHARS: usize = 120;

/// What a list shows of a record, and filters by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The record.
    pub id: RecordId,
    /// What it is about.
    pub kind: RecordType,
    /// The day it speaks of.
    pub date: Date,
    /// How far it has come.
    pub status: RecordStatus,
    /// Who added it.
    pub author: Actor,
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: u32,
    /// One line of its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// Whether it has a file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_file: bool,
    /// Whether it has notes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_notes: bool,
    /// When the form for its file ends, as long as that is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited_until: Option<Timestamp>,
}

impl Entry {
    /// The entry of a record.
    #[must_use]
    pub fn of(id: RecordId, row: &Record, content: &RecordContent) -> Self {
        let line = content.notes.as_deref().and_then(|notes| notes.lines().next());
        Self {
            id,
            kind: content.kind,
            date: content.date,
            status: row.status,
            author: row.author,
            title: content.title.clone(),
            version: row.version,
            line: line.map(|line| line.chars().take(LINE_CHARS).collect()),
            has_file: content.file.is_some(),
            has_notes: content.notes.is_some(),
            awaited_until: row.awaited_until,
        }
    }

    /// When the record was made: its id is a UUIDv7, which begins with that millisecond.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        let since = i64::try_from(self.id.0.as_u128() >> 80).unwrap_or_default();
        Timestamp::from_millisecond(since).unwrap_or_default()
    }

    /// How far the record has come at `now`.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> RecordStatus {
        self.status.at(self.awaited_until, now)
    }

    /// What consent needs to know of the record.
    #[must_use]
    pub fn class(&self) -> Class {
        Class { kind: self.kind, date: self.date }
    }
}

/// A chunk of a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    of: PatientId,
    at: Key,
    /// The number that the chunk has, or will have when it is closed.
    number: u32,
    /// How often its item was written; 0 where there is none.
    revision: u32,
    /// What it holds, in the order in which it was added.
    pub(crate) entries: Vec<Entry>,
}

impl Chunk {
    /// The chunk that takes the first entries of a vault.
    pub(crate) fn first(of: PatientId) -> Self {
        Self { of, at: keys::open_chunk(of), number: 1, revision: 0, entries: Vec::new() }
    }

    /// The open chunk of a vault; `item` is what stands at its key.
    ///
    /// # Errors
    /// `Fault::Corrupt` when it cannot be opened.
    pub fn open(of: PatientId, item: Option<&Item>, key: &DataKey) -> Result<Self, Fault> {
        item.map_or_else(|| Ok(Self::first(of)), |item| Self::read(of, item, key))
    }

    fn read(of: PatientId, item: &Item, key: &DataKey) -> Result<Self, Fault> {
        let rows::Chunk { number, revision } = item.clear()?;
        let sealed = item.bytes(SEALED).ok_or(Fault::Corrupt("sealed"))?;
        let entries = decode(&key.open(&item.key, SEALED, sealed)?)?;
        Ok(Self { of, at: item.key.clone(), number, revision, entries })
    }

    /// Whose register it is of.
    pub(crate) fn patient(&self) -> PatientId {
        self.of
    }

    /// The number by which records name it.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Where it stands.
    pub(crate) fn key(&self) -> &Key {
        &self.at
    }

    /// How often its item was written; 0 where there is none yet.
    pub(crate) fn revision(&self) -> u32 {
        self.revision
    }

    fn is_full(&self) -> Result<bool, Fault> {
        Ok(self.entries.len() >= MOST_ENTRIES
            || encode(&self.entries)?.len() + BESIDE >= MOST_BYTES)
    }

    /// Adds an entry to the open chunk. Where that was full, answers it closed, and the open one
    /// goes on under the next number.
    pub(crate) fn add(&mut self, entry: Entry) -> Result<Option<Self>, Fault> {
        let mut closed = None;
        if self.is_full()? {
            let entries = std::mem::take(&mut self.entries);
            let at = keys::chunk(self.of, self.number);
            closed = Some(Self { of: self.of, at, number: self.number, revision: 0, entries });
            self.number += 1;
        }
        self.entries.push(entry);
        Ok(closed)
    }

    /// The same, to be written over what was written `revision` times.
    pub(crate) fn over(self, revision: u32) -> Self {
        Self { revision, ..self }
    }

    /// Its item, written once more.
    pub(crate) fn item(&self, key: &DataKey) -> Result<Attributes, Fault> {
        let row = rows::Chunk { number: self.number, revision: self.revision + 1 };
        let mut attributes = item(&self.at, &row)?;
        let sealed = key.seal(&self.at, SEALED, &encode(&self.entries)?)?;
        attributes.insert(SEALED.into(), sealed_bytes(sealed));
        Ok(attributes)
    }
}

/// The chunks of a register that holds these entries, the open one last.
pub(crate) fn chunks(of: PatientId, entries: Vec<Entry>) -> Result<Vec<Chunk>, Fault> {
    let (mut chunks, mut open) = (Vec::new(), Chunk::first(of));
    for entry in entries {
        chunks.extend(open.add(entry)?);
    }
    chunks.push(open);
    Ok(chunks)
}

fn encode(entries: &[Entry]) -> Result<Vec<u8>, Fault> {
    let json = serde_json::to_vec(entries).map_err(|_| Fault::Corrupt("register"))?;
    let mut bytes = vec![FORMAT];
    bytes.extend(compress_to_vec(&json, 6));
    // DEFLATE knows its own end: what follows it is never read.
    bytes.resize((bytes.len() + BESIDE).next_multiple_of(UNIT) - BESIDE, 0);
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<Vec<Entry>, Fault> {
    let broken = || Fault::Corrupt("register");
    let Some((&FORMAT, compressed)) = bytes.split_first() else { return Err(broken()) };
    let json = decompress_to_vec_with_limit(compressed, LARGEST).map_err(|_| broken())?;
    serde_json::from_slice(&json).map_err(|_| broken())
}

/// A register as it was read, still sealed.
#[derive(Debug)]
pub struct Register {
    of: PatientId,
    chunks: Vec<Item>,
}

impl Store {
    /// Reads the register of a vault: one query for each megabyte, which holds about 20 000
    /// entries.
    ///
    /// # Errors
    /// `Fault::Changed` when a chunk was closed meanwhile in a way that hides entries, or one is
    /// missing; `Fault::Unavailable` when the table refuses.
    pub async fn register(&self, of: PatientId) -> Result<Register, Fault> {
        // Backwards, so that the open chunk is read before the one that it may become.
        let mut chunks = self.scroll(keys::register(of), None).at_most().all().await?;
        let has_open = open_comes_first(of, &chunks);
        let numbers = chunks.iter().map(|item| Ok(item.clear::<rows::Chunk>()?.number));
        let mut numbers: Vec<_> = numbers.collect::<Result<_, Fault>>()?;
        if let [open, closed, ..] = numbers[..]
            && open == closed
        {
            chunks.remove(0);
            numbers.remove(0);
        }
        let are_all = numbers.iter().rev().zip(1..).all(|(number, expected)| *number == expected);
        if are_all && has_open { Ok(Register { of, chunks }) } else { Err(Fault::Changed) }
    }
}

/// Whether the chunks, newest first, begin with the open one: every register that has any has it.
fn open_comes_first(of: PatientId, chunks: &[Item]) -> bool {
    chunks.first().is_none_or(|item| item.key == keys::open_chunk(of))
}

impl Register {
    /// The entries, newest first, one chunk opened at a time.
    pub fn entries(&self, key: &DataKey) -> impl Iterator<Item = Result<Entry, Fault>> {
        self.chunks.iter().flat_map(move |item| {
            let entries = Chunk::read(self.of, item, key).map(|chunk| chunk.entries);
            let (entries, fault) = match entries {
                Ok(entries) => (entries, None),
                Err(fault) => (Vec::new(), Some(Err(fault))),
            };
            fault.into_iter().chain(entries.into_iter().rev().map(Ok))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn patient() -> PatientId {
        PatientId(Uuid::from_u128(7))
    }

    fn entry(n: u32, title: &str) -> Entry {
        Entry {
            id: RecordId(Uuid::now_v7()),
            kind: RecordType::LabReport,
            date: Date::constant(2026, 1, 31),
            status: RecordStatus::Available,
            author: Actor::Patient { id: patient() },
            title: title.to_owned(),
            version: n,
            line: n.is_multiple_of(2).then(|| format!("line {n}")),
            has_file: n.is_multiple_of(3),
            has_notes: n.is_multiple_of(2),
            awaited_until: None,
        }
    }

    fn key() -> DataKey {
        DataKey::new(&[3; 32]).unwrap()
    }

    /// A chunk, written and read again.
    fn stored(chunk: &Chunk) -> Chunk {
        let item = Item::from_attributes(chunk.item(&key()).unwrap()).unwrap();
        Chunk::open(patient(), Some(&item), &key()).unwrap()
    }

    #[derive(Debug, Clone)]
    enum Step {
        Add(Vec<String>),
        Change(usize, String),
        Remove(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let title = || "[ -~]{0,200}";
        let step = prop_oneof![
            3 => prop::collection::vec(title(), 1..90).prop_map(Step::Add),
            2 => (any::<usize>(), title()).prop_map(|(n, title)| Step::Change(n, title)),
            1 => any::<usize>().prop_map(Step::Remove),
        ];
        prop::collection::vec(step, 1..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// The register holds what its records are, whatever happens to them, and each record
        /// names the chunk that holds its entry.
        #[test]
        fn a_register_equals_its_records(steps in steps()) {
            let mut closed: BTreeMap<u32, Chunk> = BTreeMap::new();
            let mut open = Chunk::first(patient());
            let mut records: BTreeMap<RecordId, (u32, Entry)> = BTreeMap::new();
            for step in steps {
                let nth = |n: usize| records.keys().nth(n % records.len().max(1)).copied();
                let (id, title) = match step {
                    Step::Add(titles) => {
                        for title in titles {
                            let entry = entry(records.len() as u32, &title);
                            if let Some(full) = open.add(entry.clone()).unwrap() {
                                prop_assert!(full.entries.len() <= MOST_ENTRIES);
                                prop_assert!(closed.insert(full.number, stored(&full)).is_none());
                            }
                            records.insert(entry.id, (open.number, entry));
                        }
                        open = stored(&open);
                        continue;
                    }
                    Step::Change(n, title) => (nth(n), Some(title)),
                    Step::Remove(n) => (nth(n), None),
                };
                let Some(id) = id else { continue };
                let number = records[&id].0;
                let chunk = if number == open.number { &mut open } else { closed.get_mut(&number).unwrap() };
                match title {
                    Some(title) => {
                        chunk.entries.iter_mut().find(|one| one.id == id).unwrap().title = title.clone();
                        records.get_mut(&id).unwrap().1.title = title;
                    }
                    None => {
                        chunk.entries.retain(|one| one.id != id);
                        records.remove(&id);
                    }
                }
                *chunk = stored(chunk);
            }
            prop_assert!(closed.keys().copied().eq(1..open.number));
            let chunks = closed.values().chain([&open]);
            let held = chunks.flat_map(|chunk| chunk.entries.iter().map(|one| (one.id, (chunk.number, one.clone()))));
            prop_assert_eq!(held.collect::<BTreeMap<_, _>>(), records);
        }
    }

    #[test]
    fn i6_a_chunk_tells_its_length_in_whole_units_only() {
        let sealed = |titles: &[&str]| {
            let entries: Vec<_> = titles.iter().map(|title| entry(1, title)).collect();
            encode(&entries).unwrap().len() + BESIDE
        };
        assert_eq!(sealed(&[]), UNIT);
        assert_eq!(sealed(&["Blood count"]), sealed(&["Blood count and chemistry panel", "X-ray"]));
        assert_eq!(sealed(&["a"; 64]) % UNIT, 0);
    }

    #[test]
    fn an_item_takes_the_units_it_is_padded_to() {
        let mut chunk = Chunk::first(patient());
        for n in 0..40 {
            chunk.add(entry(n, "Blood count and chemistry panel")).unwrap();
        }
        let size: usize = chunk
            .item(&key())
            .unwrap()
            .iter()
            .map(|(name, value)| {
                name.len()
                    + match value {
                        aws_sdk_dynamodb::types::AttributeValue::B(bytes) => bytes.as_ref().len(),
                        aws_sdk_dynamodb::types::AttributeValue::S(text) => text.len(),
                        _ => 3,
                    }
            })
            .sum();
        assert!(
            size <= size.next_multiple_of(UNIT) && size.next_multiple_of(UNIT) - size < BESIDE,
            "{size}"
        );
    }

    #[test]
    fn a_full_chunk_of_usual_records_takes_four_units() {
        let titles =
            ["Blood count", "Chest X-ray, two views", "Cardiology follow-up", "Metformin 500 mg"];
        let mut entries: Vec<_> = (0..64).map(|n| entry(n, titles[n as usize % 4])).collect();
        for (n, one) in entries.iter_mut().enumerate() {
            one.date = one.date.checked_sub(jiff::Span::new().days(n as i64 * 37)).unwrap();
            one.line = Some(format!("Sample {n} taken in the morning; repeat in {} months", n % 7));
        }
        let bytes = encode(&entries).unwrap().len() + BESIDE;
        assert!(bytes <= 4 * UNIT, "{bytes}");
    }

    #[test]
    fn what_is_no_chunk_is_not_read() {
        let whole = encode(&[entry(1, "x")]).unwrap();
        assert!(decode(&whole).is_ok());
        let mut other = whole.clone();
        other[0] = 2;
        for bad in [&[][..], &[FORMAT], &other, &whole[..20]] {
            assert_eq!(decode(bad), Err(Fault::Corrupt("register")));
        }
    }
}
