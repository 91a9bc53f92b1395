//! Who is calling, as far as a token can say (I9): identity and role, never permission.

use uuid::Uuid;

use crate::{DoctorId, HospitalId, PatientId, StaffId, named};

named! {
    /// The three kinds of people who sign in.
    pub enum Role {
        /// Owns a vault.
        Patient = "patient",
        /// Invited and verified by a hospital.
        Doctor = "doctor",
        /// Manages a hospital's doctors.
        HospitalAdmin = "hospital-admin",
    }
}

/// A signed-in caller. Staff carry the hospital they claim and whether this session passed MFA;
/// whether they are active is read from the table on each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A patient.
    Patient(PatientId),
    /// A doctor of a hospital.
    Doctor {
        /// The doctor.
        id: DoctorId,
        /// The hospital that invited them.
        hospital: HospitalId,
        /// Whether the session was opened with a second factor.
        mfa: bool,
    },
    /// An admin of a hospital.
    Admin {
        /// The admin.
        id: StaffId,
        /// The hospital they manage.
        hospital: HospitalId,
        /// Whether the session was opened with a second factor.
        mfa: bool,
    },
}

impl Caller {
    /// The caller's role.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Patient(_) => Role::Patient,
            Self::Doctor { .. } => Role::Doctor,
            Self::Admin { .. } => Role::HospitalAdmin,
        }
    }

    /// The caller's id, whatever its kind.
    #[must_use]
    pub fn id(&self) -> Uuid {
        match self {
            Self::Patient(id) => id.0,
            Self::Doctor { id, .. } => id.0,
            Self::Admin { id, .. } => id.0,
        }
    }

    /// The hospital of a staff member.
    #[must_use]
    pub fn hospital(&self) -> Option<HospitalId> {
        match self {
            Self::Patient(_) => None,
            Self::Doctor { hospital, .. } | Self::Admin { hospital, .. } => Some(*hospital),
        }
    }
}
