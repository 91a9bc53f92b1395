//! Every operation there is: its name, who may call it, and what a trail says of it.

use crate::{consent::Ability, named};

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
    /// The patient, or a doctor whose grant has this ability and covers the record.
    Vault(Ability),
    /// The patient, or a doctor whose grant has this ability: a list of what the grant covers.
    List(Ability),
    /// A doctor in good standing, towards any patient.
    Ask,
    /// The doctor who made the request.
    Asker,
    /// An admin in good standing, on their own hospital.
    Hospital,
}

/// A marker for one [`Action`], so that a permit for one cannot stand in for another.
pub trait Act {
    /// The action it stands for.
    const ACTION: Action;
}

/// The phrase of a row, or what stands for one.
macro_rules! phrase {
    ($other:literal) => {
        $other
    };
    ($other:literal $phrase:literal) => {
        $phrase
    };
}

/// Declares [`Action`], its rules and phrases, and a marker type for each action.
macro_rules! actions {
    ($($Name:ident = $text:literal, $rule:expr $(, $to_do:literal, $did:literal)?;)+) => {
        named! {
            /// Every operation there is, under its own name.
            pub enum Action { $(#[doc = concat!("To ", phrase!("do what only MediVault does" $($to_do)?), ".")] $Name = $text,)+ }
        }

        impl Action {
            /// The rule that governs the action.
            #[must_use]
            pub fn rule(self) -> Rule {
                match self { $(Self::$Name => $rule,)+ }
            }

            /// What a person tried to do: "read a record".
            #[must_use]
            pub fn to_do(self) -> &'static str {
                match self { $(Self::$Name => phrase!("do what only MediVault does" $($to_do)?),)+ }
            }

            /// What a person did: "read a record".
            #[must_use]
            pub fn did(self) -> &'static str {
                match self { $(Self::$Name => phrase!("did what only MediVault does" $($did)?),)+ }
            }
        }

        /// A type for each action.
        pub mod acts {
            $(#[doc = concat!("Stands for `", $text, "`.")]
            #[derive(Debug, Clone, Copy)] pub enum $Name {}
            impl super::Act for $Name { const ACTION: super::Action = super::Action::$Name; })+
        }
    };
}

// Name, rule, and its phrases: what somebody tried to do, and what they did. Steps of MediVault's
// own have none: the trail tells what came of them instead.
actions! {
    AccountRegister = "account_register", Rule::Public, "open an account", "opened an account";
    AccountConfirm = "account_confirm", Rule::Public, "confirm an account", "confirmed an account";
    SessionCreate = "session_create", Rule::Public, "sign in", "signed in";
    SessionAnswer = "session_answer", Rule::Public, "sign in", "signed in";
    SessionRefresh = "session_refresh", Rule::Public, "stay signed in", "stayed signed in";
    SessionRevoke = "session_revoke", Rule::Session, "sign out", "signed out";
    MfaEnroll = "mfa_enroll", Rule::Session,
        "set up a second factor", "began to set up a second factor";
    MfaVerify = "mfa_verify", Rule::Session,
        "confirm a second factor for signing in", "confirmed a second factor for signing in";
    CognitoPreToken = "cognito_pre_token", Rule::System;
    ProfileGet = "profile_get", Rule::Own,
        "read the account's profile", "read the account's profile";
    DoctorInvite = "doctor_invite", Rule::Hospital, "invite a doctor", "invited a doctor";
    DoctorList = "doctor_list", Rule::Hospital, "list the doctors", "listed the doctors";
    DoctorVerify = "doctor_verify", Rule::Hospital, "verify a doctor", "verified a doctor";
    DoctorSuspend = "doctor_suspend", Rule::Hospital, "suspend a doctor", "suspended a doctor";
    DoctorReinstate = "doctor_reinstate", Rule::Hospital,
        "reinstate a doctor", "reinstated a doctor";
    UploadCreate = "upload_create", Rule::Vault(Ability::Add),
        "add a document", "started to add a document";
    UploadWithdraw = "upload_withdraw", Rule::Vault(Ability::Add),
        "withdraw a document", "withdrew a document whose file had not come";
    UploadIngest = "upload_ingest", Rule::System;
    UploadSweep = "upload_sweep", Rule::System;
    OcrStart = "ocr_start", Rule::System;
    OcrCollect = "ocr_collect", Rule::System;
    RecordList = "record_list", Rule::List(Ability::Read), "list records", "listed your records";
    RecordGet = "record_get", Rule::Vault(Ability::Read), "read a record", "read a record";
    RecordText = "record_text", Rule::Vault(Ability::Read),
        "read the text of a document", "read the text of a document";
    RecordDownload = "record_download", Rule::Vault(Ability::Read),
        "download a document", "downloaded a document";
    AccessRequestCreate = "access_request_create", Rule::Ask, "ask for access", "asked for access";
    AccessRequestList = "access_request_list", Rule::OwnConsent,
        "list requests for access", "listed requests for access";
    AccessRequestWithdraw = "access_request_withdraw", Rule::Asker,
        "withdraw a request for access", "withdrew their request for access";
    AccessRequestDecide = "access_request_decide", Rule::Owner,
        "decide on a request for access", "decided on a request for access";
    GrantList = "grant_list", Rule::OwnConsent, "list grants", "listed grants";
    GrantRevoke = "grant_revoke", Rule::Owner,
        "withdraw a grant", "withdrew a grant";
    GrantSweep = "grant_sweep", Rule::System;
    TableStream = "table_stream", Rule::System;
    AuditArchive = "audit_archive", Rule::System;
    AuditList = "audit_list", Rule::Owner, "read the audit trail", "read the audit trail";
}
