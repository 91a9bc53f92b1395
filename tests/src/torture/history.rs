//! What was done during a run, by whom, and between which moments it took effect.

use std::collections::BTreeSet;

use jiff::Timestamp;

/// The types of records that are played with.
pub const KINDS: [&str; 3] = ["lab-report", "prescription", "imaging"];

/// When a call took effect, if it did: not before it was sent, and not after `by`.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub sent: Timestamp,
    pub by: Timestamp,
    /// Whether it surely took effect: it was acknowledged.
    pub acknowledged: bool,
}

impl Span {
    /// It has surely taken effect at `moment`.
    pub fn surely_by(&self, moment: Timestamp) -> bool {
        self.acknowledged && self.by <= moment
    }

    /// It took effect before the other was begun, if it ever did.
    pub fn is_before(&self, other: &Self) -> bool {
        self.by <= other.sent
    }
}

/// What is asked for or given; always for reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub kinds: BTreeSet<&'static str>,
    pub seconds: u32,
}

/// A record whose upload was acknowledged.
#[derive(Debug, Clone)]
pub struct Upload {
    pub patient: usize,
    pub id: String,
    pub kind: &'static str,
    pub title: String,
    /// Whether it is an image, for the text reader, or plain text.
    pub is_scan: bool,
    /// Whether S3 acknowledged the file.
    pub sent: bool,
}

/// A request for access that was acknowledged.
#[derive(Debug, Clone)]
pub struct Ask {
    pub doctor: usize,
    pub patient: usize,
    pub id: String,
    pub terms: Terms,
}

/// What is known to have come of a decision.
#[derive(Debug, Clone)]
pub enum Decided {
    /// A grant was given.
    Given(Given),
    Rejected,
    /// No answer tells.
    Unknown {
        approval: bool,
    },
}

/// The grant of an acknowledged approval.
#[derive(Debug, Clone)]
pub struct Given {
    pub id: String,
    pub expires_at: Timestamp,
}

/// A decision that took effect, or may have.
#[derive(Debug, Clone)]
pub struct Decision {
    pub request: String,
    pub doctor: usize,
    pub patient: usize,
    /// What an approval gives.
    pub terms: Terms,
    pub span: Span,
    pub outcome: Decided,
}

impl Decision {
    /// The grant, if its id is known.
    pub fn given(&self) -> Option<&Given> {
        match &self.outcome {
            Decided::Given(given) => Some(given),
            _ => None,
        }
    }

    /// Whether there may be a grant of it.
    pub fn may_give(&self) -> bool {
        matches!(self.outcome, Decided::Given(_) | Decided::Unknown { approval: true })
    }
}

/// A grant's withdrawal, acknowledged or not.
#[derive(Debug, Clone)]
pub struct Revoke {
    pub grant: String,
    pub span: Span,
}

/// A change of a doctor's standing that took effect, or may have.
#[derive(Debug, Clone)]
pub struct Standing {
    pub doctor: usize,
    pub active: bool,
    pub span: Span,
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    Patient,
    Doctor(usize),
}

/// An answer to somebody who asked to read.
#[derive(Debug, Clone)]
pub struct Reading {
    pub reader: Reader,
    pub patient: usize,
    /// The operation.
    pub action: &'static str,
    /// The record, where it was one.
    pub record: Option<String>,
    /// The types of the records concerned: that were shown, or that one was refused.
    pub kinds: BTreeSet<String>,
    /// Whether it was shown; refused otherwise.
    pub shown: bool,
    pub sent: Timestamp,
    pub received: Timestamp,
}

/// An entry of a trail, as far as it matters here.
#[derive(Debug, Clone)]
pub struct Entry {
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub record: Option<String>,
    pub grant: Option<String>,
    pub refused: bool,
    pub reason: String,
}

