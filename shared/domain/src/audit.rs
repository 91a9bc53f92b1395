//! The audit trail: what is kept of every disclosure, change and refusal (I2), and the one plain
//! sentence that tells the patient. Entries hold ids and codes only, never health data (I6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
    /// Somebody who did not prove who they are: a sign-in that failed.
    Somebody,
    /// MediVault itself: the clock, the checks on files, the text reader.
    System,
}

impl Actor {
    /// Their id, where it is known.
    #[must_use]
    pub fn id(&self) -> Option<Uuid> {
        match self {
            Self::Patient { id } => Some(id.0),
            Self::Doctor { id, .. } => Some(id.0),
            Self::HospitalAdmin { id, .. } => Some(id.0),
            Self::Somebody | Self::System => None,
        }
    }
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
        /// A later grant took the place of one that was in force.
        Replaced = "replaced",
        /// The time ran out.
        Expired = "expired",
        /// A file passed the checks.
        FileAccepted = "file-accepted",
        /// A file failed the checks and was deleted.
        FileRejected = "file-rejected",
        /// A file was deleted because whoever sent it may no longer add records.
        FileUnwanted = "file-unwanted",
        /// A record whose file never came was removed.
        FileNeverCame = "file-never-came",
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
    /// The refusal of somebody who has no business in a patient's vault, or proved nothing, as one of
    /// many that are alike: without what it pointed at. None where it is anything else.
    #[must_use]
    pub fn by_a_stranger(&self) -> Option<Self> {
        let Outcome::Refused(denial) = self.outcome else { return None };
        let is_theirs = match self.ledger {
            Ledger::Patient(of) => self.actor.id() == Some(of.0),
            Ledger::Hospital(_) => self.actor != Actor::Somebody,
        };
        let stranger = denial.is_a_strangers() && !is_theirs;
        stranger.then_some(Self { target: Target::default(), ..*self })
    }

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
    /// When; where it counts several, when the first of them was.
    pub at: Timestamp,
    /// Where it counts several, when the last of them was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
    /// How often it happened.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u32,
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

fn once() -> u32 {
    1
}

fn is_once(times: &u32) -> bool {
    *times == 1
}

/// What a sentence tells beyond its entry, which holds ids alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Voice<'a> {
    /// Who did it, by name or by what they are.
    pub who: &'a str,
    /// Whether the reader of the sentence did it.
    pub owner: bool,
    /// The doctor concerned, where that is not who did it.
    pub doctor: Option<&'a str>,
    /// The title of the record concerned.
    pub title: Option<&'a str>,
    /// How often it happened.
    pub times: u32,
}

impl Entry {
    /// The entry as one plain sentence.
    #[must_use]
    pub fn sentence(&self, voice: Voice<'_>) -> String {
        let (who, were) = if voice.owner { ("You", "were") } else { (voice.who, "was") };
        let times =
            if voice.times > 1 { format!(", {} times", voice.times) } else { String::new() };
        match self.outcome {
            Outcome::Refused(denial) => {
                let (to_do, about) = (self.action.to_do(), about(voice.title));
                let because = denial.because(voice.owner);
                format!("{who} tried to {to_do}{about}{times} and {were} refused: {because}.")
            }
            Outcome::Done(done) => format!("{}{times}.", self.told(who, &voice, done)),
        }
    }

    /// What happened, where the action's own words do not say it all.
    fn told(&self, who: &str, voice: &Voice<'_>, done: Done) -> String {
        let did = self.action.did();
        let about = about(voice.title);
        let doctor = voice.doctor.unwrap_or("a doctor");
        let purpose = self.target.purpose.map(spoken).unwrap_or_default();
        match done {
            Done::Owner if self.action == Action::GrantRevoke => {
                format!("{who} withdrew the access of {doctor}, which ended at once")
            }
            Done::Owner | Done::Duty => format!("{who} {did}{about}{}", self.counted()),
            Done::Granted => {
                format!("{who} {did}{about}{} under the grant you gave{purpose}", self.counted())
            }
            Done::Asked => format!("{who} asked for access{purpose}"),
            Done::Approved => format!("{who} gave {doctor} access{purpose}, as requested"),
            Done::Narrowed => format!("{who} gave {doctor} less access{purpose} than requested"),
            Done::Widened => format!("{who} gave {doctor} more access{purpose} than requested"),
            Done::Rejected => format!("{who} rejected a request for access{purpose} by {doctor}"),
            Done::Replaced => {
                format!("The grant that {doctor} held before ended: the new one took its place")
            }
            Done::Expired => format!("The access of {doctor} ended because its time ran out"),
            Done::FileAccepted => {
                format!("A file passed every check and was added to its record{about}")
            }
            Done::FileRejected => format!("A file{about} failed a check and was deleted"),
            Done::FileUnwanted => {
                format!("A file{about} was deleted: who sent it may no longer add records")
            }
            Done::FileNeverCame => {
                format!("A document{about} was removed because its file never came")
            }
            Done::TextRead => format!("{who} extracted the text of a document{about}"),
            Done::TextFailed => format!(
                "{who} could not extract the text of a document{about}, which is kept as it is"
            ),
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

/// A record by its title.
fn about(title: Option<&str>) -> String {
    title.map(|title| format!(" (\u{201c}{title}\u{201d})")).unwrap_or_default()
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
