//! The lists that patients and doctors have of their own: requests and grants. A patient's stand in
//! their vault and are sealed with its key; a doctor's come from the index, and of them only what
//! is clear is shown.

use std::sync::Arc;

use domain::{Caller, DoctorId, PatientId, names::Named, policy::Act};
use edge::{Failure, Listing, Paging, Reply, Request, problem::NOT_FOUND};
use serde::Serialize;
use store::{DataKey, Fault, Item, Key, Look, Store, keys::Range, list::Page};

/// A list: where a patient's and a doctor's stand, and its filters, to which cursors are bound.
pub(crate) struct OwnList {
    pub(crate) of_patient: fn(PatientId) -> Range,
    pub(crate) of_doctor: fn(DoctorId) -> Range,
    pub(crate) filters: String,
}

impl OwnList {
    /// The page that is wanted. `view` shows an item, or nothing where the filters say so; it is
    /// given the key for a patient only.
    pub(crate) async fn page<A: Act, T>(
        &self,
        store: &Store,
        request: &Request,
        paging: &Paging,
        view: impl Fn(&Item, Option<&DataKey>) -> Result<Option<T>, Fault>,
    ) -> Result<Listed<T>, Failure> {
        let caller = request.caller()?;
        let (look, range) = match caller {
            Caller::Patient(id) => (Look::vault(&caller, id), Some((self.of_patient)(id))),
            Caller::Doctor { id, .. } => {
                (Look::own(&caller).own_hospital(), Some((self.of_doctor)(id)))
            }
            Caller::Admin { .. } => (Look::own(&caller), None),
        };
        let found = store.look(look).await?;
        let permit = found.permit::<A>(None, request.now)?;
        let range = range.ok_or(NOT_FOUND)?;
        let key = permit.key().await?;
        let list =
            Key { pk: A::ACTION.name().into(), sk: format!("{} {}", caller.id(), self.filters) };
        let after = paging.after(&key, &list)?;
        let opening = matches!(caller, Caller::Patient(_)).then_some(&*key);
        let page =
            store.scroll(range, after).fill(paging.limit, |item| view(item, opening)).await?;
        Ok(Listed { page, key, list })
    }
}

/// A page of such a list, and what its cursor is sealed with and bound to.
pub(crate) struct Listed<T> {
    pub(crate) page: Page<T>,
    key: Arc<DataKey>,
    list: Key,
}

impl<T> Listed<T> {
    /// The same page, with its items shown in another way.
    pub(crate) fn map<U>(self, show: impl FnMut(T) -> U) -> Listed<U> {
        Listed { page: self.page.map(show), key: self.key, list: self.list }
    }

    /// The answer.
    pub(crate) fn reply(self) -> Result<Reply<Listing<T>>, Failure>
    where
        Listing<T>: Serialize,
    {
        Reply::new(&Listing::new(self.page, &self.key, &self.list)?)
    }
}
