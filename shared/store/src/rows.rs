//! What the table's items hold. Each row has a clear part (ids, states and times, which the rules
//! need) and most have a sealed part (everything personal or medical, I6).

use domain::{
    Date, DoctorId, GrantId, HospitalId, PatientId, RecordId, RequestId, Timestamp,
    audit::Actor,
    consent::{Grant, GrantStatus, RequestStatus, Terms},
    named,
    policy::VaultState,
    record::{Class, MediaType, RecordStatus, RecordType, Rejection, TextProblem, TextStatus},
    search,
    staff::Standing,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    error::Fault,
    keys,
    table::{Attributes, NothingClear, Sealed, sealed_item},
    vault::DataKey,
};

named! {
    /// Whether an owner's vault is in use.
    pub enum VaultStatus {
        /// In use.
        Active = "active",
        /// Being erased.
        BeingErased = "being-erased",
    }
}

impl From<VaultStatus> for VaultState {
    fn from(status: VaultStatus) -> Self {
        match status {
            VaultStatus::Active => Self::Active,
            VaultStatus::BeingErased => Self::BeingErased,
        }
    }
}

/// A patient's or a hospital's vault; its wrapped data key stands beside it in `wrapped`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Vault {
    /// Whether it is in use.
    pub status: VaultStatus,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Sealed for Vault {
    type Content = Profile;
}

/// Sealed beside [`Vault`]: who the owner is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Profile {
    /// Display name.
    pub name: String,
    /// Email address; none for a hospital.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// A record: the clear part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// How far it has come.
    pub status: RecordStatus,
    /// Counts from 1; a version never changes (I3).
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
    /// Who added it.
    pub author: Actor,
    /// The number of the register's chunk that holds its entry.
    pub chunk: u32,
    /// How far reading its text has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_status: Option<TextStatus>,
    /// Why its text could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_problem: Option<TextProblem>,
    /// Which attempt at reading its text counts, from 0: what is told of an earlier one is stale.
    #[serde(default)]
    pub attempt: u32,
    /// How many pages of text it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    /// How many parts the words of its text have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<u32>,
    /// When the form for its file ends, as long as that is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited_until: Option<Timestamp>,
    /// In which encoding its text file is, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    /// Why its file was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Rejection>,
}

impl Record {
    /// A record's first version, of whose text nothing is known yet. Which chunk holds its entry is
    /// decided when it is added.
    #[must_use]
    pub fn new(status: RecordStatus, author: Actor, now: Timestamp) -> Self {
        Self {
            status,
            version: 1,
            created_at: now,
            updated_at: now,
            author,
            chunk: 0,
            text_status: None,
            text_problem: None,
            attempt: 0,
            pages: None,
            words: None,
            awaited_until: None,
            charset: None,
            rejection: None,
        }
    }
}

/// A record: the sealed part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordContent {
    /// What it is about.
    pub kind: RecordType,
    /// The day it speaks of.
    pub date: Date,
    /// Its title.
    pub title: String,
    /// Notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileContent>,
}

impl RecordContent {
    /// What consent needs to know of it.
    #[must_use]
    pub fn class(&self) -> Class {
        Class { kind: self.kind, date: self.date }
    }
}

impl Sealed for Record {
    type Content = RecordContent;
}

/// A chunk of a register: the clear part. Its entries are sealed beside it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Chunk {
    /// Which: closed chunks count from 1, and the open one has the next number.
    pub number: u32,
    /// How often it was written.
    pub revision: u32,
}

/// A file as it was declared.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FileContent {
    /// The name it had with its owner.
    pub name: String,
    /// Its format.
    pub media_type: MediaType,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, in lower-case hex.
    pub sha256: String,
}

/// One page of a document's text: the clear part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TextPage {
    /// The page, from 1.
    pub page: u32,
}

/// One page of a document's text: the sealed part.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PageContent {
    /// Its lines, from top to bottom.
    pub lines: Vec<Line>,
    /// Where they come from; what was read before this was kept is from the reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<TextSource>,
}

named! {
    /// Where the text of a page comes from.
    pub enum TextSource {
        /// The document's own text, as its author wrote it.
        TextLayer = "text-layer",
        /// Read from its picture (OCR): to be compared with it.
        Ocr = "ocr",
        /// A file of plain text.
        File = "file",
    }
}

