//! The rules of MediVault: who may do what, why and until when.
//!
//! Pure: no async, no clock, no randomness, no AWS. Time and ids are passed in,
//! so every rule can be tested as a table.

pub mod action;
pub mod audit;
pub mod caller;
pub mod consent;
pub mod denial;
pub mod id;
pub mod names;
pub mod policy;
pub mod prose;
pub mod record;
pub mod search;
pub mod staff;

pub use caller::Caller;
pub use id::{
    AccountId, AuditId, DoctorId, GrantId, HospitalId, PatientId, RecordId, RequestId, StaffId,
};
pub use jiff::{Timestamp, civil::Date};
