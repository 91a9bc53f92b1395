//! One transaction for a change: what the decision rested on, the change itself, its audit entry
//! and the answer to give again (I2, I7). Nothing is disclosed before it has committed.

use std::sync::Arc;

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update as DynamoUpdate,
    builders::PutBuilder,
};
use domain::{
    AuditId, PatientId, Timestamp,
    audit::{Draft, Entry},
    names::Named,
    policy::Ground,
};

use crate::{
    Store,
    attribute::Attribute,
    error::Fault,
    keys::{self, Key, Owner},
    rows::{Profile, Saved, Vault, VaultStatus},
    table::{Attributes, SEALED, Stored, item, key_attributes, sealed_bytes, sealed_item},
    vault::{DataKey, NewKey},
};

/// The attribute of a vault that holds its wrapped data key.
pub(crate) const WRAPPED: &str = "wrapped";
/// How long an answer is kept for its `Idempotency-Key`: 24 hours, in seconds.
const SAVED_SECONDS: i64 = 24 * 60 * 60;

/// A transaction in the making.
#[derive(Debug)]
#[must_use = "a change does nothing until it is committed"]
pub struct Change<'s> {
    store: &'s Store,
    items: Vec<TransactWriteItem>,
    fault: Option<Fault>,
    until: Option<Timestamp>,
}

