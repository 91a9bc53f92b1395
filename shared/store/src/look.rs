//! One consistent read of everything a request's decision rests on (I1).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use domain::{
    Caller, DoctorId, GrantId, HospitalId, PatientId, RecordId, RequestId,
    audit::{Actor, Target},
    consent::{Grant, Purpose},
    policy::{Aim, Facts, Record as RecordFact, VaultState},
    record::{Class, RecordStatus},
};

use crate::{
    Store,
    change::WRAPPED,
    error::Fault,
    keys::{self, Key, Owner},
    rows::{self, RecordContent},
    table::{Item, Stored},
    vault::DataKey,
};

/// What to read for a request.
#[derive(Debug, Clone)]
pub struct Look {
    pub(crate) caller: Caller,
    pub(crate) patient: Option<PatientId>,
    hospital: Option<HospitalId>,
    record: Option<RecordId>,
    new_record: Option<Class>,
    request: Option<RequestId>,
    open_request: bool,
    grant: Option<GrantId>,
    doctor: Option<DoctorId>,
    purpose: Option<Purpose>,
    standing: bool,
    own_hospital: bool,
    register: bool,
    awaited: bool,
    saved: Option<Key>,
}

impl Look {
    /// Nothing: what is decided rests on the token alone.
    #[must_use]
    pub fn session(caller: &Caller) -> Self {
        Self {
            caller: *caller,
            patient: None,
            hospital: None,
            record: None,
            new_record: None,
            request: None,
            open_request: false,
            grant: None,
            doctor: None,
            purpose: None,
            standing: false,
            own_hospital: false,
            register: false,
            awaited: false,
            saved: None,
        }
    }

    /// What is the caller's own.
    #[must_use]
    pub fn own(caller: &Caller) -> Self {
        Self { standing: true, ..Self::session(caller) }
    }

    /// A patient's vault.
    #[must_use]
    pub fn vault(caller: &Caller, patient: PatientId) -> Self {
        Self { patient: Some(patient), ..Self::own(caller) }
    }

    /// A hospital.
    #[must_use]
    pub fn hospital(caller: &Caller, hospital: HospitalId) -> Self {
        Self { hospital: Some(hospital), ..Self::own(caller) }
    }

    /// Also a record of the vault.
    #[must_use]
    pub fn record(self, id: RecordId) -> Self {
        Self { record: Some(id), ..self }
    }

    /// Also a record that waits for its file, which its author may see too, and what changing it takes.
    #[must_use]
    pub fn awaited(self, id: RecordId) -> Self {
        Self { record: Some(id), awaited: true, register: true, ..self }
    }

    /// The class of a record that is about to be added, and what adding it takes.
    #[must_use]
    pub fn new_record(self, class: Class) -> Self {
        Self { new_record: Some(class), register: true, ..self }
    }

    /// Also a request for access to the vault.
    #[must_use]
    pub fn request(self, id: RequestId) -> Self {
        Self { request: Some(id), ..self }
    }

    /// Also the calling doctor's request that waits for the patient.
    #[must_use]
    pub fn open_request(self) -> Self {
        Self { open_request: true, ..self }
    }

    /// Also a grant of the vault.
    #[must_use]
    pub fn grant(self, id: GrantId) -> Self {
        Self { grant: Some(id), ..self }
    }

    /// Also a doctor of the hospital.
    #[must_use]
    pub fn doctor(self, id: DoctorId) -> Self {
        Self { doctor: Some(id), ..self }
    }

    /// For this purpose, which the trail tells also where nothing is granted yet.
    #[must_use]
    pub fn purpose(self, purpose: Purpose) -> Self {
        Self { purpose: Some(purpose), ..self }
    }

    /// Also the caller's own hospital, to tell its name.
    #[must_use]
    pub fn own_hospital(self) -> Self {
        Self { own_hospital: true, ..self }
    }

    /// Also the answer kept under an `Idempotency-Key`.
    #[must_use]
    pub fn saved(self, at: &Key) -> Self {
        Self { saved: Some(at.clone()), ..self }
    }

    fn vault_key(&self) -> Option<Key> {
        self.patient.map(|patient| keys::vault(Owner::Patient(patient)))
    }

    fn within_vault<T>(&self, id: Option<T>, key: fn(PatientId, T) -> Key) -> Option<Key> {
        Some(key(self.patient?, id?))
    }

    fn live_grant_key(&self) -> Option<Key> {
        let Caller::Doctor { id, .. } = self.caller else { return None };
        self.within_vault(Some(id), keys::live_grant)
    }

