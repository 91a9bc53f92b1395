//! Access: doctors ask, patients decide, the clock ends it.

pub mod access_request_create;
pub mod access_request_decide;
pub mod access_request_list;
pub mod grant_list;
pub mod grant_revoke;
pub mod grant_sweep;
pub mod table_stream;

mod decision;
mod expiry;
mod granting;
mod own_list;
mod terms;

/// What the service promises to its callers over HTTP.
#[must_use]
pub fn contracts() -> Vec<edge::Contract> {
    vec![
        access_request_create::operation().contract(),
        access_request_decide::operation().contract(),
        access_request_list::operation().contract(),
        grant_list::operation().contract(),
        grant_revoke::operation().contract(),
    ]
}
