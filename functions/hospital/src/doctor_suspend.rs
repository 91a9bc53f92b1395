//! `POST /v1/hospitals/{hospitalId}/doctors/{doctorId}/suspend`: shuts a doctor out; their next request is refused (I5).
//! Audited (I2); once however often it is sent (I7).

use domain::{policy::acts::DoctorSuspend, staff::StandingChange};
use edge::Http;
use store::Store;

use crate::standing::change;

/// The operation.
#[must_use]
pub fn operation() -> Http<Store> {
    edge::http(
        "doctor_suspend",
        || Box::pin(Store::connect()),
        |store, request| Box::pin(change::<DoctorSuspend>(store, request, StandingChange::Suspend)),
    )
}
