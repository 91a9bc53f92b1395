//! `POST /v1/hospitals/{hospitalId}/doctors/{doctorId}/reinstate`: lets a suspended doctor act again.
//! Audited (I2); once however often it is sent (I7).

use domain::{policy::acts::DoctorReinstate, staff::StandingChange};
use edge::{Http, Promise};
use store::Store;

use crate::standing::{STANDING_CONFLICT, change};

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http(
        "doctor_reinstate",
        "POST /v1/hospitals/{hospitalId}/doctors/{doctorId}/reinstate",
        |store, request, input| {
            Box::pin(change::<DoctorReinstate>(store, request, input, StandingChange::Reinstate))
        },
    )
    .problems(&[STANDING_CONFLICT])
}
