//! The audit trail: what is kept of every disclosure, change and refusal (I2), and the one plain
//! sentence that tells the patient. Entries hold ids and codes only, never health data (I6).

use serde::{Deserialize, Serialize};

use crate::{
    AuditId, Caller, DoctorId, GrantId, HospitalId, PatientId, RecordId, RequestId, StaffId,
    Timestamp,
    consent::Purpose,
    named,
    names::Named,
    policy::{Action, Denial},
};

/// Whose trail an entry belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ledger {
    /// The patient whose data it is about.
    Patient(PatientId),
    /// The hospital whose staff it is about.
    Hospital(HospitalId),
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "kebab-case")]
pub enum Actor {
    /// A patient.
    Patient {
        /// Their id.
        id: PatientId,
    },
    /// A doctor.
    Doctor {
        /// Their id.
        id: DoctorId,
        /// Their hospital.
        hospital: HospitalId,
    },
    /// A hospital admin.
    HospitalAdmin {
        /// Their id.
        id: StaffId,
        /// Their hospital.
        hospital: HospitalId,
    },
    /// MediVault itself: the clock, the checks on files, the text reader.
    System,
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        match *caller {
            Caller::Patient(id) => Self::Patient { id },
            Caller::Doctor { id, hospital, .. } => Self::Doctor { id, hospital },
            Caller::Admin { id, hospital, .. } => Self::HospitalAdmin { id, hospital },
        }
    }
}

named! {
    /// What came of an action that was allowed.
    pub enum Done {
        /// By the owner of the data.
        Owner = "owner",
        /// Under a grant in force.
        Granted = "granted",
        /// By staff, in their duty to the hospital.
        Duty = "duty",
        /// A doctor asked for access.
        Asked = "asked",
        /// The patient approved what was asked.
        Approved = "approved",
        /// The patient approved less than was asked.
        Narrowed = "narrowed",
        /// The patient approved more than was asked, explicitly.
        Widened = "widened",
        /// The patient said no.
        Rejected = "rejected",
        /// The time ran out.
        Expired = "expired",
        /// A file passed the checks.
        FileAccepted = "file-accepted",
        /// A file failed the checks and was deleted.
        FileRejected = "file-rejected",
        /// A document's text was read.
        TextRead = "text-read",
        /// A document's text could not be read.
        TextFailed = "text-failed",
        /// A hospital was added, with its first admin.
        Founded = "founded",
        /// A doctor's invitation could not be sent.
        InviteFailed = "invite-failed",
    }
}

/// What came of it: something happened, or was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "reason", rename_all = "kebab-case")]
pub enum Outcome {
    /// It happened.
    Done(Done),
    /// It was refused, and nothing was disclosed or changed.
    Refused(Denial),
}

/// What an entry may point at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Target {
    /// The record concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordId>,
    /// The grant relied on or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// The request for access concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// The doctor concerned, where that is not the actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doctor: Option<DoctorId>,
    /// The purpose of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// How many records a list disclosed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

/// One line of the trail, before it has an id and a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draft {
    /// Whose trail.
    pub ledger: Ledger,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// With which outcome.
    pub outcome: Outcome,
    /// On what.
    pub target: Target,
}

/// One line of the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its id; ids sort by time.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// With which outcome and why.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// On what.
    #[serde(flatten)]
    pub target: Target,
}

impl Entry {
    /// The entry as one plain sentence. `who` is the actor's display name, `owner` whether the
    /// reader of the sentence is the actor.
    #[must_use]
    pub fn sentence(&self, who: &str, owner: bool) -> String {
        let who = if owner { "You" } else { who };
        match self.outcome {
            Outcome::Refused(denial) => {
                format!("{who} tried to {} and was refused: {}.", self.verb(owner), denial.because())
            }
            Outcome::Done(done) => format!("{}.", self.told(who, done)),
        }
    }

    fn verb(&self, owner: bool) -> String {
        let whose = if owner { "your" } else { "a" };
        match self.action {
            Action::RecordList => "list your records".into(),
            Action::RecordGet => format!("read {whose} record"),
            Action::RecordText => format!("read the text of {whose} record"),
            Action::RecordDownload => format!("download the file of {whose} record"),
            Action::UploadCreate => "add a document".into(),
            Action::AccessRequestCreate => "ask for access".into(),
            Action::AccessRequestDecide => "decide on a request for access".into(),
            Action::GrantRevoke => "withdraw a grant".into(),
            Action::AuditList => "read the audit trail".into(),
            Action::DoctorInvite => "invite a doctor".into(),
            Action::DoctorList => "list the doctors".into(),
            Action::DoctorVerify => "verify a doctor".into(),
            Action::DoctorSuspend => "suspend a doctor".into(),
            Action::DoctorReinstate => "reinstate a doctor".into(),
            other => format!("call {}", other.name()),
        }
    }

    fn told(&self, who: &str, done: Done) -> String {
        let purpose = self.target.purpose.map(|p| format!(" for {p}")).unwrap_or_default();
        match (self.action, done) {
            (Action::RecordList, _) => {
                let n = self.target.count.unwrap_or_default();
                format!("{who} listed {n} of your records{}", under(done, &purpose))
            }
            (Action::RecordGet, _) => format!("{who} read a record{}", under(done, &purpose)),
            (Action::RecordText, _) => {
                format!("{who} read the text of a document{}", under(done, &purpose))
            }
            (Action::RecordDownload, _) => {
                format!("{who} downloaded a document{}", under(done, &purpose))
            }
            (Action::UploadCreate, _) => {
                format!("{who} started to add a document{}", under(done, &purpose))
            }
            (Action::AccessRequestCreate, _) => format!("{who} asked for access{purpose}"),
            (Action::AccessRequestDecide, Done::Narrowed) => {
                format!("{who} approved a request, giving less than was asked{purpose}")
            }
            (Action::AccessRequestDecide, Done::Widened) => {
                format!("{who} approved a request, giving more than was asked{purpose}")
            }
            (Action::AccessRequestDecide, Done::Rejected) => format!("{who} rejected a request"),
            (Action::AccessRequestDecide, _) => format!("{who} approved a request{purpose}"),
            (Action::GrantRevoke, _) => format!("{who} withdrew a grant at once"),
            (Action::GrantSweep | Action::TableStream, _) => {
                "A grant expired because its time ran out".into()
            }
            (Action::UploadIngest, Done::FileAccepted) => {
                "A file passed every check and was added to its record".into()
            }
            (Action::UploadIngest, _) => "A file failed a check and was deleted".into(),
            (Action::OcrStart | Action::OcrCollect, Done::TextRead) => {
                "The text of a document was read".into()
            }
            (Action::OcrStart | Action::OcrCollect, _) => {
                "The text of a document could not be read; the document itself is kept".into()
            }
            (_, Done::Founded) => "The hospital and its first admin were added".into(),
            (_, Done::InviteFailed) => {
                "A doctor's invitation could not be sent: the address cannot be used".into()
            }
            (action, _) => format!("{who} did this: {}", action.name().replace('_', " ")),
        }
    }
}

fn under(done: Done, purpose: &str) -> String {
    match done {
        Done::Granted => format!(" under the grant you gave{purpose}"),
        _ => String::new(),
    }
}
