//! Lambda and HTTP: who calls, what they ask, what they are answered, what is logged. The only
//! crate that knows `lambda_http`.

pub mod batch;
pub mod idempotency;
mod log;
pub mod problem;
pub mod read;
pub mod reply;
pub mod request;
pub mod serve;

pub use batch::Message;
pub use idempotency::Idempotency;
pub use problem::{Failure, Problem};
pub use read::Reader;
pub use reply::Reply;
pub use request::Request;
pub use serve::{Answer, Boxed, Connecting, Event, Http, Service, event, http};
