//! Lambda and HTTP: who calls, what they ask, what they are answered, what is logged. The only
//! crate that knows `lambda_http`.

pub mod batch;
pub mod contract;
pub mod idempotency;
mod json;
pub mod kind;
mod log;
pub mod problem;
pub mod read;
pub mod reply;
pub mod request;
pub mod serve;
mod tries;

pub use batch::Message;
pub use contract::Contract;
pub use idempotency::{Idempotency, once};
pub use problem::{Failure, Known, Problem};
pub use read::{Input, Paging, Read, Reader, RecordPath};
pub use reply::{Listing, Reply};
pub use request::Request;
pub use serve::{Answer, Boxed, Event, Files, Function, Http, Promise, Service, event, http};
pub use tries::Tries;
