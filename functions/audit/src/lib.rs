//! Audit: who saw, changed or was refused what, told to the patient in plain sentences and kept
//! where nobody can change it.

pub mod audit_archive;
pub mod audit_list;

mod names;

/// What the service promises to its callers over HTTP.
#[must_use]
pub fn contracts() -> Vec<edge::Contract> {
    vec![audit_list::operation().contract()]
}
