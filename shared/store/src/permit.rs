//! Permits: what was found makes one, and only it opens, audits and changes what was found.

use std::{marker::PhantomData, sync::Arc};

use domain::{
    Caller, PatientId, Timestamp,
    audit::Draft,
    consent::{Grant, Purpose},
    names::Named,
    policy::{Act, Aim, Ground, Permission, Refused, permit},
    staff::Standing,
};

use crate::{
    Store,
    attribute::Attribute,
    change::{Change, Update, text},
    error::Fault,
    keys::{self, Key, Owner},
    look::{Found, staff_key},
    register::{Chunk, Register},
    rows::{self, RecordContent, VaultStatus},
    table::{Item, Stored},
    vault::DataKey,
};

/// Proof that `A` was permitted on what was found. It cannot be made otherwise, nor used on
/// anything else: forgetting the check does not compile.
#[derive(Debug)]
pub struct Permit<'f, A> {
    found: &'f Found<'f>,
    permission: Permission,
    act: PhantomData<fn(A)>,
}

impl Found<'_> {
    /// Decides whether the caller may do `A` on what was found. `purpose` is what they stated.
    ///
    /// # Errors
    /// The refusal, with the entry it must leave in the trail.
    pub fn permit<A: Act>(
        &self,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Result<Permit<'_, A>, Refused> {
        let (caller, facts) = (&self.look.caller, self.facts(purpose));
        let permission = permit(A::ACTION, caller, &facts, self.target(), now)?;
        Ok(Permit { found: self, permission, act: PhantomData })
    }
}

impl<'f, A: Act> Permit<'f, A> {
    /// Who was permitted.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.permission.caller
    }

    /// The moment of the decision.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.permission.now
    }

    /// The audit entry of doing it.
    #[must_use]
    pub fn entry(&self) -> Draft {
        self.permission.entry()
    }

    /// The data key of the vault or the hospital that was looked at.
    pub async fn key(&self) -> Result<Arc<DataKey>, Fault> {
        match self.found.look.patient {
            Some(_) => self.found.patient_key().await,
            None => self.found.hospital_key().await,
        }
    }

    /// The data key of the hospital, where a vault was looked at too.
    pub async fn hospital_key(&self) -> Result<Arc<DataKey>, Fault> {
        self.found.hospital_key().await
    }

    /// The live grant between the patient and the calling doctor, for filtering lists.
    #[must_use]
    pub fn grant(&self) -> Option<&'f Grant> {
        self.found.live.as_ref()
    }

    /// The record that was looked at.
    ///
    /// # Errors
    /// `Fault::Corrupt` when none was: the policy permits one only when it is there.
    pub fn record(&self) -> Result<&'f (rows::Record, RecordContent), Fault> {
        self.found.record.as_ref().ok_or(Fault::Corrupt("record"))
    }

    /// The patient's vault.
    ///
    /// # Errors
    /// `Fault::Corrupt` when it was not looked at.
    pub fn vault(&self) -> Result<&'f Stored<rows::Vault>, Fault> {
        self.found.vault.as_ref().ok_or(Fault::Corrupt("vault"))
    }

    /// The hospital.
    ///
    /// # Errors
    /// `Fault::Corrupt` when it was not looked at.
    pub fn hospital(&self) -> Result<&'f Stored<rows::Vault>, Fault> {
        self.found.hospital.as_ref().ok_or(Fault::Corrupt("hospital"))
    }

    /// The caller, as their hospital knows them.
    ///
    /// # Errors
    /// `Fault::Corrupt` when the caller is no staff.
    pub fn staff(&self) -> Result<&'f Stored<rows::Staff>, Fault> {
        self.found.staff.as_ref().ok_or(Fault::Corrupt("staff"))
    }

    /// The request for access that was looked at.
    #[must_use]
    pub fn request(&self) -> Option<&'f Stored<rows::Request>> {
        self.found.request.as_ref()
    }

    /// The caller's own request that waits for the patient.
    #[must_use]
    pub fn open_request(&self) -> Option<rows::OpenRequest> {
        self.found.open_request
    }

    /// The grant that was looked at.
    #[must_use]
    pub fn past_grant(&self) -> Option<&'f Stored<rows::GrantRow>> {
        self.found.grant.as_ref()
    }

    /// The doctor who was looked at.
    #[must_use]
    pub fn doctor(&self) -> Option<&'f Stored<rows::Staff>> {
        self.found.doctor.as_ref()
    }

    /// The answer kept under the request's `Idempotency-Key`, if there is one.
    #[must_use]
    pub fn saved(&self) -> Option<&'f Item> {
        self.found.saved.as_ref()
    }

    pub(crate) fn store(&self) -> &'f Store {
        self.found.store
    }

    /// The patient whose vault was looked at.
    pub(crate) fn patient(&self) -> Result<PatientId, Fault> {
        self.found.look.patient.ok_or(Fault::Corrupt("look"))
    }

    /// The open chunk of the vault's register.
    ///
    /// # Errors
    /// `Fault::Corrupt` when it was not looked at or cannot be opened.
    pub fn open_chunk(&self, key: &DataKey) -> Result<Chunk, Fault> {
        Chunk::open(self.patient()?, self.found.open_chunk.as_ref(), key)
    }

    /// The chunk that holds the entry of the record that was looked at.
    pub async fn record_chunk(&self, key: &DataKey) -> Result<Chunk, Fault> {
        let open = self.found.open_chunk.as_ref();
        self.found.store.chunk_of(self.patient()?, &self.record()?.0, open, key).await
    }

    /// The register of the vault.
    pub async fn register(&self) -> Result<Register, Fault> {
        self.found.store.register(self.patient()?).await
    }

    /// Begins a change. What the decision rested on is checked again when it commits: the vault is
    /// in use, the grant is the same and in force, the staff member is active.
    pub fn change(&self) -> Change<'f> {
        let Permission { caller, ground, aim, now, .. } = self.permission;
        let mut change = self.found.store.follow_up();
        if let Aim::Vault { patient, .. } = aim {
            change = change.update(in_use(keys::vault(Owner::Patient(patient))));
            if let Caller::Doctor { id, .. } = caller {
                change = change.rest_on_grant(keys::live_grant(patient, id), ground, now);
            }
        }
        match staff_key(&caller).filter(|_| self.found.staff.is_some()) {
            Some(staff) => change.update(active(staff)),
            None => change,
        }
    }

    /// Writes the entry of a disclosure, before which nothing may leave (I2). What was decided on
    /// was true after it was asked for, so nothing is checked again; only a grant with a maximum
    /// of reads counts this one, and has to have it left.
    ///
    /// # Errors
    /// `Fault::Changed` when the reads were used up or the grant's time passed meanwhile (I4).
    pub async fn disclose(&self, entry: &Draft) -> Result<(), Fault> {
        let Permission { ground, now, .. } = self.permission;
        match ground {
            Ground::Grant { max_reads: Some(_), .. } => {
                self.change().audit(entry, now).commit().await
            }
            Ground::Grant { expires_at, .. } => {
                self.found.store.write_entry(entry, now).await?;
                if Timestamp::now() < expires_at { Ok(()) } else { Err(Fault::Changed) }
            }
            _ => self.found.store.write_entry(entry, now).await,
        }
    }
}

/// Checks that a vault is in use.
pub fn in_use(vault: Key) -> Update {
    Update::at(vault).require(Attribute::Status, "=", text(VaultStatus::Active.name()))
}

/// Checks that a staff member may act.
pub fn active(staff: Key) -> Update {
    Update::at(staff).require(Attribute::Standing, "=", text(Standing::Active.name()))
}