    fn open_request_key(&self) -> Option<Key> {
        let Caller::Doctor { id, .. } = self.caller else { return None };
        self.within_vault(Some(id).filter(|_| self.open_request), keys::open_request)
    }

    fn chunk_key(&self) -> Option<Key> {
        self.patient.filter(|_| self.register).map(keys::open_chunk)
    }

    fn staff_key(&self) -> Option<Key> {
        staff_key(&self.caller).filter(|_| self.standing)
    }

    /// The hospital that is looked at: the one it is about, or the caller's own.
    pub(crate) fn hospital_id(&self) -> Option<HospitalId> {
        self.hospital.or(self.caller.hospital().filter(|_| self.own_hospital))
    }

    fn hospital_key(&self) -> Option<Key> {
        self.hospital_id().map(|id| keys::vault(Owner::Hospital(id)))
    }

    fn doctor_key(&self) -> Option<Key> {
        Some(keys::doctor(self.hospital?, self.doctor?))
    }
}

/// Where a staff caller stands in the table.
pub(crate) fn staff_key(caller: &Caller) -> Option<Key> {
    match *caller {
        Caller::Patient(_) => None,
        Caller::Doctor { id, hospital, .. } => Some(keys::doctor(hospital, id)),
        Caller::Admin { id, hospital, .. } => Some(keys::admin(hospital, id)),
    }
}

/// What was found, as of one moment. Only a [`crate::Permit`] opens any of it.
#[derive(Debug)]
pub struct Found<'s> {
    pub(crate) store: &'s Store,
    pub(crate) look: Look,
    pub(crate) vault: Option<Stored<rows::Vault>>,
    pub(crate) live: Option<Grant>,
    pub(crate) open_chunk: Option<Item>,
    pub(crate) record: Option<(rows::Record, RecordContent)>,
    pub(crate) request: Option<Stored<rows::Request>>,
    pub(crate) open_request: Option<rows::OpenRequest>,
    pub(crate) grant: Option<Stored<rows::GrantRow>>,
    pub(crate) staff: Option<Stored<rows::Staff>>,
    pub(crate) hospital: Option<Stored<rows::Vault>>,
    pub(crate) doctor: Option<Stored<rows::Staff>>,
    pub(crate) saved: Option<Item>,
}

/// Items that were read, by key.
struct Items(HashMap<Key, Item>);

impl Items {
    /// DynamoDB refuses a key twice, and the same item may be wanted for two reasons.
    fn item(&self, key: Option<Key>) -> Option<Item> {
        self.0.get(&key?).cloned()
    }

    fn stored<R: crate::table::Sealed>(
        &self,
        key: Option<Key>,
    ) -> Result<Option<Stored<R>>, Fault> {
        self.item(key).map(Stored::of).transpose()
    }
}

impl Store {
    /// Reads everything `look` names in one consistent read; where a record is among it and the
    /// caller may come to see it, also what consent needs to know of that record.
    pub async fn look(&self, look: Look) -> Result<Found<'_>, Fault> {
        let record_key = look.within_vault(look.record, keys::record);
        let request_key = look.within_vault(look.request, keys::request);
        let grant_key = look.within_vault(look.grant, keys::grant);
        let wanted = [
            look.vault_key(),
            look.live_grant_key(),
            look.chunk_key(),
            record_key.clone(),
            request_key.clone(),
            look.open_request_key(),
            grant_key.clone(),
            look.staff_key(),
            look.hospital_key(),
            look.doctor_key(),
            look.saved.clone(),
        ];
        let keys: HashSet<_> = wanted.into_iter().flatten().collect();
        let keys: Vec<_> = keys.into_iter().collect();
        let read = if keys.is_empty() { Vec::new() } else { self.table.read(&keys).await? };
        let by_key = read.into_iter().flatten().map(|item| (item.key.clone(), item));
        let items = Items(by_key.collect());
        let live = items.item(look.live_grant_key());
        let live: Option<rows::LiveGrant> = live.as_ref().map(Item::clear).transpose()?;
        let open_request = items.item(look.open_request_key());
        let mut found = Found {
            store: self,
            vault: items.stored(look.vault_key())?,
            live: live.map(Grant::from),
            open_chunk: items.item(look.chunk_key()),
            record: None,
            request: items.stored(request_key)?,
            open_request: open_request.as_ref().map(Item::clear).transpose()?,
            grant: items.stored(grant_key)?,
            staff: items.stored(look.staff_key())?,
            hospital: items.stored(look.hospital_key())?,
            doctor: items.stored(look.doctor_key())?,
            saved: items.item(look.saved.clone()),
            look,
        };
        if let Some(record) = items.stored::<rows::Record>(record_key)?
            && found.caller_may_come_to_see_it()
        {
            let key = found.patient_key().await?;
            found.record = Some((record.row.clone(), record.open(&key)?));
        }
        Ok(found)
    }

    /// Whose vault a request or a grant belongs to. What does not exist belongs to somebody who
    /// does not exist, so that it is refused like what is another's (I10).
    pub async fn belonging(&self, id: uuid::Uuid) -> Result<PatientId, Fault> {
        let found = self.table.read(&[keys::belonging(id)]).await?.into_iter().flatten().next();
        let found: Option<rows::Belonging> = found.as_ref().map(Item::clear).transpose()?;
        Ok(found.map_or(PatientId(id), |found| found.patient))
    }

    /// The data key of an owner. Only steps that no caller asked for take it from here.
    pub async fn owner_key(
        &self,
        owner: Owner,
        vault: &Stored<rows::Vault>,
    ) -> Result<Arc<DataKey>, Fault> {
        let wrapped = vault.bytes(WRAPPED).ok_or(Fault::Corrupt("wrapped-key"))?;
        self.keys.unwrap(owner, wrapped).await
    }
}

