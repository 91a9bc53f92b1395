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
