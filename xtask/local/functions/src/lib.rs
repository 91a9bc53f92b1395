//! Every operation of every service, for what needs them all: the local stack, the API reference.

use edge::Function;

/// The services, in the order of the API reference, and their operations.
#[must_use]
pub fn services() -> Vec<(&'static str, Vec<Function>)> {
    vec![
        ("identity", identity::functions()),
        ("profile", profile::functions()),
        ("documents", documents::functions()),
        ("records", records::functions()),
        ("access", access::functions()),
        ("audit", audit::functions()),
        ("hospital", hospital::functions()),
        ("stream", stream::functions()),
    ]
}
