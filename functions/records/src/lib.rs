//! Records: what a patient's vault holds, as the patient and granted doctors see it.

pub mod record_download;
pub mod record_get;
pub mod record_list;
pub mod record_text;
mod search;
mod selection;
mod view;

/// What the service promises to its callers over HTTP.
#[must_use]
pub fn contracts() -> Vec<edge::Contract> {
    vec![
        record_download::operation().contract(),
        record_get::operation().contract(),
        record_list::operation().contract(),
        record_text::operation().contract(),
    ]
}