/// The newest entries of a trail, as the patient saw them in the midst of it.
#[derive(Debug, Clone)]
pub struct Glance {
    pub patient: usize,
    pub sent: Timestamp,
    /// From then on nothing can be older than what the page shows. Entries stand in the order in
    /// which their ids were made, which is not quite that of their decisions.
    pub since: Timestamp,
    /// Newest first.
    pub entries: Vec<Entry>,
}

/// A line of the journal: one call and its answer, for people.
#[derive(Debug, Clone)]
pub struct Line {
    pub sent: Timestamp,
    pub received: Timestamp,
    /// Whose vault it is about; `None` for a change of a doctor's standing.
    pub patient: Option<usize>,
    pub what: String,
    /// The answer's status; `None` when there was none.
    pub status: Option<u16>,
}

/// All that was done.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The ids of the patients and the doctors, by their numbers.
    pub patients: Vec<String>,
    pub doctors: Vec<String>,
    pub uploads: Vec<Upload>,
    pub asks: Vec<Ask>,
    pub decisions: Vec<Decision>,
    pub revokes: Vec<Revoke>,
    pub standings: Vec<Standing>,
    pub readings: Vec<Reading>,
    pub glances: Vec<Glance>,
    /// Acknowledged answers that a repetition with the same key did not give again, and the like.
    pub broken: Vec<Finding>,
    /// Answers that nobody was promised.
    pub surprises: Vec<String>,
    pub journal: Vec<Line>,
}

impl History {
    /// When each decision, revocation and change of a standing took effect.
    pub fn spans(&self) -> impl Iterator<Item = Span> {
        let decisions = self.decisions.iter().map(|decision| decision.span);
        let revokes = self.revokes.iter().map(|revoke| revoke.span);
        decisions.chain(revokes).chain(self.standings.iter().map(|standing| standing.span))
    }

    /// Whether a record's file had passed its checks before now: somebody was shown what only an
    /// admitted file shows. It stays so.
    pub fn surely_admitted(&self, id: &str) -> bool {
        let shows = |r: &Reading| r.reader != Reader::Patient || r.action == "record_download";
        self.readings.iter().any(|r| r.shown && r.record.as_deref() == Some(id) && shows(r))
    }

    /// What the journal tells of the vault of a finding, and of all doctors' standings, up to it.
    pub fn told(&self, finding: &Finding) -> Vec<&Line> {
        let about = |line: &&Line| {
            line.patient.is_none_or(|patient| patient == finding.patient)
                && line.sent <= finding.until
        };
        let mut lines: Vec<_> = self.journal.iter().filter(about).collect();
        lines.sort_by_key(|line| line.sent);
        lines.split_off(lines.len().saturating_sub(60))
    }
}

/// Something that must not be.
#[derive(Debug, Clone)]
pub struct Finding {
    pub what: String,
    pub patient: usize,
    /// Up to when the journal tells of it.
    pub until: Timestamp,
}

/// What is there at the end.
#[derive(Debug, Default)]
pub struct End {
    /// Of each patient.
    pub vaults: Vec<Vault>,
    /// Whether each doctor is active.
    pub active: Vec<bool>,
}

/// A vault at the end.
#[derive(Debug, Default, Clone)]
pub struct Vault {
    pub records: Vec<EndRecord>,
    pub requests: Vec<EndRequest>,
    pub grants: Vec<EndGrant>,
    /// The whole trail.
    pub trail: Vec<Entry>,
}

/// A record at the end.
#[derive(Debug, Clone)]
pub struct EndRecord {
    pub id: String,
    pub kind: String,
    pub title: String,
    /// Its file was admitted and its text read.
    pub read: bool,
}

/// A request at the end.
#[derive(Debug, Clone)]
pub struct EndRequest {
    pub id: String,
    pub status: String,
    pub grant: Option<String>,
}

/// A grant at the end.
#[derive(Debug, Clone)]
pub struct EndGrant {
    pub id: String,
    pub doctor: usize,
    pub status: String,
    pub kinds: BTreeSet<String>,
    pub expires_at: Timestamp,
}
