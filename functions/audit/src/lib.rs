//! Audit: who saw, changed or was refused what, told to the patient in plain sentences.

pub mod audit_list;
