//! A record as MediaVault's own steps see it: found by its place, opened with its patient's key,
//! and changed only while the vault is in use.

use std::sync::Arc;

use domain::{
    Caller,
    audit::{Actor, Done, Draft, Ledger, Outcome, Target},
    names::Named,
    policy::Action,
};
use store::{
    Change, DataKey, Fault, Item, Owner, Store, Update, keys,
    objects::Place,
    rows::{FileContent, Record, RecordContent, Vault, VaultStatus},
    text,
};

/// A record of a vault that is in use.
#[derive(Debug)]
pub(crate) struct Vaulted {
    /// Whose and which.
    pub(crate) place: Place,
    /// Its clear part.
    pub(crate) row: Record,
    vault: Item,
    record: Item,
}

impl Vaulted {
    /// Finds a record; `None` when there is none, or its vault is being erased (I5).
    pub(crate) async fn find(store: &Store, place: Place) -> Result<Option<Self>, Fault> {
        let keys = [keys::vault(owner(place)), keys::record(place.patient, place.record)];
        let mut read = store.table.read(&keys).await?.into_iter();
        let (Some(vault), Some(record)) = (read.next().flatten(), read.next().flatten()) else {
            return Ok(None);
        };
        let in_use = vault.clear::<Vault>()?.status == VaultStatus::Active;
        let row = record.clear()?;
        Ok(in_use.then_some(Self { place, row, vault, record }))
    }

    /// The patient's data key.
    pub(crate) async fn key(&self, store: &Store) -> Result<Arc<DataKey>, Fault> {
        let wrapped = self.vault.bytes("wrapped").ok_or(Fault::Corrupt("wrapped-key"))?;
        store.keys.unwrap(owner(self.place), wrapped).await
    }

    /// Its sealed part.
    pub(crate) fn content(&self, key: &DataKey) -> Result<RecordContent, Fault> {
        self.record.open(key)
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
            Actor::HospitalAdmin { .. } | Actor::System => None,
        }
    }

    /// Begins a change of this record that holds only as long as the vault is in use.
    pub(crate) fn change<'s>(&self, store: &'s Store, update: Update) -> Change<'s> {
        let active = text(VaultStatus::Active.name());
        let vault = Update::at(keys::vault(owner(self.place))).require("status", "=", active);
        store.follow_up().update(vault).update(update)
    }

    /// An update of the record, as long as its status is what it was when it was found.
    pub(crate) fn update(&self) -> Update {
        let status = text(self.row.status.name());
        let at = keys::record(self.place.patient, self.place.record);
        let update = Update::at(at).require("status", "=", status);
        match self.row.text_status {
            Some(reading) => update.require("text_status", "=", text(reading.name())),
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
