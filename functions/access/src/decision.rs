//! What a patient's decision on a request changes.

use domain::{
    GrantId,
    audit::{Done, Target},
    consent::{Purpose, RequestStatus, Terms},
    policy::{Action, acts::AccessRequestDecide},
    staff::Standing,
};
use edge::{Failure, Known};
use store::{
    Change, DataKey, Item, Permit, Store, Update, active, keys,
    rows::{self, GrantRow},
    table::Stored,
};

use crate::{
    closing::close,
    granting::{self, LiveGrants, Parties},
};

/// 409: giving more than was asked takes a word of its own.
pub(crate) const MORE_THAN_ASKED: Known = Known::conflict(
    "more-than-asked",
    "These terms give more than was asked; say allowMore to mean it.",
);

/// 409: a grant to somebody who may not act would look like access and be none.
pub(crate) const DOCTOR_NOT_ACTIVE: Known = Known::conflict(
    "doctor-not-active",
    "This doctor may not act for their hospital at present; you can reject the request, or approve \
     it when they may.",
);

/// A decision on a pending request of the patient who calls.
pub(crate) struct Decision<'a, 'f> {
    pub(crate) store: &'a Store,
    pub(crate) permit: &'a Permit<'f, AccessRequestDecide>,
    pub(crate) key: &'a DataKey,
    pub(crate) given: Option<&'a Terms>,
    pub(crate) allow_more: bool,
    pub(crate) asked: &'a Stored<rows::Request>,
}

impl<'f> Decision<'_, 'f> {
    /// Nothing is given.
    pub(crate) fn reject(&self) -> Change<'f> {
        let purpose = self.asked.row.terms.purpose;
        self.decided(RequestStatus::Rejected, Done::Rejected, None, purpose)
    }

    /// A grant is given, in place of the one among the `live` that the doctor may hold.
    pub(crate) async fn approve(
        &self,
        live: LiveGrants,
    ) -> Result<(Change<'f>, GrantRow), Failure> {
        let (terms, done) = self.terms()?;
        let active = self.doctor_is_active().await?;
        let names = self.asked.open(self.key)?.who;
        let rows::Request { patient, doctor, hospital, .. } = self.asked.row;
        let parties = Parties { patient, doctor, hospital };
        let grant = granting::begin(parties, terms, self.permit.now())?;
        let purpose = grant.terms.purpose;
        let change = self.decided(RequestStatus::Approved, done, Some(grant.id), purpose);
        let held = live.held(self.store, parties).await?;
        let beside = (held.as_ref(), Action::AccessRequestDecide);
        Ok((granting::give(change.update(active), &grant, &names, self.key, beside)?, grant))
    }

    /// Checks that the doctor may act, and gives what checks it again with the change.
    async fn doctor_is_active(&self) -> Result<Update, Failure> {
        let at = keys::doctor(self.asked.row.hospital, self.asked.row.doctor);
        let found = self.store.table.read(std::slice::from_ref(&at)).await?;
        let doctor: Option<rows::Staff> =
            found.iter().flatten().next().map(Item::clear).transpose()?;
        match doctor {
            Some(doctor) if doctor.standing == Standing::Active => Ok(active(at)),
            _ => Err(DOCTOR_NOT_ACTIVE.into()),
        }
    }

    /// The terms given, and whether they are less or more than was asked.
    fn terms(&self) -> Result<(Terms, Done), Failure> {
        let asked = &self.asked.row.terms;
        match self.given {
            None => Ok((asked.clone(), Done::Approved)),
            Some(given) if given == asked => Ok((asked.clone(), Done::Approved)),
            Some(given) if given.within(asked) => Ok((given.clone(), Done::Narrowed)),
            Some(given) if self.allow_more => Ok((given.clone(), Done::Widened)),
            Some(_) => Err(MORE_THAN_ASKED.into()),
        }
    }

    fn decided(
        &self,
        status: RequestStatus,
        done: Done,
        grant: Option<GrantId>,
        purpose: Purpose,
    ) -> Change<'f> {
        let (now, row) = (self.permit.now(), &self.asked.row);
        let (doctor, purpose) = (Some(row.doctor), Some(purpose));
        let entry = self.permit.entry().done(done);
        let entry = entry.pointing(|target| Target { grant, doctor, purpose, ..target });
        close(self.permit.change(), row, (status, grant), now).audit(&entry, now)
    }
}
