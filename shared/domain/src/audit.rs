//! The audit trail: what is kept of every disclosure, change and refusal (I2), and the one plain
//! sentence that tells the patient. Entries hold ids and codes only, never health data (I6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AuditId, Caller, DoctorId, GrantId, HospitalId, PatientId, RecordId, RequestId, StaffId,
    Timestamp, action::Action, consent::Purpose, denial::Denial, named,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
        /// A patient's vault was opened.
        Opened = "opened",
        /// A patient's vault was bound to another account.
        Bound = "bound",
        /// A hospital was added, with its first admin.
        Founded = "founded",
        /// A doctor's invitation could not be sent.
        InviteFailed = "invite-failed",
    }
}

/// What came of it: something happened, or was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl Draft {
    /// The same line with another outcome.
    #[must_use]
    pub fn done(self, done: Done) -> Self {
        Self { outcome: Outcome::Done(done), ..self }
    }

    /// The same line, pointing at what `edit` makes of its target.
    #[must_use]
    pub fn pointing(self, edit: impl FnOnce(Target) -> Target) -> Self {
        Self { target: edit(self.target), ..self }
    }
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
        let (who, were) = if owner { ("You", "were") } else { (who, "was") };
        match self.outcome {
            Outcome::Refused(denial) => {
                let to_do = self.action.to_do();
                format!("{who} tried to {to_do} and {were} refused: {}.", denial.because(owner))
            }
            Outcome::Done(done) => format!("{}.", self.told(who, done)),
        }
    }

    /// What happened, where the action's own words do not say it all.
    fn told(&self, who: &str, done: Done) -> String {
        let did = self.action.did();
        let purpose = self.target.purpose.map(spoken).unwrap_or_default();
        match done {
            Done::Owner | Done::Duty => format!("{who} {did}{}", self.counted()),
            Done::Granted => {
                format!("{who} {did}{} under the grant you gave{purpose}", self.counted())
            }
            Done::Asked => format!("{who} asked for access{purpose}"),
            Done::Approved => format!("{who} gave access{purpose}, as requested"),
            Done::Narrowed => format!("{who} gave less access{purpose} than requested"),
            Done::Widened => format!("{who} gave more access{purpose} than requested"),
            Done::Rejected => format!("{who} rejected a request for access{purpose}"),
            Done::Expired => "A grant ended because its time ran out".into(),
            Done::FileAccepted => "A file passed every check and was added to its record".into(),
            Done::FileRejected => "A file failed a check and was deleted".into(),
            Done::TextRead => format!("{who} extracted the text of a document"),
            Done::TextFailed => {
                format!("{who} could not extract the text of a document, which is kept as it is")
            }
            Done::Opened => "Your vault was opened".into(),
            Done::Bound => {
                "Your vault was bound to a new sign-in after you proved who you are".into()
            }
            Done::Founded => "The hospital and its first admin were added".into(),
            Done::InviteFailed => {
                "A doctor's invitation could not be sent: the address cannot be used".into()
            }
        }
    }

    /// How many records a list showed.
    fn counted(&self) -> String {
        match self.target.count {
            None => String::new(),
            Some(0) => " and found none".into(),
            Some(n) => format!(" and found {n}"),
        }
    }
}

/// A purpose as part of a sentence.
fn spoken(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Treatment => " for treatment",
        Purpose::SecondOpinion => " for a second opinion",
        Purpose::Insurance => " for insurance",
        Purpose::Research => " for research",
    }
}
