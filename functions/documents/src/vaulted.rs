//! A record as MediaVault's own steps see it: found by its place, opened with its patient's key,
//! and changed only while the vault is in use.

use std::sync::Arc;

use domain::{
    Caller,
    audit::{Actor, Done, Draft, Ledger, Outcome, Target},
    names::Named,
    policy::Action,
    record::RecordStatus,
};
use store::{
    Attribute, Change, DataKey, Fault, Owner, Store, Update, in_use, keys,
    objects::Place,
    records::{Held, text_update},
    register::Entry,
    rows::{FileContent, Record, RecordContent, VaultStatus},
    text,
};

/// A record of a vault that is in use.
#[derive(Debug)]
pub(crate) struct Vaulted {
    /// Whose and which.
    pub(crate) place: Place,
    /// Its clear part.
    pub(crate) row: Record,
    held: Held,
}

impl Vaulted {
    /// Finds a record; `None` when there is none, or its vault is being erased (I5).
    pub(crate) async fn find(store: &Store, place: Place) -> Result<Option<Self>, Fault> {
        let held = store.hold(place.patient, place.record).await?;
        let held = held.filter(|held| held.vault.row.status == VaultStatus::Active);
        Ok(held.map(|held| Self { place, row: held.record.row.clone(), held }))
    }

    /// The patient's data key.
    pub(crate) async fn key(&self, store: &Store) -> Result<Arc<DataKey>, Fault> {
        store.owner_key(owner(self.place), &self.held.vault).await
    }

    /// Its sealed part.
    pub(crate) fn content(&self, key: &DataKey) -> Result<RecordContent, Fault> {
        self.held.record.open(key)
    }

    /// What was declared of its file.
    pub(crate) async fn file(&self, store: &Store) -> Result<FileContent, Fault> {
        let key = self.key(store).await?;
        self.content(&key)?.file.ok_or(Fault::Corrupt("file"))
    }

    /// Whoever added it, as a caller: their session had passed its second factor then.
    pub(crate) fn author(&self) -> Option<Caller> {
        match self.row.author {
            Actor::Patient { id } => Some(Caller::Patient(id)),
            Actor::Doctor { id, hospital } => Some(Caller::Doctor { id, hospital, mfa: true }),
            Actor::HospitalAdmin { .. } | Actor::Somebody | Actor::System => None,
        }
    }

    /// Begins a change of this record that holds only as long as the vault is in use.
    pub(crate) fn change<'s>(&self, store: &'s Store, update: Update) -> Change<'s> {
        self.while_in_use(store).update(update)
    }

    /// Begins a change that holds only as long as the vault is in use.
    pub(crate) fn while_in_use<'s>(&self, store: &'s Store) -> Change<'s> {
        store.follow_up().update(in_use(keys::vault(owner(self.place))))
    }

    /// Adds to `change` that the record gets another status, in the register too.
    pub(crate) async fn settle<'s>(
        &self,
        store: &Store,
        change: Change<'s>,
        (status, update): (RecordStatus, Update),
    ) -> Result<Change<'s>, Fault> {
        let key = self.key(store).await?;
        let (patient, open) = (self.place.patient, self.held.open_chunk.as_ref());
        let chunk = store.chunk_of(patient, &self.row, open, &key).await?;
        let update = update.set(Attribute::Status, text(status.name()));
        let waited = [Attribute::AwaitedUntil, Attribute::IndexPartition, Attribute::IndexSort];
        let update = waited.into_iter().fold(update, Update::remove);
        let edit = |entry: &mut Entry| {
            entry.status = status;
            entry.awaited_until = None;
        };
        Ok(change.change_record(chunk, (self.place.record, update), edit, &key))
    }

    /// Adds to `change` that the record is no longer there, nor in the register.
    pub(crate) async fn remove<'s>(
        &self,
        store: &Store,
        change: Change<'s>,
    ) -> Result<Change<'s>, Fault> {
        let key = self.key(store).await?;
        let (patient, open) = (self.place.patient, self.held.open_chunk.as_ref());
        let chunk = store.chunk_of(patient, &self.row, open, &key).await?;
        Ok(change.remove_record(chunk, (self.place.record, self.row.version), &key))
    }

    /// An update of the record, as long as its status is what it was when it was found.
    pub(crate) fn update(&self) -> Update {
        let status = text(self.row.status.name());
        let update = text_update(self.place.patient, self.place.record);
        let update = update.require(Attribute::Status, "=", status);
        match self.row.text_status {
            Some(reading) => update.require(Attribute::TextStatus, "=", text(reading.name())),
            None => update,
        }
    }

    /// The audit entry of what a step of ours did.
    pub(crate) fn entry(&self, action: Action, done: Done) -> Draft {
        Draft {
            ledger: Ledger::Patient(self.place.patient),
            actor: Actor::System,
            action,
            outcome: Outcome::Done(done),
            target: Target { record: Some(self.place.record), ..Target::default() },
        }
    }
}

fn owner(place: Place) -> Owner {
    Owner::Patient(place.patient)
}
