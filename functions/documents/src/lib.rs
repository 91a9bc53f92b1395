//! Documents: how a file comes into a vault, is checked, and is read.

pub mod ocr_collect;
pub mod ocr_start;
pub mod upload_create;
pub mod upload_ingest;

mod check;
mod queue;
mod reader;
mod text;
mod vaulted;
