//! `POST /v1/hospitals/{hospitalId}/doctors/{doctorId}/verify`: attests that an invited doctor is who they say; from now on they may act.
//! Audited (I2); once however often it is sent (I7).

use domain::{policy::acts::DoctorVerify, staff::StandingChange};
use edge::{Http, Promise};
use store::Store;

use crate::standing::{STANDING_CONFLICT, change};

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http(
        "doctor_verify",
        "POST /v1/hospitals/{hospitalId}/doctors/{doctorId}/verify",
        |store, request, input| {
            Box::pin(change::<DoctorVerify>(store, request, input, StandingChange::Verify))
        },
    )
    .problems(&[STANDING_CONFLICT])
}
