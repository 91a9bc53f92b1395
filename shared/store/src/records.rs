//! Writing records: a record and its entry in the register change in one transaction, or neither
//! does. Nothing else writes a record.

use domain::{PatientId, RecordId, Timestamp, names::Named, record::RecordStatus};

use crate::{
    Store,
    attribute::Attribute,
    change::{Change, Update, number, text},
    error::Fault,
    keys::{self, Owner},
    register::{Chunk, Entry},
    rows::{self, Record, RecordContent},
    table::{Item, Stored, index, sealed_item},
    vault::DataKey,
};

/// The most records that one transaction adds: DynamoDB takes 100 items, of which the register, the
/// trail and the checks need the rest.
pub const MOST_AT_ONCE: usize = 90;

/// A record to be added.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// Its id.
    pub id: RecordId,
    /// Its clear part; which chunk holds its entry is decided when it is added.
    pub row: Record,
    /// Its sealed part.
    pub content: RecordContent,
}

/// The most bytes of content that one transaction adds: DynamoDB takes 4 MB.
const MOST_BYTES: usize = 3_000_000;

/// Many records in as few transactions as take them.
#[must_use]
pub fn batches(new: Vec<NewRecord>) -> Vec<Vec<NewRecord>> {
    let mut batches: Vec<Vec<NewRecord>> = Vec::new();
    let mut left = 0;
    for record in new {
        let size = serde_json::to_vec(&record.content).map_or(MOST_BYTES, |json| json.len());
        match batches.last_mut() {
            Some(batch) if batch.len() < MOST_AT_ONCE && size <= left => {
                left -= size;
                batch.push(record);
            }
            _ => {
                left = MOST_BYTES.saturating_sub(size);
                batches.push(vec![record]);
            }
        }
    }
    batches
}

impl Change<'_> {
    /// Adds records and their entries: up to [`MOST_AT_ONCE`], and 3 MB in all. `open` is the open
    /// chunk of the vault's register.
    pub fn add_records(self, mut open: Chunk, new: Vec<NewRecord>, key: &DataKey) -> Self {
        let mut change = self;
        let of = open.patient();
        for NewRecord { id, mut row, content } in new {
            let closed = match open.add(Entry::of(id, &row, &content)) {
                Ok(closed) => closed,
                Err(fault) => return change.failed(fault),
            };
            row.chunk = open.number();
            change = closed.iter().fold(change, |change, chunk| change.chunk(chunk, key));
            let mut item = sealed_item(&keys::record(of, id), key, &row, &content);
            if let (Ok(attributes), Some(until)) = (&mut item, row.awaited_until) {
                index(attributes, &keys::in_awaited(id, until));
            }
            change = change.create_made(item);
        }
        change.chunk(&open, key)
    }

    /// Changes a record by `update`, and its entry by `edit`. `chunk` is the one that the record
    /// names.
    pub fn change_record(
        self,
        mut chunk: Chunk,
        (id, update): (RecordId, Update),
        edit: impl FnOnce(&mut Entry),
        key: &DataKey,
    ) -> Self {
        match chunk.entries.iter_mut().find(|entry| entry.id == id) {
            Some(entry) => edit(entry),
            None => return self.failed(Fault::Corrupt("register-entry")),
        }
        self.update(update).chunk(&chunk, key)
    }

    /// Has a record that waits for its file wait until another moment.
    pub fn await_file(
        self,
        chunk: Chunk,
        (id, until): (RecordId, Timestamp),
        key: &DataKey,
        now: Timestamp,
    ) -> Self {
        let waits = text(RecordStatus::AwaitingUpload.name());
        let update = text_update(chunk.patient(), id)
            .require(Attribute::Status, "=", waits)
            .set(Attribute::AwaitedUntil, text(until))
            .set(Attribute::UpdatedAt, text(now))
            .set(Attribute::IndexSort, text(keys::in_awaited(id, until).sk));
        let edit = |entry: &mut Entry| entry.awaited_until = Some(until);
        self.change_record(chunk, (id, update), edit, key)
    }

    /// Removes a record and its entry, if it still has `version`.
    pub fn remove_record(
        self,
        mut chunk: Chunk,
        (id, version): (RecordId, u32),
        key: &DataKey,
    ) -> Self {
        chunk.entries.retain(|entry| entry.id != id);
        let at = keys::record(chunk.patient(), id);
        self.delete(&at, Attribute::Version, number(version)).chunk(&chunk, key)
    }

    /// Writes a chunk over what it was read from.
    pub(crate) fn chunk(self, chunk: &Chunk, key: &DataKey) -> Self {
        match (chunk.item(key), chunk.revision()) {
            (Ok(item), 0) => self.create(item),
            (Ok(item), revision) => self.replace(item, Attribute::Revision, number(revision)),
            (Err(fault), _) => self.failed(fault),
        }
    }
}

/// An update of how far reading a record's text has come, which its entry does not tell.
pub fn text_update(of: PatientId, id: RecordId) -> Update {
    Update::at(keys::record(of, id))
}

/// A record with what it takes to change it, read at one moment.
#[derive(Debug)]
pub struct Held {
    /// The patient's vault.
    pub vault: Stored<rows::Vault>,
    /// The record.
    pub record: Stored<Record>,
    /// What stands at the key of the register's open chunk.
    pub open_chunk: Option<Item>,
}

impl Store {
    /// Reads a record with its vault, for steps that no caller asked for; `None` when either is not
    /// there.
    pub async fn hold(&self, of: PatientId, id: RecordId) -> Result<Option<Held>, Fault> {
        let vault = keys::vault(Owner::Patient(of));
        let read = self.table.read(&[vault, keys::record(of, id), keys::open_chunk(of)]).await?;
        let Ok([Some(vault), Some(record), open_chunk]) = <[_; 3]>::try_from(read) else {
            return Ok(None);
        };
        Ok(Some(Held { vault: Stored::of(vault)?, record: Stored::of(record)?, open_chunk }))
    }

    /// The chunk that holds the entry of `record`; `open` is what stood at the open chunk's key when
    /// the record was read.
    pub async fn chunk_of(
        &self,
        of: PatientId,
        record: &Record,
        open: Option<&Item>,
        key: &DataKey,
    ) -> Result<Chunk, Fault> {
        let open = Chunk::open(of, open, key)?;
        if open.number() == record.chunk {
            return Ok(open);
        }
        let closed = self.table.read(&[keys::chunk(of, record.chunk)]).await?;
        let closed = closed.into_iter().next().flatten().ok_or(Fault::Corrupt("register"))?;
        Chunk::open(of, Some(&closed), key)
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        Date, Timestamp,
        audit::Actor,
        record::{RecordStatus, RecordType},
    };

    use super::*;

    fn record(notes: usize) -> NewRecord {
        NewRecord {
            id: RecordId(crate::new_id()),
            row: Record::new(RecordStatus::Available, Actor::System, Timestamp::UNIX_EPOCH),
            content: RecordContent {
                kind: RecordType::LabReport,
                date: Date::constant(2026, 1, 31),
                title: "Blood count".into(),
                notes: Some("n".repeat(notes)),
                file: None,
            },
        }
    }

    #[test]
    fn many_records_take_few_transactions_and_none_too_large() {
        let sizes = |records: Vec<NewRecord>| -> Vec<usize> {
            batches(records).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(vec![record(60); 1000]).len(), 12);
        assert_eq!(sizes(vec![record(1_400_000); 5]), [2, 2, 1]);
        assert_eq!(sizes(vec![record(4_000_000), record(1)]), [1, 1]);
        assert_eq!(sizes(Vec::new()), [0; 0]);
    }
}
