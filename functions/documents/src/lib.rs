//! Documents: how a file comes into a vault, is checked, and is read.

pub mod ocr_collect;
pub mod ocr_start;
pub mod upload_create;
pub mod upload_ingest;
pub mod upload_sweep;
pub mod upload_withdraw;

mod charset;
mod check;
mod declared;
mod layer;
mod layout;
mod measure;
mod notification;
mod plain;
mod queue;
mod reader;
mod text;
mod vaulted;
mod verdict;

/// The operations of the service.
#[must_use]
pub fn functions() -> Vec<edge::Function> {
    vec![
        ocr_collect::operation().function(),
        ocr_start::operation().function(),
        upload_create::operation().function(),
        upload_ingest::operation().function(),
        upload_sweep::operation().function(),
        upload_withdraw::operation().function(),
    ]
}
