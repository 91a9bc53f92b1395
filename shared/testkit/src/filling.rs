//! Vaults of many records, written through the store: hundreds of uploads would take minutes.

use domain::{
    Date, PatientId, RecordId, Timestamp,
    audit::Actor,
    record::{RecordStatus, RecordType},
};
use store::{
    Owner, Store, keys, new_id,
    records::{NewRecord, batches},
    register::Chunk,
    rows::{Record, RecordContent},
    table::Stored,
};

use crate::{Outcome, Patient, Stack, Surprise};

/// What a record is to be.
#[derive(Debug, Clone)]
pub struct Filling {
    /// What it is about.
    pub kind: RecordType,
    /// Its date.
    pub date: Date,
    /// Its title.
    pub title: String,
    /// Its notes.
    pub notes: Option<String>,
}

impl Stack {
    async fn store(&self) -> Outcome<Store> {
        let key = &self.operator;
        let (id, secret) = (&key.access_key_id, &key.secret_access_key);
        let key = aws_credential_types::Credentials::new(id, secret, None, None, "stack.json");
        let config = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12())
            .endpoint_url(&self.endpoint)
            .region(aws_config::Region::new(self.region.clone()))
            .credentials_provider(key)
            .load()
            .await;
        let [table, key] = ["TableName", "VaultKeyArn"].map(|name| self.output(name));
        Ok(Store::named(&config, table?.to_owned(), key?.to_owned()))
    }
}

impl Patient {
    /// Writes records without files, in that order; answers their ids.
    pub fn fill(&self, stack: &Stack, with: &[Filling]) -> Outcome<Vec<String>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.filled(stack, with))
    }

    async fn filled(&self, stack: &Stack, with: &[Filling]) -> Outcome<Vec<String>> {
        let store = stack.store().await?;
        let patient = PatientId::parse(&self.id).ok_or_else(|| Surprise("no id".into()))?;
        let owner = Owner::Patient(patient);
        let vault = store.table.read(&[keys::vault(owner)]).await?.into_iter().flatten().next();
        let vault = Stored::of(vault.ok_or_else(|| Surprise("no vault".into()))?)?;
        let key = store.owner_key(owner, &vault).await?;
        let new: Vec<_> = with.iter().map(|one| record(patient, one)).collect();
        let ids = new.iter().map(|record| record.id.to_string()).collect();
        for batch in batches(new) {
            let open = store.table.read(&[keys::open_chunk(patient)]).await?;
            let open = Chunk::open(patient, open.into_iter().flatten().next().as_ref(), &key)?;
            store.follow_up().add_records(open, batch, &key).commit().await?;
        }
        Ok(ids)
    }
}

fn record(patient: PatientId, of: &Filling) -> NewRecord {
    let now = Timestamp::now();
    NewRecord {
        id: RecordId(new_id()),
        row: Record::new(RecordStatus::Available, Actor::Patient { id: patient }, now),
        content: RecordContent {
            kind: of.kind,
            date: of.date,
            title: of.title.clone(),
            notes: of.notes.clone(),
            file: None,
        },
    }
}
