//! Audit: who saw, changed or was refused what, told to the patient in plain sentences and kept
//! where nobody can change it.

pub mod audit_archive;
pub mod audit_list;

mod lines;
mod names;
mod walk;

/// The operations of the service.
#[must_use]
pub fn functions() -> Vec<edge::Function> {
    vec![audit_archive::operation().function(), audit_list::operation().function()]
}
