//! Why something is refused, and what the refused caller is shown.

use crate::named;

named! {
    /// Why something is refused. The names are kept in audit entries; what the caller is told is
    /// decided by [`Denial::disguise`].
    pub enum Denial {
        /// The password or the code of a sign-in was wrong.
        WrongCredentials = "wrong-credentials",
        /// Not for this role.
        WrongRole = "wrong-role",
        /// Staff without a second factor (I9).
        NoMfa = "no-mfa",
        /// Not on the hospital's staff.
        NotStaff = "not-staff",
        /// Not verified yet.
        NotVerified = "not-verified",
        /// Suspended by the hospital.
        Suspended = "suspended",
        /// Another hospital's.
        ForeignHospital = "foreign-hospital",
        /// Another patient's.
        NotOwner = "not-owner",
        /// No such patient.
        NoSuchPatient = "no-such-patient",
        /// The patient's vault is being erased.
        BeingErased = "being-erased",
        /// No such record.
        NoSuchRecord = "no-such-record",
        /// The doctor made no such request.
        NoSuchRequest = "no-such-request",
        /// The doctor holds no grant.
        NoGrant = "no-grant",
        /// The grant has not begun.
        GrantNotBegun = "grant-not-begun",
        /// The grant's time passed (I4).
        GrantExpired = "grant-expired",
        /// The grant does not cover the action.
        ActionNotGranted = "action-not-granted",
        /// The grant does not cover the record's type.
        TypeNotGranted = "type-not-granted",
        /// The grant does not cover the record's date.
        DateNotGranted = "date-not-granted",
        /// The grant is for another purpose.
        OtherPurpose = "other-purpose",
        /// The grant's reads are used up.
        ReadsUsedUp = "reads-used-up",
    }
}

/// What a refused caller is shown (I10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disguise {
    /// 404, exactly as if it did not exist.
    Absent,
    /// 403: the reason concerns the caller alone and gives nothing away.
    Forbidden,
}

impl Denial {
    /// What the caller is shown. Only reasons that concern the caller alone, and would be the
    /// same whatever they asked for, are named.
    #[must_use]
    pub fn disguise(self) -> Disguise {
        match self {
            Self::WrongRole
            | Self::NoMfa
            | Self::NotStaff
            | Self::NotVerified
            | Self::Suspended => Disguise::Forbidden,
            _ => Disguise::Absent,
        }
    }

    /// Whether it is told to somebody who has no business in the vault at all.
    #[must_use]
    pub fn is_a_strangers(self) -> bool {
        matches!(
            self,
            Self::WrongCredentials
                | Self::WrongRole
                | Self::NoMfa
                | Self::NotStaff
                | Self::NotVerified
                | Self::Suspended
                | Self::NotOwner
                | Self::NoSuchPatient
                | Self::NoSuchRequest
                | Self::NoGrant
        )
    }

    /// The reason in plain words, for the audit list: said of the refused caller to the patient,
    /// or, with `you`, to the refused caller.
    #[must_use]
    pub fn because(self, you: bool) -> &'static str {
        match (self, you) {
            (Self::WrongCredentials, _) => "the password or the code was wrong",
            (Self::WrongRole, false) => "this is not open to their role",
            (Self::WrongRole, true) => "this is not open to your role",
            (Self::NoMfa, false) => "they signed in without a second factor",
            (Self::NoMfa, true) => "you signed in without a second factor",
            (Self::NotStaff, false) => "they are not on the hospital's staff",
            (Self::NotStaff, true) => "you are not on the hospital's staff",
            (Self::NotVerified, false) => "their hospital has not verified them",
            (Self::NotVerified, true) => "your hospital has not verified you",
            (Self::Suspended, false) => "their hospital has suspended them",
            (Self::Suspended, true) => "your hospital has suspended you",
            (Self::NotOwner, false) => "it is not theirs",
            (Self::NotOwner, true) => "it is not yours",
            (Self::NoGrant, false) => "they hold no grant from you",
            (Self::NoGrant, true) => "you hold no grant",
            (Self::ForeignHospital, _) => "it belongs to another hospital",
            (Self::NoSuchPatient, _) => "there is no such patient",
            (Self::BeingErased, _) => "the account is being erased",
            (Self::NoSuchRecord, _) => "there is no such record",
            (Self::NoSuchRequest, false) => "it is not their request",
            (Self::NoSuchRequest, true) => "it is not your request",
            (Self::GrantNotBegun, _) => "the grant has not begun",
            (Self::GrantExpired, _) => "the grant's time has passed",
            (Self::ActionNotGranted, _) => "the grant does not cover this action",
            (Self::TypeNotGranted, _) => "the grant does not cover records of this type",
            (Self::DateNotGranted, _) => "the grant does not cover records of this date",
            (Self::OtherPurpose, _) => "the grant is for another purpose",
            (Self::ReadsUsedUp, _) => "the grant's number of reads is used up",
        }
    }
}