impl Found<'_> {
    /// Whether the request or the grant that was looked at is there.
    #[must_use]
    pub fn has_target(&self) -> bool {
        self.request.is_some() || self.grant.is_some()
    }

    /// Whether the caller made the request that was looked at.
    fn is_askers(&self) -> bool {
        let asker = self.request.as_ref().map(|request| request.row.doctor);
        matches!(self.look.caller, Caller::Doctor { id, .. } if asker == Some(id))
    }

    /// A record is not even opened for a caller who is neither its owner nor holds a grant.
    fn caller_may_come_to_see_it(&self) -> bool {
        match self.look.caller {
            Caller::Patient(id) => self.look.patient == Some(id),
            Caller::Doctor { .. } => self.live.is_some(),
            Caller::Admin { .. } => false,
        }
    }

    pub(crate) async fn patient_key(&self) -> Result<Arc<DataKey>, Fault> {
        let vault = self.vault.as_ref().ok_or(Fault::Corrupt("vault"))?;
        let patient = self.look.patient.ok_or(Fault::Corrupt("look"))?;
        self.store.owner_key(Owner::Patient(patient), vault).await
    }

    pub(crate) async fn hospital_key(&self) -> Result<Arc<DataKey>, Fault> {
        let vault = self.hospital.as_ref().ok_or(Fault::Corrupt("vault"))?;
        let hospital = self.look.hospital_id().ok_or(Fault::Corrupt("look"))?;
        self.store.owner_key(Owner::Hospital(hospital), vault).await
    }

    /// What the policy decides on. `purpose` is what the caller stated, if anything.
    pub(crate) fn facts(&self, purpose: Option<Purpose>) -> Facts<'_> {
        let state = self.vault.as_ref().map(|vault| VaultState::from(vault.row.status));
        let aim = match (self.look.patient, self.look.hospital) {
            (Some(patient), _) => Aim::Vault { patient, state },
            (None, Some(hospital)) => Aim::Hospital(hospital),
            (None, None) => Aim::Own,
        };
        Facts {
            aim,
            standing: self.staff.as_ref().map(|staff| staff.row.standing),
            grant: self.live.as_ref(),
            record: self.record_fact(),
            purpose,
        }
    }

    /// A record whose file has not passed the checks exists for nobody but the patient, and, until that
    /// came, for whoever began the upload; a request for no doctor but the one who asked.
    fn record_fact(&self) -> RecordFact {
        if let Some(class) = self.look.new_record {
            return RecordFact::One(class);
        }
        if self.look.request.is_some() && self.look.caller.hospital().is_some() {
            return if self.is_askers() { RecordFact::Any } else { RecordFact::Missing };
        }
        if self.look.record.is_none() {
            return RecordFact::Any;
        }
        let patient = matches!(self.look.caller, Caller::Patient(_));
        match &self.record {
            Some((row, content)) if patient || self.is_shown(row) => {
                RecordFact::One(content.class())
            }
            _ => RecordFact::Missing,
        }
    }

    fn is_shown(&self, row: &rows::Record) -> bool {
        if self.look.awaited {
            let is_author = row.author == Actor::from(&self.look.caller);
            return is_author && row.status == RecordStatus::AwaitingUpload;
        }
        row.status == RecordStatus::Available
    }

    /// What an audit entry of this request points at.
    pub(crate) fn target(&self) -> Target {
        Target {
            record: self.look.record,
            request: self.look.request,
            grant: self.look.grant,
            doctor: self.look.doctor,
            purpose: self.look.purpose,
            ..Target::default()
        }
    }
}