/// The items of a text, one after the other: its pages, and the parts of its words.
pub fn text_items<'a>(
    of: PatientId,
    id: RecordId,
    (pages, words): (&'a [PageContent], &'a [WordsContent]),
    key: &'a DataKey,
) -> impl Iterator<Item = Result<Attributes, Fault>> {
    let pages = (1..).zip(pages).map(move |(page, content)| {
        sealed_item(&keys::text_page(of, id, page), key, &TextPage { page }, content)
    });
    let words = (1..).zip(words).map(move |(part, content)| {
        sealed_item(&keys::words(of, id, part), key, &NothingClear {}, content)
    });
    pages.chain(words)
}

/// A part of the words of a document's text, which a search looks through: the sealed part; it has
/// no other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WordsContent {
    /// The words: folded ([`search::fold`]), each once, divided by spaces.
    pub words: String,
}

impl WordsContent {
    /// How long a part is at most, in bytes: written as JSON, it may take twice that.
    const LONGEST: usize = 180_000;
    /// How many parts are kept: a search must end, whatever it looks through.
    const MOST: usize = 5;

    /// The words of a text, in as few parts as hold them. Of more than 900 KB of different words,
    /// which are no text that anybody wrote, those last in order are left out.
    #[must_use]
    pub fn of<'p>(pages: impl IntoIterator<Item = &'p PageContent>) -> Vec<Self> {
        let lines = pages.into_iter().flat_map(|page| &page.lines);
        let words = search::words_of_lines(lines.map(|line| line.text.as_str()));
        let mut parts: Vec<Self> = Vec::new();
        for word in words {
            match parts.last_mut() {
                Some(Self { words }) if words.len() + word.len() < Self::LONGEST => {
                    words.push(' ');
                    words.push_str(&word);
                }
                _ => parts.push(Self { words: word }),
            }
        }
        parts.truncate(Self::MOST);
        parts
    }
}

/// A line of text as it was read.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// The text.
    pub text: String,
    /// How sure the reader is, in percent.
    pub confidence: f32,
    /// Where it stands on the page; none for plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
    /// Its words that hold digits or units and that the reader is not sure of, under 90 %: nobody should
    /// rely on them without a look at the document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsure: Vec<UnsureWord>,
}

/// A word with digits or a unit that may have been misread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnsureWord {
    /// The word, as it stands in the line.
    pub text: String,
    /// How sure the reader is of it, in percent.
    pub confidence: f32,
}

/// A box on a page, as fractions of the page's width and height from the top left.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub struct Bounds {
    /// Left edge.
    pub left: f32,
    /// Top edge.
    pub top: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// A request for access: the clear part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// Whose vault.
    pub patient: PatientId,
    /// Who asks.
    pub doctor: DoctorId,
    /// Their hospital.
    pub hospital: HospitalId,
    /// What is asked for.
    pub terms: Terms,
    /// How far it has come.
    pub status: RequestStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends undecided.
    pub ends_at: Timestamp,
    /// When it was decided or withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// The grant it led to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
}

impl Request {
    /// How far it has come at `now`: one that waits ends by the clock.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> RequestStatus {
        match self.status {
            RequestStatus::Pending if self.ends_at <= now => RequestStatus::Expired,
            status => status,
        }
    }
}

/// The request of a doctor that a patient has not decided yet: at most one.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct OpenRequest {
    /// Which.
    pub id: RequestId,
    /// When it ends undecided.
    pub ends_at: Timestamp,
    /// The same second for the table's TTL.
    pub expires_at: i64,
}

/// Whose vault a request or a grant belongs to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Belonging {
    /// Whose.
    pub patient: PatientId,
}

impl Sealed for Request {
    type Content = RequestContent;
}

/// A request for access: the sealed part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RequestContent {
    /// Who asks and where they work.
    pub who: Names,
    /// What the doctor writes to the patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A doctor and their hospital, by name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Names {
    /// The doctor's name.
    pub doctor: String,
    /// The hospital's name.
    pub hospital: String,
}

/// A grant, live or past: the clear part. [`Names`] are sealed beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GrantRow {
    /// Its id.
    pub id: GrantId,
    /// Whose vault.
    pub patient: PatientId,
    /// To whom.
    pub doctor: DoctorId,
    /// Their hospital.
    pub hospital: HospitalId,
    /// What it allows.
    pub terms: Terms,
    /// In force from then.
    pub not_before: Timestamp,
    /// Refused from that second on.
    pub ends_at: Timestamp,
    /// How far it has come, as recorded.
    pub status: GrantStatus,
    /// When it was given.
    pub created_at: Timestamp,
    /// When it was ended, by whatever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl GrantRow {
    /// How far it has come at `now` (I4), after so many reads, as far as they are known.
    #[must_use]
    pub fn status_at(&self, now: Timestamp, reads: Option<u32>) -> GrantStatus {
        match self.status {
            GrantStatus::Active if self.ends_at <= now => GrantStatus::Expired,
            GrantStatus::Active if self.reads_left(reads) == Some(0) => GrantStatus::UsedUp,
            status => status,
        }
    }

    /// How many disclosures are left of a maximum.
    #[must_use]
    pub fn reads_left(&self, reads: Option<u32>) -> Option<u32> {
        Some(self.terms.max_reads?.saturating_sub(reads?))
    }
}

