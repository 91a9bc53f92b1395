//! Rebuilding a register from its records: after a table was restored, or damaged.

use std::collections::HashMap;

use domain::{PatientId, names::Named};

use crate::{
    Store,
    attribute::Attribute,
    change::{Change, Update, number, text},
    error::Fault,
    keys::{self, Key, Owner},
    register::{Chunk, Entry, chunks},
    rows::{self, Record},
    table::Stored,
    vault::DataKey,
};

impl Store {
    /// Makes the register of a vault anew, and answers how many entries it has. Whoever changes a
    /// record meanwhile makes it fail with `Fault::Changed`; it can be run again.
    ///
    /// # Errors
    /// `Fault::Corrupt` when there is no such vault or a record cannot be opened.
    pub async fn rebuild_register(&self, of: PatientId) -> Result<usize, Fault> {
        let owner = Owner::Patient(of);
        let vault = self.table.read(&[keys::vault(owner)]).await?.into_iter().flatten().next();
        let vault: Stored<rows::Vault> = Stored::of(vault.ok_or(Fault::Corrupt("vault"))?)?;
        let key = self.owner_key(owner, &vault).await?;
        let mut before = self.revisions(of).await?;
        let entries = self.entries(of, &key).await?;
        let count = entries.len();
        for chunk in chunks(of, entries)? {
            let revision = before.remove(chunk.key()).unwrap_or_default();
            let chunk = chunk.over(revision);
            let records = chunk.entries.iter().map(|entry| named_by(of, entry, &chunk));
            let change = self.follow_up().chunk(&chunk, &key);
            records.fold(change, Change::update).commit().await?;
        }
        for (at, revision) in before {
            let change = self.follow_up().delete(&at, Attribute::Revision, number(revision));
            change.commit().await?;
        }
        Ok(count)
    }

    /// How often each chunk was written.
    async fn revisions(&self, of: PatientId) -> Result<HashMap<Key, u32>, Fault> {
        let items = self.scroll(keys::register(of), None).at_most().all().await?;
        let revision = |item: crate::table::Item| {
            Ok((item.key.clone(), item.clear::<rows::Chunk>()?.revision))
        };
        items.into_iter().map(revision).collect()
    }

    /// The entries of all records, in the order in which they were made.
    async fn entries(&self, of: PatientId, key: &DataKey) -> Result<Vec<Entry>, Fault> {
        let items = self.scroll(keys::records(of), None).at_most().all().await?;
        let entry = |item: crate::table::Item| {
            let id = keys::record_of(&item.key).ok_or(Fault::Corrupt("record-key"))?;
            let record: Stored<Record> = Stored::of(item)?;
            Ok(Entry::of(id, &record.row, &record.open(key)?))
        };
        items.into_iter().rev().map(entry).collect()
    }
}

/// Has the record of `entry` name `chunk`, if it is what the entry says.
fn named_by(of: PatientId, entry: &Entry, chunk: &Chunk) -> Update {
    Update::at(keys::record(of, entry.id))
        .require(Attribute::Status, "=", text(entry.status.name()))
        .require(Attribute::Version, "=", number(entry.version))
        .set(Attribute::Chunk, number(chunk.number()))
}
