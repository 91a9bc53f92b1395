//! Records: what a patient's vault holds, as the patient and granted doctors see it.

mod page;
pub mod record_download;
pub mod record_get;
pub mod record_list;
pub mod record_text;
mod search;
mod selection;
mod view;

/// The operations of the service.
#[must_use]
pub fn functions() -> Vec<edge::Function> {
    vec![
        record_download::operation().function(),
        record_get::operation().function(),
        record_list::operation().function(),
        record_text::operation().function(),
    ]
}