impl Sealed for GrantRow {
    type Content = Names;
}

/// The live grant between a patient and a doctor: what a decision rests on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LiveGrant {
    /// The grant.
    pub id: GrantId,
    /// Whose vault.
    pub patient: PatientId,
    /// To whom.
    pub doctor: DoctorId,
    /// What it allows.
    pub terms: Terms,
    /// In force from then.
    pub not_before: Timestamp,
    /// Refused from that second on.
    pub ends_at: Timestamp,
    /// Disclosures made under it.
    pub reads: u32,
    /// The same second for the table's TTL.
    pub expires_at: i64,
}

impl From<LiveGrant> for Grant {
    fn from(live: LiveGrant) -> Self {
        Self {
            id: live.id,
            terms: live.terms,
            not_before: live.not_before,
            expires_at: live.ends_at,
            reads: live.reads,
        }
    }
}

/// A doctor or admin: the clear part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Staff {
    /// Where they stand.
    pub standing: Standing,
    /// When they were invited.
    pub created_at: Timestamp,
    /// When their standing last changed.
    pub changed_at: Timestamp,
    /// When their invitation was sent; until then sending it is still to be done (I11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
}

/// A proof that somebody holds a second factor. Until it is taken, the factor is still to be taken
/// into use (I11).
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Proof {
    /// When it was given.
    pub proven_at: Timestamp,
    /// When all was done that it is good for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
    /// When it is good for nothing any more, for the table's TTL.
    pub expires_at: i64,
}

impl Proof {
    /// As long as the table's stream tells of it: 24 hours, in seconds.
    const SECONDS: i64 = 24 * 60 * 60;

    /// A proof given at `now`.
    #[must_use]
    pub fn given(now: Timestamp) -> Self {
        Self { proven_at: now, taken_at: None, expires_at: now.as_second() + Self::SECONDS }
    }

    /// Whether it is good for something at `now`.
    #[must_use]
    pub fn stands(&self, now: Timestamp) -> bool {
        self.taken_at.is_none() && now.as_second() < self.expires_at
    }
}

impl Sealed for Staff {
    type Content = StaffContent;
}

/// A doctor or admin: the sealed part, under the hospital's key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StaffContent {
    /// Display name.
    pub name: String,
    /// Email address.
    pub email: String,
    /// Licence to practise, as the hospital writes it; none for an admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// What they practise; none for an admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specialty: Option<String>,
}

/// A kept answer: the clear part. The body is sealed beside it, where there is one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Saved {
    /// SHA-256 of what was asked, in hex.
    pub fingerprint: String,
    /// The answer's HTTP status.
    pub status: u16,
    /// When it may be forgotten, for the table's TTL.
    pub expires_at: i64,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn page(text: &str) -> PageContent {
        let line =
            |text: &str| Line { text: text.into(), confidence: 99.0, bounds: None, unsure: vec![] };
        PageContent { lines: text.lines().map(line).collect(), source: None }
    }

    #[test]
    fn the_words_of_a_text_stand_once_and_folded() {
        let pages =
            [page("Ferritin is LOW,\nferritin\tIS low"), page(""), page("\u{a0}Ärztin low-")];
        let [WordsContent { words }] = &WordsContent::of(&pages)[..] else { panic!("one part") };
        assert_eq!(words, "arztin ferritin is low");
        assert!(WordsContent::of(&[page(" \n")]).is_empty());
    }

    #[test]
    fn many_words_take_several_parts_and_none_is_lost() {
        let words: BTreeSet<_> = (0..60_000).map(|n| format!("word{n}")).collect();
        let all = words.iter().cloned().collect::<Vec<_>>().join("\n");
        let parts = WordsContent::of(&[page(&all)]);
        assert!(parts.len() > 1);
        assert!(parts.iter().all(|part| serde_json::to_vec(part).unwrap().len() < 380_000));
        let found = parts.iter().flat_map(|part| part.words.split(' ')).map(str::to_owned);
        assert_eq!(found.collect::<BTreeSet<_>>(), words);
        let endless: Vec<_> = (0..200_000).map(|n| format!("{n}")).collect();
        assert_eq!(WordsContent::of(&[page(&endless.join("\n"))]).len(), WordsContent::MOST);
    }
}
