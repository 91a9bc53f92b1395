//! Stream: follows the table, and hands what changed to the service that knows what to do.

pub mod table_stream;

/// The operations of the service.
#[must_use]
pub fn functions() -> Vec<edge::Function> {
    vec![table_stream::operation().function()]
}
