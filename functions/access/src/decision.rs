//! What a patient's decision on a request changes.

use domain::{
    GrantId,
    audit::{Done, Draft, Outcome, Target},
    consent::{Purpose, RequestStatus, Terms},
    names::Named,
    policy::{Action, Permit, acts::AccessRequestDecide},
};
use edge::{Failure, Known};
use store::{
    Change, DataKey, Item, Store, Update, keys,
    rows::{self, GrantRow, RequestContent},
    text,
};

use crate::granting::{self, LiveGrants, Parties};

/// 409: giving more than was asked takes a word of its own.
pub(crate) const MORE_THAN_ASKED: Known = Known::conflict(
    "more-than-asked",
    "These terms give more than was asked; say allowMore to mean it.",
);

/// A decision on a pending request of the patient who calls.
pub(crate) struct Decision<'a> {
    pub(crate) store: &'a Store,
    pub(crate) permit: &'a Permit<AccessRequestDecide>,
    pub(crate) key: &'a DataKey,
    pub(crate) given: Option<&'a Terms>,
    pub(crate) allow_more: bool,
    pub(crate) row: &'a rows::Request,
}

impl<'a> Decision<'a> {
    /// Nothing is given.
    pub(crate) fn reject(&self) -> Change<'a> {
        let purpose = self.row.terms.purpose;
        self.decided(RequestStatus::Rejected, Done::Rejected, None, purpose)
    }

    /// A grant is given, in place of the one among the `live` that the doctor may hold. `asked` is
    /// the request as it was read.
    pub(crate) async fn approve(
        &self,
        asked: &Item,
        live: LiveGrants,
    ) -> Result<(Change<'a>, GrantRow), Failure> {
        let (terms, done) = self.terms()?;
        let names = asked.open::<RequestContent>(self.key)?.who;
        let rows::Request { patient, doctor, hospital, .. } = *self.row;
        let parties = Parties { patient, doctor, hospital };
        let grant = granting::begin(parties, terms, self.permit.now())?;
        let purpose = grant.terms.purpose;
        let change = self.decided(RequestStatus::Approved, done, Some(grant.id), purpose);
        let held = live.held(self.store, parties).await?;
        let beside = (held.as_ref(), Action::AccessRequestDecide);
        Ok((granting::give(change, &grant, &names, self.key, beside)?, grant))
    }

    /// The terms given, and whether they are less or more than was asked.
    fn terms(&self) -> Result<(Terms, Done), Failure> {
        let asked = &self.row.terms;
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
    ) -> Change<'a> {
        let now = self.permit.now();
        let mut request = Update::at(keys::request(self.row.patient, self.row.id))
            .set("status", text(status.name()))
            .set("decided_at", text(now))
            .require("status", "=", text(RequestStatus::Pending.name()));
        if let Some(grant) = grant {
            request = request.set("grant", text(grant));
        }
        let target = Target {
            request: Some(self.row.id),
            grant,
            doctor: Some(self.row.doctor),
            purpose: Some(purpose),
            ..Target::default()
        };
        let entry = Draft { outcome: Outcome::Done(done), ..self.permit.entry(target) };
        self.store.change(self.permit).update(request).audit(&entry, now)
    }
}
