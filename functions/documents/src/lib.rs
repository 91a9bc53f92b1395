//! Documents: how a file comes into a vault, is checked, and is read.

pub mod ocr_collect;
pub mod ocr_start;
pub mod upload_create;
pub mod upload_ingest;

mod check;
mod declared;
mod notification;
mod plain;
mod queue;
mod reader;
mod text;
mod vaulted;

/// What the service promises to its callers over HTTP.
#[must_use]
pub fn contracts() -> Vec<edge::Contract> {
    vec![upload_create::operation().contract()]
}
