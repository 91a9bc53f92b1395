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

/// The operations of the service.
#[must_use]
pub fn functions() -> Vec<edge::Function> {
    vec![
        doctor_invite::operation().function(),
        doctor_list::operation().function(),
        doctor_reinstate::operation().function(),
        doctor_suspend::operation().function(),
        doctor_verify::operation().function(),
    ]
}
