//! `POST /v1/hospitals/{hospitalId}/doctors/{doctorId}/suspend`: shuts a doctor out; their next request is refused (I5).
//! Audited (I2); once however often it is sent (I7).

use domain::{policy::acts::DoctorSuspend, staff::StandingChange};
use edge::{Http, Promise};
use store::Store;

use crate::standing::{STANDING_CONFLICT, change};

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http(
        "doctor_suspend",
        "POST /v1/hospitals/{hospitalId}/doctors/{doctorId}/suspend",
        |store, request, input| {
            Box::pin(change::<DoctorSuspend>(store, request, input, StandingChange::Suspend))
        },
    )
    .problems(&[STANDING_CONFLICT])
}
