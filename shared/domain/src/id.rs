//! Identifiers. Each kind is its own type, so that one cannot be passed for another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($($(#[$meta:meta])* $Name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $Name(pub Uuid);

        impl $Name {
            /// Reads the hyphenated lower-case form of RFC 9562; any other spelling is `None`,
            /// so that one id has one spelling in URLs and keys.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Uuid::try_parse(text).ok().filter(|id| id.to_string() == text).map(Self)
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

id! {
    /// An account: the subject (`sub`) that Cognito gave it.
    AccountId;
    /// A patient, minted when an account is opened (UUIDv7). It outlives the account: a vault can be
    /// bound to another.
    PatientId;
    /// A doctor, minted when a hospital invites them (UUIDv7).
    DoctorId;
    /// A hospital admin, minted at bootstrap (UUIDv7).
    StaffId;
    /// A hospital (UUIDv7).
    HospitalId;
    /// A record of a patient's vault (UUIDv7: sorts by creation).
    RecordId;
    /// A grant, live or past (UUIDv7).
    GrantId;
    /// A doctor's request for access (UUIDv7).
    RequestId;
    /// One audit entry (UUIDv7: sorts by time).
    AuditId;
}
