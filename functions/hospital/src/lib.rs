//! Hospitals: how one is added, and how its admins manage its doctors.

mod directory;
mod standing;

pub mod bootstrap;
pub mod doctor_invite;
pub mod doctor_list;
pub mod doctor_reinstate;
pub mod doctor_suspend;
pub mod doctor_verify;
pub mod invitation;

pub use directory::Directory;

/// What the service promises to its callers over HTTP.
#[must_use]
pub fn contracts() -> Vec<edge::Contract> {
    vec![
        doctor_invite::operation().contract(),
        doctor_list::operation().contract(),
        doctor_reinstate::operation().contract(),
        doctor_suspend::operation().contract(),
        doctor_verify::operation().contract(),
    ]
}
