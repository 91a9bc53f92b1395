//! Access: doctors ask, patients decide, the clock ends it.

pub mod access_request_create;
pub mod access_request_decide;
pub mod access_request_list;
pub mod access_request_withdraw;
pub mod expiry;
pub mod grant_list;
pub mod grant_revoke;
pub mod grant_sweep;

mod closing;
mod decision;
mod finding;
mod granting;
mod own_list;
mod terms;

/// The operations of the service.
#[must_use]
pub fn functions() -> Vec<edge::Function> {
    vec![
        access_request_create::operation().function(),
        access_request_decide::operation().function(),
        access_request_list::operation().function(),
        access_request_withdraw::operation().function(),
        grant_list::operation().function(),
        grant_revoke::operation().function(),
        grant_sweep::operation().function(),
    ]
}
