//! The policy: who may do what, in one typed, pure place. `shared/domain/policy/*.cedar` says the
//! same in another language and a test holds the two together.

use std::marker::PhantomData;

use crate::{
    Caller, GrantId, HospitalId, PatientId, Timestamp,
    audit::{Actor, Done, Draft, Ledger, Outcome, Target},
    consent::{Ability, Grant, Purpose},
    named,
    record::Class,
    staff::Standing,
};

/// Declares [`Action`] and one marker type per action, so that a [`Permit`] for one action cannot
/// stand in for another.
macro_rules! actions {
    ($($(#[$meta:meta])* $Name:ident = $text:literal,)+) => {
        named! {
            /// Every operation there is, under its own name.
            pub enum Action { $($(#[$meta])* $Name = $text,)+ }
        }

        /// A type for each action, to tell permits apart.
        pub mod acts {
            $($(#[$meta])* #[derive(Debug, Clone, Copy)] pub enum $Name {}
            impl super::Act for $Name { const ACTION: super::Action = super::Action::$Name; })+
        }
    };
}

/// A marker for one [`Action`].
pub trait Act {
    /// The action it stands for.
    const ACTION: Action;
}

actions! {
    /// Open an account. Public.
    AccountRegister = "account_register",
    /// Confirm an account by code. Public.
    AccountConfirm = "account_confirm",
    /// Sign in. Public.
    SessionCreate = "session_create",
    /// Answer a sign-in challenge. Public.
    SessionAnswer = "session_answer",
    /// Refresh a session. Public, by refresh token.
    SessionRefresh = "session_refresh",
    /// Sign out.
    SessionRevoke = "session_revoke",
    /// Begin to enrol a second factor.
    MfaEnroll = "mfa_enroll",
    /// Finish enrolling a second factor.
    MfaVerify = "mfa_verify",
    /// Cognito's trigger after a confirmation. System.
    CognitoPostConfirmation = "cognito_post_confirmation",
    /// Cognito's trigger before a token. System.
    CognitoPreToken = "cognito_pre_token",
    /// Read one's own profile.
    ProfileGet = "profile_get",
    /// Invite a doctor to the hospital.
    DoctorInvite = "doctor_invite",
    /// List the hospital's doctors.
    DoctorList = "doctor_list",
    /// Verify an invited doctor.
    DoctorVerify = "doctor_verify",
    /// Suspend a doctor.
    DoctorSuspend = "doctor_suspend",
    /// Reinstate a suspended doctor.
    DoctorReinstate = "doctor_reinstate",
    /// Begin an upload to a patient's vault.
    UploadCreate = "upload_create",
    /// Check an uploaded file and admit or reject it. System.
    UploadIngest = "upload_ingest",
    /// Begin to read a document's text. System.
    OcrStart = "ocr_start",
    /// Collect a document's text. System.
    OcrCollect = "ocr_collect",
    /// List a patient's records.
    RecordList = "record_list",
    /// Read a record.
    RecordGet = "record_get",
    /// Read a document's text.
    RecordText = "record_text",
    /// Download a document.
    RecordDownload = "record_download",
    /// Ask a patient for access.
    AccessRequestCreate = "access_request_create",
    /// List requests for access.
    AccessRequestList = "access_request_list",
    /// Approve or reject a request for access.
    AccessRequestDecide = "access_request_decide",
    /// List grants.
    GrantList = "grant_list",
    /// Withdraw a grant.
    GrantRevoke = "grant_revoke",
    /// Record grants whose time passed. System.
    GrantSweep = "grant_sweep",
    /// Follow the table's stream. System.
    TableStream = "table_stream",
    /// Copy new audit entries to the archive. System.
    AuditArchive = "audit_archive",
    /// Read the audit trail of a vault.
    AuditList = "audit_list",
}

named! {
    /// Why something is refused. The names are kept in audit entries; what the caller is told is
    /// decided by [`Denial::disguise`].
    pub enum Denial {
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

    /// The reason in plain words, for the audit list: said of the refused caller to the patient,
    /// or, with `you`, to the refused caller.
    #[must_use]
    pub fn because(self, you: bool) -> &'static str {
        match (self, you) {
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

/// Why something is allowed, and what that rests on until it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// It is the caller's own account.
    Self_,
    /// It is the patient's own vault.
    Owner,
    /// A grant in force.
    Grant {
        /// Which.
        id: GrantId,
        /// What for.
        purpose: Purpose,
        /// When it ends.
        expires_at: Timestamp,
        /// Whether its disclosures are counted against a maximum.
        max_reads: Option<u32>,
    },
    /// Duty to the hospital, in good standing.
    Duty,
}

/// What the table says of a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaultState {
    /// In use.
    Active,
    /// Being erased: nothing is read or written any more (I5).
    BeingErased,
}

/// What an action is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// The caller's own account or lists.
    Own,
    /// A patient's vault.
    Vault {
        /// Whose.
        patient: PatientId,
        /// What the table says of them; `None` when there is no such patient.
        state: Option<VaultState>,
    },
    /// A hospital.
    Hospital(HospitalId),
}

/// Which record an action is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// Any that the grant covers: a list.
    Any,
    /// This one, or one to be made of this class.
    One(Class),
    /// One that does not exist.
    Missing,
}

/// Everything a decision rests on, read in one consistent read (I1).
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What it is aimed at.
    pub aim: Aim,
    /// The staff caller's standing; `None` when the hospital does not know them.
    pub standing: Option<Standing>,
    /// The live grant between the patient and the doctor who calls.
    pub grant: Option<&'a Grant>,
    /// The record.
    pub record: Record,
    /// The purpose the caller stated, if any.
    pub purpose: Option<Purpose>,
}

/// Who may call an action at all, and what else it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Anybody, without signing in.
    Public,
    /// Nobody: events only.
    System,
    /// Anybody signed in, even staff without a second factor.
    Session,
    /// Patients, and staff in good standing, on what is their own.
    Own,
    /// Patients and doctors in good standing, on what is their own.
    OwnConsent,
    /// The patient, on their own vault.
    Owner,
    /// The patient, or a doctor whose grant has this ability.
    Vault(Ability),
    /// A doctor in good standing, towards any patient.
    Ask,
    /// An admin in good standing, on their own hospital.
    Hospital,
}

impl Action {
    /// The rule that governs the action.
    #[must_use]
    pub fn rule(self) -> Rule {
        match self {
            Self::AccountRegister
            | Self::AccountConfirm
            | Self::SessionCreate
            | Self::SessionAnswer
            | Self::SessionRefresh => Rule::Public,
            Self::CognitoPostConfirmation
            | Self::CognitoPreToken
            | Self::UploadIngest
            | Self::OcrStart
            | Self::OcrCollect
            | Self::GrantSweep
            | Self::TableStream
            | Self::AuditArchive => Rule::System,
            Self::SessionRevoke | Self::MfaEnroll | Self::MfaVerify => Rule::Session,
            Self::ProfileGet => Rule::Own,
            Self::AccessRequestList | Self::GrantList => Rule::OwnConsent,
            Self::AccessRequestDecide | Self::GrantRevoke | Self::AuditList => Rule::Owner,
            Self::RecordList | Self::RecordGet | Self::RecordText | Self::RecordDownload => {
                Rule::Vault(Ability::Read)
            }
            Self::UploadCreate => Rule::Vault(Ability::Add),
            Self::AccessRequestCreate => Rule::Ask,
            Self::DoctorInvite
            | Self::DoctorList
            | Self::DoctorVerify
            | Self::DoctorSuspend
            | Self::DoctorReinstate => Rule::Hospital,
        }
    }
}

/// Decides. The one place where access is decided (I1, I4, I5, I9).
///
/// # Errors
/// The first reason to refuse, the caller's own standing before anything about the target, so
/// that a refusal for the caller's sake says nothing of the target (I10).
pub fn decide(
    action: Action,
    caller: &Caller,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Result<Ground, Denial> {
    match (action.rule(), caller) {
        (Rule::Public | Rule::Session, _) | (Rule::Own | Rule::OwnConsent, Caller::Patient(_)) => {
            own(caller, facts)
        }
        (Rule::System, _) => Err(Denial::WrongRole),
        (Rule::Own, Caller::Doctor { mfa, .. } | Caller::Admin { mfa, .. })
        | (Rule::OwnConsent, Caller::Doctor { mfa, .. }) => {
            in_good_standing(*mfa, facts.standing)?;
            own(caller, facts)
        }
        (Rule::Owner | Rule::Vault(_), Caller::Patient(id)) => owner(*id, facts),
        (Rule::Vault(ability), Caller::Doctor { mfa, .. }) => {
            in_good_standing(*mfa, facts.standing)?;
            vault_in_use(facts)?;
            granted(action, ability, facts, now)
        }
        (Rule::Ask, Caller::Doctor { mfa, .. }) => {
            in_good_standing(*mfa, facts.standing)?;
            vault_in_use(facts).map(|()| Ground::Duty)
        }
        (Rule::Hospital, Caller::Admin { hospital, mfa, .. }) => {
            in_good_standing(*mfa, facts.standing)?;
            match facts.aim {
                Aim::Hospital(id) if id == *hospital => Ok(Ground::Duty),
                _ => Err(Denial::ForeignHospital),
            }
        }
        (_, Caller::Doctor { mfa, .. } | Caller::Admin { mfa, .. }) => {
            in_good_standing(*mfa, facts.standing)?;
            Err(Denial::WrongRole)
        }
        (_, Caller::Patient(_)) => Err(Denial::WrongRole),
    }
}

fn in_good_standing(mfa: bool, standing: Option<Standing>) -> Result<(), Denial> {
    if !mfa {
        return Err(Denial::NoMfa);
    }
    match standing {
        Some(Standing::Active) => Ok(()),
        Some(Standing::Invited | Standing::InviteFailed) => Err(Denial::NotVerified),
        Some(Standing::Suspended) => Err(Denial::Suspended),
        None => Err(Denial::NotStaff),
    }
}

fn vault_in_use(facts: &Facts<'_>) -> Result<(), Denial> {
    match facts.aim {
        Aim::Vault { state: Some(VaultState::Active), .. } => Ok(()),
        Aim::Vault { state: Some(VaultState::BeingErased), .. } => Err(Denial::BeingErased),
        _ => Err(Denial::NoSuchPatient),
    }
}

/// What is the caller's own. A patient's own is in their vault, where that was looked at, and goes
/// with it; nobody comes by this way to a vault that is not theirs.
fn own(caller: &Caller, facts: &Facts<'_>) -> Result<Ground, Denial> {
    match (facts.aim, caller) {
        (Aim::Own, _) => Ok(Ground::Self_),
        (Aim::Vault { .. }, Caller::Patient(id)) => owner(*id, facts).map(|_| Ground::Self_),
        _ => Err(Denial::NotOwner),
    }
}

fn owner(caller: PatientId, facts: &Facts<'_>) -> Result<Ground, Denial> {
    match facts.aim {
        Aim::Vault { patient, .. } if patient != caller => return Err(Denial::NotOwner),
        _ => vault_in_use(facts)?,
    }
    match facts.record {
        Record::Missing => Err(Denial::NoSuchRecord),
        Record::Any | Record::One(_) => Ok(Ground::Owner),
    }
}

fn granted(
    action: Action,
    ability: Ability,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Result<Ground, Denial> {
    let grant = facts.grant.ok_or(Denial::NoGrant)?;
    if now >= grant.expires_at {
        return Err(Denial::GrantExpired);
    }
    if now < grant.not_before {
        return Err(Denial::GrantNotBegun);
    }
    if !grant.terms.actions.contains(&ability) {
        return Err(Denial::ActionNotGranted);
    }
    if facts.purpose.is_some_and(|stated| stated != grant.terms.purpose) {
        return Err(Denial::OtherPurpose);
    }
    if ability == Ability::Read && grant.terms.max_reads.is_some_and(|most| grant.reads >= most) {
        return Err(Denial::ReadsUsedUp);
    }
    match facts.record {
        Record::One(class) => grant.terms.covers(class)?,
        // A list shows what the grant covers; anything else must say which record it means.
        Record::Any if action == Action::RecordList => {}
        Record::Any | Record::Missing => return Err(Denial::NoSuchRecord),
    }
    Ok(Ground::Grant {
        id: grant.id,
        purpose: grant.terms.purpose,
        expires_at: grant.expires_at,
        max_reads: grant.terms.max_reads.filter(|_| ability == Ability::Read),
    })
}

/// Whether a grant covers a record, once listing under it is permitted: the filter of a list.
#[must_use]
pub fn covers(grant: &Grant, class: Class) -> bool {
    grant.terms.covers(class).is_ok()
}

/// Proof that `A` was permitted. Only [`permit`] makes one, and what reads or writes health data
/// asks for it: forgetting the check does not compile.
#[derive(Debug, Clone, Copy)]
pub struct Permit<A> {
    caller: Caller,
    ground: Ground,
    aim: Aim,
    now: Timestamp,
    act: PhantomData<A>,
}

impl<A: Act> Permit<A> {
    /// Who was permitted.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What the permission rests on.
    #[must_use]
    pub fn ground(&self) -> Ground {
        self.ground
    }

    /// What it is aimed at.
    #[must_use]
    pub fn aim(&self) -> Aim {
        self.aim
    }

    /// The moment of the decision.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The audit entry of doing it, with the outcome that the ground implies.
    #[must_use]
    pub fn entry(&self, target: Target) -> Draft {
        let (done, grant, purpose) = match self.ground {
            Ground::Self_ | Ground::Owner => (Done::Owner, None, None),
            Ground::Grant { id, purpose, .. } => (Done::Granted, Some(id), Some(purpose)),
            Ground::Duty => (Done::Duty, None, None),
        };
        Draft {
            ledger: ledger(&self.caller, self.aim),
            actor: Actor::from(&self.caller),
            action: A::ACTION,
            outcome: Outcome::Done(done),
            target: Target {
                grant: target.grant.or(grant),
                purpose: target.purpose.or(purpose),
                ..target
            },
        }
    }
}

/// A refusal with the audit entry it must leave before the caller hears of it (I2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub denial: Denial,
    /// The entry.
    pub entry: Draft,
}

/// Decides whether `caller` may do `A`, and says so in a form that cannot be forged or ignored.
///
/// # Errors
/// The refusal, with its audit entry.
pub fn permit<A: Act>(
    caller: &Caller,
    facts: &Facts<'_>,
    target: Target,
    now: Timestamp,
) -> Result<Permit<A>, Refused> {
    match decide(A::ACTION, caller, facts, now) {
        Ok(ground) => Ok(Permit { caller: *caller, ground, aim: facts.aim, now, act: PhantomData }),
        Err(denial) => {
            let grant = facts.grant.map(|grant| grant.id);
            let purpose = facts.purpose.or(facts.grant.map(|grant| grant.terms.purpose));
            let entry = Draft {
                ledger: ledger(caller, facts.aim),
                actor: Actor::from(caller),
                action: A::ACTION,
                outcome: Outcome::Refused(denial),
                target: Target { grant, purpose, ..target },
            };
            Err(Refused { denial, entry })
        }
    }
}

/// The trail that must know: the patient's if there is such a patient, else that of the caller's
/// hospital. A patient who tries another's vault never finds it in their own trail: what shows
/// only when there is no such patient would tell them so (I10).
fn ledger(caller: &Caller, aim: Aim) -> Ledger {
    match (aim, caller) {
        (Aim::Vault { patient, state: Some(_) }, _)
        | (Aim::Vault { patient, .. }, Caller::Patient(_)) => Ledger::Patient(patient),
        (_, Caller::Patient(id)) => Ledger::Patient(*id),
        (_, Caller::Doctor { hospital, .. } | Caller::Admin { hospital, .. }) => {
            Ledger::Hospital(*hospital)
        }
    }
}