/// An update of one item with the conditions it requires.
#[derive(Debug, Clone)]
pub struct Update {
    key: Key,
    set: Vec<(Attribute, AttributeValue)>,
    remove: Vec<Attribute>,
    add: Vec<(Attribute, AttributeValue)>,
    require: Vec<(Attribute, &'static str, AttributeValue)>,
}

/// A text value.
#[must_use]
pub fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// A number.
#[must_use]
pub fn number(value: impl Into<i64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

impl Update {
    /// An update of the item at `key`, which must exist.
    #[must_use]
    pub fn at(key: Key) -> Self {
        Self { key, set: vec![], remove: vec![], add: vec![], require: vec![] }
    }

    /// Sets an attribute.
    #[must_use]
    pub fn set(mut self, name: Attribute, value: AttributeValue) -> Self {
        self.set.push((name, value));
        self
    }

    /// Removes an attribute.
    #[must_use]
    pub fn remove(mut self, name: Attribute) -> Self {
        self.remove.push(name);
        self
    }

    /// Adds to a number.
    #[must_use]
    pub fn add(mut self, name: Attribute, value: i64) -> Self {
        self.add.push((name, number(value)));
        self
    }

    /// Only if `name` stands to `value` as `operator` says: `=`, `<`, `>`, `<=`, `>=`.
    #[must_use]
    pub fn require(
        mut self,
        name: Attribute,
        operator: &'static str,
        value: AttributeValue,
    ) -> Self {
        self.require.push((name, operator, value));
        self
    }

    fn condition(&self) -> String {
        let mut clauses = vec!["attribute_exists(PK)".to_owned()];
        let compare =
            |(n, (_, operator, _)): (usize, &(_, &str, _))| format!("#r{n} {operator} :r{n}");
        clauses.extend(self.require.iter().enumerate().map(compare));
        clauses.join(" AND ")
    }

    fn expression(&self) -> String {
        let each = |prefix: &str, count: usize, join: &str| {
            let clauses: Vec<_> = (0..count)
                .map(|n| match join {
                    "" => format!("#{prefix}{n}"),
                    _ => format!("#{prefix}{n}{join}:{prefix}{n}"),
                })
                .collect();
            clauses.join(", ")
        };
        let mut parts = Vec::new();
        if !self.set.is_empty() {
            parts.push(format!("SET {}", each("s", self.set.len(), " = ")));
        }
        if !self.add.is_empty() {
            parts.push(format!("ADD {}", each("a", self.add.len(), " ")));
        }
        if !self.remove.is_empty() {
            parts.push(format!("REMOVE {}", each("d", self.remove.len(), "")));
        }
        parts.join(" ")
    }

    fn into_item(self, table: &str) -> Result<TransactWriteItem, Fault> {
        let (condition, expression) = (self.condition(), self.expression());
        let mut names = std::collections::HashMap::new();
        let mut values = std::collections::HashMap::new();
        let pairs = [("s", self.set), ("a", self.add)];
        for (prefix, list) in pairs {
            for (n, (name, value)) in list.into_iter().enumerate() {
                names.insert(format!("#{prefix}{n}"), name.to_string());
                values.insert(format!(":{prefix}{n}"), value);
            }
        }
        for (n, (name, _, value)) in self.require.into_iter().enumerate() {
            names.insert(format!("#r{n}"), name.to_string());
            values.insert(format!(":r{n}"), value);
        }
        for (n, name) in self.remove.into_iter().enumerate() {
            names.insert(format!("#d{n}"), name.to_string());
        }
        let (names, values) = (some(names), some(values));
        let key = Some(key_attributes(&self.key));
        let broken = |_| Fault::Corrupt("update");
        if expression.is_empty() {
            let check = ConditionCheck::builder().table_name(table).set_key(key);
            let check = check.condition_expression(condition);
            let check = check.set_expression_attribute_names(names);
            let check = check.set_expression_attribute_values(values).build().map_err(broken)?;
            return Ok(TransactWriteItem::builder().condition_check(check).build());
        }
        let update = DynamoUpdate::builder().table_name(table).set_key(key);
        let update = update.condition_expression(condition).update_expression(expression);
        let update = update.set_expression_attribute_names(names);
        let update = update.set_expression_attribute_values(values).build().map_err(broken)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

fn some<K, V>(map: std::collections::HashMap<K, V>) -> Option<std::collections::HashMap<K, V>> {
    (!map.is_empty()).then_some(map)
}

impl Store {
    /// Begins a change that no caller asked for: what the clock, a file's arrival or another
    /// event brings. Its conditions are its own.
    pub fn follow_up(&self) -> Change<'_> {
        Change { store: self, items: Vec::new(), fault: None, until: None }
    }
}

impl<'s> Change<'s> {
    /// Also rests on a grant until it commits: it is the same, in force and has reads left.
    pub(crate) fn rest_on_grant(mut self, live: Key, ground: Ground, now: Timestamp) -> Self {
        let Ground::Grant { id, max_reads, expires_at, .. } = ground else { return self };
        self.until = Some(expires_at);
        let mut grant = Update::at(live).require(Attribute::Id, "=", text(id)).require(
            Attribute::ExpiresAt,
            ">",
            number(now.as_second()),
        );
        if let Some(most) = max_reads {
            grant = grant.require(Attribute::Reads, "<", number(most)).add(Attribute::Reads, 1);
        }
        self.update(grant)
    }

    fn add(mut self, item: Result<TransactWriteItem, Fault>) -> Self {
        match item {
            Ok(item) => self.items.push(item),
            Err(fault) => self.fault = Some(fault),
        }
        self
    }

    /// The same change, which will fail with `fault`.
    pub(crate) fn failed(self, fault: Fault) -> Self {
        self.add(Err(fault))
    }

    /// Puts an item that must not exist yet.
    pub fn create(self, attributes: Attributes) -> Self {
        let put = self.put(attributes).condition_expression("attribute_not_exists(PK)");
        self.add_put(put)
    }

    /// Puts an item over the one that stands there, if `name` of that one is `value`.
    pub fn replace(self, attributes: Attributes, name: Attribute, value: AttributeValue) -> Self {
        let put = self.put(attributes).condition_expression("#name = :value");
        let put = put.expression_attribute_names("#name", name.name());
        self.add_put(put.expression_attribute_values(":value", value))
    }

    /// Puts a sealed item that does not exist yet, or over one that an earlier attempt at the same
    /// thing left.
    pub fn repeat(self, attributes: Attributes) -> Self {
        let put = self.put(attributes);
        let put = put.condition_expression("attribute_not_exists(PK) OR attribute_exists(#sealed)");
        self.add_put(put.expression_attribute_names("#sealed", SEALED))
    }

    fn put(&self, attributes: Attributes) -> PutBuilder {
        Put::builder().table_name(&self.store.table.name).set_item(Some(attributes))
    }

    fn add_put(self, put: PutBuilder) -> Self {
        let put = put.build().map_err(|_| Fault::Corrupt("put"));
        self.add(put.map(|put| TransactWriteItem::builder().put(put).build()))
    }

    /// Updates an item, or only checks its conditions where nothing is set.
    pub fn update(self, update: Update) -> Self {
        let item = update.into_item(&self.store.table.name);
        self.add(item)
    }

    /// Deletes an item if `name` is `value`.
    pub fn delete(self, key: &Key, name: Attribute, value: AttributeValue) -> Self {
        let delete = Delete::builder()
            .table_name(&self.store.table.name)
            .set_key(Some(key_attributes(key)))
            .condition_expression("#name = :value")
            .expression_attribute_names("#name", name.name())
            .expression_attribute_values(":value", value)
            .build()
            .map_err(|_| Fault::Corrupt("delete"));
        self.add(delete.map(|delete| TransactWriteItem::builder().delete(delete).build()))
    }

    /// Writes an audit entry in the same transaction (I2).
    pub fn audit(self, draft: &Draft, now: Timestamp) -> Self {
        self.create_made(audit_item(draft, now))
    }

    /// Keeps the answer under the request's `Idempotency-Key` in the same transaction (I7),
    /// sealed with the key of whose data it may hold.
    pub fn save(
        self,
        at: &Key,
        fingerprint: &str,
        answer: (u16, &[u8]),
        key: &DataKey,
        now: Timestamp,
    ) -> Self {
        let (status, body) = answer;
        let attributes = saved(at, fingerprint, status, now).and_then(|mut attributes| {
            let sealed = key.seal(at, SEALED, body)?;
            attributes.insert(SEALED.into(), sealed_bytes(sealed));
            Ok(attributes)
        });
        self.create_made(attributes)
    }

    /// Notes in the same transaction that a request with an `Idempotency-Key` was answered, where
    /// the answer need not be kept.
    pub fn note(self, at: &Key, fingerprint: &str, status: u16, now: Timestamp) -> Self {
        self.create_made(saved(at, fingerprint, status, now))
    }

    pub(crate) fn create_made(self, attributes: Result<Attributes, Fault>) -> Self {
        match attributes {
            Ok(attributes) => self.create(attributes),
            Err(fault) => self.add(Err(fault)),
        }
    }

    /// Commits all of it or nothing.
    ///
    /// # Errors
    /// `Fault::Changed` when something it rests on changed meanwhile, or the grant's time passed
    /// while it was written (I4): decide anew.
    pub async fn commit(self) -> Result<(), Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.store.table.write(self.items).await?;
        match self.until {
            Some(until) if Timestamp::now() >= until => Err(Fault::Changed),
            _ => Ok(()),
        }
    }
}

impl Store {
    /// Writes one audit entry by itself: of a refusal or a disclosure, which change nothing else.
    ///
    /// # Errors
    /// `Fault::Unavailable` when the table refuses; then the caller must not be answered either.
    pub async fn write_entry(&self, draft: &Draft, now: Timestamp) -> Result<(), Fault> {
        self.table.put_new(audit_item(draft, now)?).await
    }
}

fn saved(at: &Key, fingerprint: &str, status: u16, now: Timestamp) -> Result<Attributes, Fault> {
    let expires_at = now.as_second() + SAVED_SECONDS;
    item(at, &Saved { fingerprint: fingerprint.to_owned(), status, expires_at })
}

fn audit_item(draft: &Draft, now: Timestamp) -> Result<Attributes, Fault> {
    let Draft { ledger, actor, action, outcome, target } = *draft;
    let id = AuditId(crate::new_id());
    let entry = Entry { id, at: now, last_at: None, times: 1, actor, action, outcome, target };
    item(&keys::audit(ledger, now, entry.id), &entry)
}

impl Store {
    /// The item of a new vault: the owner's data key, wrapped, and their profile, sealed with it.
    pub async fn new_vault(
        &self,
        owner: Owner,
        profile: &Profile,
        now: Timestamp,
    ) -> Result<(Attributes, Arc<DataKey>), Fault> {
        let NewKey { wrapped, key } = self.keys.make(owner).await?;
        let at = keys::vault(owner);
        let clear = Vault { status: VaultStatus::Active, created_at: now };
        let mut vault = sealed_item(&at, &key, &clear, profile)?;
        vault.insert(WRAPPED.into(), sealed_bytes(wrapped));
        Ok((vault, key))
    }

    /// A patient's vault, its profile and its key.
    ///
    /// # Errors
    /// `Fault::Corrupt` when there is no such vault.
    pub async fn vault_of(&self, patient: PatientId) -> Result<OwnVault, Fault> {
        let owner = Owner::Patient(patient);
        let item = self.table.read(&[keys::vault(owner)]).await?.into_iter().flatten().next();
        let vault: Stored<Vault> = Stored::of(item.ok_or(Fault::Corrupt("vault"))?)?;
        let key = self.owner_key(owner, &vault).await?;
        let profile = vault.open(&key)?;
        Ok(OwnVault { owner, vault, profile, key })
    }
}

/// A patient's vault, as an operator's command finds it.
#[derive(Debug)]
pub struct OwnVault {
    /// Who the patient is.
    pub profile: Profile,
    owner: Owner,
    vault: Stored<Vault>,
    key: Arc<DataKey>,
}

impl OwnVault {
    /// The item with another profile, under the key that it has.
    ///
    /// # Errors
    /// `Fault::Corrupt` when it cannot be sealed.
    pub fn with(&self, profile: &Profile) -> Result<Attributes, Fault> {
        let wrapped = self.vault.bytes(WRAPPED).ok_or(Fault::Corrupt("wrapped-key"))?;
        let at = keys::vault(self.owner);
        let mut vault = sealed_item(&at, &self.key, &self.vault.row, profile)?;
        vault.insert(WRAPPED.into(), sealed_bytes(wrapped.to_vec()));
        Ok(vault)
    }
}
