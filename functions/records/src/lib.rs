//! Records: what a patient's vault holds, as the patient and granted doctors see it.

pub mod record_download;
pub mod record_get;
pub mod record_list;
pub mod record_text;
mod view;
