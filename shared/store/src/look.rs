//! One consistent read of everything a request's decision rests on (I1, DESIGN section 4).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use domain::{
    Caller, DoctorId, GrantId, HospitalId, PatientId, RecordId, RequestId,
    audit::Target,
    consent::{Grant, Purpose},
    policy::{Act, Aim, Facts, Permit, Record as RecordFact, VaultState},
    record::{Class, RecordStatus},
    staff::Standing,
};

use crate::{
    Store,
    classes::Classes,
    error::Fault,
    keys::{self, Key, Owner},
    rows,
    table::Item,
    vault::DataKey,
};

/// What to read for a request.
#[derive(Debug, Clone)]
pub struct Look {
    caller: Caller,
    patient: Option<PatientId>,
    hospital: Option<HospitalId>,
    record: Option<RecordId>,
    new_record: Option<Class>,
    request: Option<RequestId>,
    grant: Option<GrantId>,
    doctor: Option<DoctorId>,
    own_hospital: bool,
    classes: bool,
    saved: Option<Key>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    Patient,
    Hospital,
    Standing,
    Live,
    Classes,
    Record,
    Request,
    Grant,
    Doctor,
    Saved,
}

impl Look {
    /// What is the caller's own.
    #[must_use]
    pub fn own(caller: &Caller) -> Self {
        Self {
            caller: *caller,
            patient: None,
            hospital: None,
            record: None,
            new_record: None,
            request: None,
            grant: None,
            doctor: None,
            own_hospital: false,
            classes: false,
            saved: None,
        }
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

    /// The class of a record that is about to be added.
    #[must_use]
    pub fn new_record(self, class: Class) -> Self {
        Self { new_record: Some(class), ..self }
    }

    /// Also of which classes the vault has records.
    #[must_use]
    pub fn classes(self) -> Self {
        Self { classes: true, ..self }
    }

    /// Also a request for access to the vault.
    #[must_use]
    pub fn request(self, id: RequestId) -> Self {
        Self { request: Some(id), ..self }
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

    fn keys(&self) -> Vec<(Slot, Key)> {
        let mut keys = Vec::new();
        if let Some(patient) = self.patient {
            keys.push((Slot::Patient, keys::vault(Owner::Patient(patient))));
            keys.extend(self.classes.then(|| (Slot::Classes, keys::classes(patient))));
            keys.extend(self.record.map(|id| (Slot::Record, keys::record(patient, id))));
            keys.extend(self.request.map(|id| (Slot::Request, keys::request(patient, id))));
            keys.extend(self.grant.map(|id| (Slot::Grant, keys::grant(patient, id))));
            if let Caller::Doctor { id, .. } = self.caller {
                keys.push((Slot::Live, keys::live_grant(patient, id)));
            }
        }
        keys.extend(staff_key(&self.caller).map(|key| (Slot::Standing, key)));
        let hospital = self.hospital.or(self.caller.hospital().filter(|_| self.own_hospital));
        if let Some(hospital) = hospital {
            keys.push((Slot::Hospital, keys::vault(Owner::Hospital(hospital))));
            keys.extend(self.doctor.map(|id| (Slot::Doctor, keys::doctor(hospital, id))));
        }
        keys.extend(self.saved.clone().map(|key| (Slot::Saved, key)));
        keys
    }
}

/// Where a staff caller stands in the table.
#[must_use]
pub fn staff_key(caller: &Caller) -> Option<Key> {
    match *caller {
        Caller::Patient(_) => None,
        Caller::Doctor { id, hospital, .. } => Some(keys::doctor(hospital, id)),
        Caller::Admin { id, hospital, .. } => Some(keys::admin(hospital, id)),
    }
}

/// What was found, as of one moment. Sealed content opens only against a [`Permit`].
#[derive(Debug)]
pub struct Found {
    look: Look,
    items: HashMap<Slot, Item>,
    patient: Option<rows::Vault>,
    standing: Option<Standing>,
    live: Option<Grant>,
    record: Option<(rows::Record, rows::RecordContent)>,
}

impl Store {
    /// Reads everything `look` names in one consistent read; where a record is among it and the
    /// caller may come to see it, also what consent needs to know of that record.
    ///
    /// # Errors
    /// `Fault::Unavailable` when the table or KMS refuses.
    pub async fn look(&self, look: Look) -> Result<Found, Fault> {
        let wanted = look.keys();
        // DynamoDB refuses a key twice: a doctor may be both who calls and who is asked about.
        let keys: HashSet<_> = wanted.iter().map(|(_, key)| key.clone()).collect();
        let keys: Vec<_> = keys.into_iter().collect();
        let read = if keys.is_empty() { Vec::new() } else { self.table.read(&keys).await? };
        let read: HashMap<_, _> =
            read.into_iter().flatten().map(|item| (item.key.clone(), item)).collect();
        let items: HashMap<_, _> = wanted
            .into_iter()
            .filter_map(|(slot, key)| Some((slot, read.get(&key)?.clone())))
            .collect();
        let clear = |slot| items.get(&slot);
        let patient = clear(Slot::Patient).map(Item::clear).transpose()?;
        let standing: Option<rows::Staff> = clear(Slot::Standing).map(Item::clear).transpose()?;
        let live: Option<rows::LiveGrant> = clear(Slot::Live).map(Item::clear).transpose()?;
        let mut found = Found {
            look,
            items,
            patient,
            standing: standing.map(|staff| staff.standing),
            live: live.map(Grant::from),
            record: None,
        };
        found.record = self.classify(&found).await?;
        Ok(found)
    }

    /// The record's content, kept inside [`Found`] until it is permitted. Not even attempted for
    /// a caller who is neither the owner nor holds a grant.
    async fn classify(
        &self,
        found: &Found,
    ) -> Result<Option<(rows::Record, rows::RecordContent)>, Fault> {
        let may_come_to_see = match found.look.caller {
            Caller::Patient(id) => found.look.patient == Some(id),
            Caller::Doctor { .. } => found.live.is_some(),
            Caller::Admin { .. } => false,
        };
        match (found.items.get(&Slot::Record), found.items.get(&Slot::Patient)) {
            (Some(record), Some(vault)) if may_come_to_see => {
                let key = self.unwrap(found.patient_owner()?, vault).await?;
                Ok(Some((record.clear()?, record.open(&key)?)))
            }
            _ => Ok(None),
        }
    }

    async fn unwrap(&self, owner: Owner, vault: &Item) -> Result<Arc<DataKey>, Fault> {
        let wrapped = vault.bytes("wrapped").ok_or(Fault::Corrupt("wrapped-key"))?;
        self.keys.unwrap(owner, wrapped).await
    }

    /// The data key of the patient whose vault was looked at.
    ///
    /// # Errors
    /// `Fault::Unavailable` when KMS refuses.
    pub async fn patient_key<A: Act>(
        &self,
        _: &Permit<A>,
        found: &Found,
    ) -> Result<Arc<DataKey>, Fault> {
        let vault = found.items.get(&Slot::Patient).ok_or(Fault::Corrupt("vault"))?;
        self.unwrap(found.patient_owner()?, vault).await
    }

    /// The data key of the hospital that was looked at.
    ///
    /// # Errors
    /// `Fault::Unavailable` when KMS refuses.
    pub async fn hospital_key<A: Act>(
        &self,
        _: &Permit<A>,
        found: &Found,
    ) -> Result<Arc<DataKey>, Fault> {
        let vault = found.items.get(&Slot::Hospital).ok_or(Fault::Corrupt("vault"))?;
        let hospital = found.look.hospital.or(found.look.caller.hospital());
        let hospital = hospital.ok_or(Fault::Corrupt("look"))?;
        self.unwrap(Owner::Hospital(hospital), vault).await
    }
}

impl Found {
    fn patient_owner(&self) -> Result<Owner, Fault> {
        self.look.patient.map(Owner::Patient).ok_or(Fault::Corrupt("look"))
    }

    /// What the policy decides on. `purpose` is what the caller stated, if anything.
    #[must_use]
    pub fn facts(&self, purpose: Option<Purpose>) -> Facts<'_> {
        let state = self.patient.as_ref().map(|vault| VaultState::from(vault.status));
        let aim = match (self.look.patient, self.look.hospital) {
            (Some(patient), _) => Aim::Vault { patient, state },
            (None, Some(hospital)) => Aim::Hospital(hospital),
            (None, None) => Aim::Own,
        };
        Facts {
            aim,
            standing: self.standing,
            grant: self.live.as_ref(),
            record: self.record_fact(),
            purpose,
        }
    }

    /// A record whose file has not passed the checks exists for nobody but the patient.
    fn record_fact(&self) -> RecordFact {
        if let Some(class) = self.look.new_record {
            return RecordFact::One(class);
        }
        if self.look.record.is_none() {
            return RecordFact::Any;
        }
        let patient = matches!(self.look.caller, Caller::Patient(_));
        match &self.record {
            Some((row, content)) if patient || row.status == RecordStatus::Available => {
                RecordFact::One(content.class())
            }
            _ => RecordFact::Missing,
        }
    }

    /// What an audit entry of this request points at.
    #[must_use]
    pub fn target(&self) -> Target {
        Target {
            record: self.look.record,
            request: self.look.request,
            grant: self.look.grant,
            doctor: self.look.doctor,
            ..Target::default()
        }
    }

    /// The live grant between the patient and the calling doctor, for filtering lists.
    #[must_use]
    pub fn grant<A: Act>(&self, _: &Permit<A>) -> Option<&Grant> {
        self.live.as_ref()
    }

    /// The record that was looked at.
    ///
    /// # Errors
    /// `Fault::Corrupt` when none was: the policy permits one only when it is there.
    pub fn record<A: Act>(
        &self,
        _: &Permit<A>,
    ) -> Result<&(rows::Record, rows::RecordContent), Fault> {
        self.record.as_ref().ok_or(Fault::Corrupt("record"))
    }

    /// The patient's vault row.
    #[must_use]
    pub fn patient_vault<A: Act>(&self, _: &Permit<A>) -> Option<&rows::Vault> {
        self.patient.as_ref()
    }

    /// The vault item, whose profile opens with the patient's key.
    #[must_use]
    pub fn patient_item<A: Act>(&self, _: &Permit<A>) -> Option<&Item> {
        self.items.get(&Slot::Patient)
    }

    /// Of which classes the vault has records.
    ///
    /// # Errors
    /// `Fault::Corrupt` when they were not looked at, or are no such thing.
    pub fn classes<A: Act>(&self, _: &Permit<A>) -> Result<Classes, Fault> {
        let were_looked_at = self.look.classes.then(|| self.items.get(&Slot::Classes));
        Classes::read(were_looked_at.ok_or(Fault::Corrupt("look"))?)
    }

    /// The hospital's vault item, whose profile opens with the hospital's key.
    #[must_use]
    pub fn hospital_item<A: Act>(&self, _: &Permit<A>) -> Option<&Item> {
        self.items.get(&Slot::Hospital)
    }

    /// The caller's own staff item.
    #[must_use]
    pub fn staff_item<A: Act>(&self, _: &Permit<A>) -> Option<&Item> {
        self.items.get(&Slot::Standing)
    }

    /// The request for access that was looked at.
    #[must_use]
    pub fn request_item<A: Act>(&self, _: &Permit<A>) -> Option<&Item> {
        self.items.get(&Slot::Request)
    }

    /// The grant that was looked at.
    #[must_use]
    pub fn grant_item<A: Act>(&self, _: &Permit<A>) -> Option<&Item> {
        self.items.get(&Slot::Grant)
    }

    /// The doctor that was looked at.
    #[must_use]
    pub fn doctor_item<A: Act>(&self, _: &Permit<A>) -> Option<&Item> {
        self.items.get(&Slot::Doctor)
    }

    /// The kept answer, if there is one.
    #[must_use]
    pub fn saved_item<A: Act>(&self, _: &Permit<A>) -> Option<&Item> {
        self.items.get(&Slot::Saved)
    }
}
