//! Profile: what people see of themselves.

pub mod profile_get;

/// What the service promises to its callers over HTTP.
#[must_use]
pub fn contracts() -> Vec<edge::Contract> {
    vec![profile_get::operation().contract()]
}
