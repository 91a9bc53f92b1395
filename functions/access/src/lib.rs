//! Access: doctors ask, patients decide, the clock ends it.

pub mod access_request_create;
pub mod access_request_decide;
pub mod access_request_list;
mod expiry;
pub mod grant_list;
pub mod grant_revoke;
pub mod grant_sweep;
pub mod table_stream;
mod terms;
