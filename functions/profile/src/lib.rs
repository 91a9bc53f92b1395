//! Profile: what people see of themselves.

pub mod profile_get;

/// The operations of the service.
#[must_use]
pub fn functions() -> Vec<edge::Function> {
    vec![profile_get::operation().function()]
}
