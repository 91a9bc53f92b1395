//! The end of an open request: decided by the patient or withdrawn by the doctor, once.

use domain::{GrantId, Timestamp, consent::RequestStatus, names::Named};
use edge::Known;
use store::{Attribute, Change, Update, keys, rows, text};

/// 409: the patient has decided.
pub(crate) const ALREADY_DECIDED: Known =
    Known::conflict("already-decided", "This request has been decided already.");

/// 409: nothing is left to decide.
pub(crate) const REQUEST_ENDED: Known = Known::conflict(
    "request-ended",
    "This request was withdrawn, or its 30 days have passed without a decision.",
);

/// Adds to `change` that a pending request came to `status`, and to `grant` where one was given.
pub(crate) fn close<'s>(
    change: Change<'s>,
    row: &rows::Request,
    (status, grant): (RequestStatus, Option<GrantId>),
    now: Timestamp,
) -> Change<'s> {
    let mut request = Update::at(keys::request(row.patient, row.id))
        .set(Attribute::Status, text(status.name()))
        .set(Attribute::DecidedAt, text(now))
        .require(Attribute::Status, "=", text(RequestStatus::Pending.name()));
    if let Some(grant) = grant {
        request = request.set(Attribute::Grant, text(grant));
    }
    let open = keys::open_request(row.patient, row.doctor);
    change.update(request).delete(&open, Attribute::Id, text(row.id))
}
