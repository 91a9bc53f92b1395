//! Profile: what people see of themselves.

pub mod profile_get;
