//! Consent: what a patient allows a doctor, for what purpose and until when.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Date, GrantId, Timestamp,
    denial::Denial,
    named,
    record::{Class, Dates, RecordType},
};

named! {
    /// What a grant lets a doctor do.
    pub enum Ability {
        /// List, read and download records.
        Read = "read",
        /// Add records.
        Add = "add",
    }
}

named! {
    /// What the data may be used for.
    pub enum Purpose {
        /// Treating the patient.
        Treatment = "treatment",
        /// A second opinion.
        SecondOpinion = "second-opinion",
        /// An insurer's question.
        Insurance = "insurance",
        /// Research.
        Research = "research",
    }
}

named! {
    /// How far a request for access has come.
    pub enum RequestStatus {
        /// Waits for the patient.
        Pending = "pending",
        /// The patient approved, perhaps less than was asked.
        Approved = "approved",
        /// The patient said no.
        Rejected = "rejected",
        /// The doctor took it back.
        Withdrawn = "withdrawn",
        /// Nobody decided within 30 days.
        Expired = "expired",
    }
}

named! {
    /// How far a grant has come, as recorded. Whether it is in force is decided by the clock (I4).
    pub enum GrantStatus {
        /// Given and not ended by anybody.
        Active = "active",
        /// Withdrawn by the patient.
        Revoked = "revoked",
        /// Its time passed.
        Expired = "expired",
        /// A later grant for the same doctor took its place.
        Replaced = "replaced",
        /// In force, but for nothing more to be read: its reads are used up. Told, never recorded.
        UsedUp = "used-up",
    }
}

/// The shortest and longest grant, in seconds: one hour to 365 days. A test stack may allow
/// shorter ones.
#[derive(Debug, Clone, Copy)]
pub struct DurationLimits {
    /// Shortest, in seconds.
    pub shortest: u32,
    /// Longest, in seconds.
    pub longest: u32,
}

/// One hour.
pub const SHORTEST_GRANT_SECONDS: u32 = 60 * 60;
/// 365 days.
pub const LONGEST_GRANT_SECONDS: u32 = 365 * 24 * 60 * 60;
/// How long a request waits for the patient: 30 days, in seconds.
pub const REQUEST_SECONDS: u32 = 30 * 24 * 60 * 60;
/// The most reads a grant may count.
pub const MOST_READS: u32 = 10_000;

/// What is asked for or allowed: the terms of a request and of a grant. They hold no health data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// What may be done.
    pub actions: BTreeSet<Ability>,
    /// The types covered, each by name: "all" was spelled out when the terms were read.
    pub types: BTreeSet<RecordType>,
    /// The first record date covered; open when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// The last record date covered; open when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Date>,
    /// What for.
    pub purpose: Purpose,
    /// How long, in seconds from the start.
    pub duration_seconds: u32,
    /// How many disclosures at most; unlimited when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_reads: Option<u32>,
}

impl Terms {
    /// Every type that is not sensitive: what "all types" stands for.
    #[must_use]
    pub fn all_ordinary_types() -> BTreeSet<RecordType> {
        use crate::names::Named;
        RecordType::NAMES
            .iter()
            .map(|(kind, _)| *kind)
            .filter(|kind| !kind.is_sensitive())
            .collect()
    }

    /// Whether these terms allow nothing that `asked` did not ask for.
    #[must_use]
    pub fn within(&self, asked: &Self) -> bool {
        self.actions.is_subset(&asked.actions)
            && self.types.is_subset(&asked.types)
            && self.purpose == asked.purpose
            && self.duration_seconds <= asked.duration_seconds
            && asked.from.is_none_or(|first| self.from.is_some_and(|from| from >= first))
            && asked.to.is_none_or(|last| self.to.is_some_and(|to| to <= last))
            && asked.max_reads.is_none_or(|most| self.max_reads.is_some_and(|n| n <= most))
    }

    /// Whether a record of this class falls under the terms.
    pub(crate) fn covers(&self, class: Class) -> Result<(), Denial> {
        if !self.types.contains(&class.kind) {
            return Err(Denial::TypeNotGranted);
        }
        if self.dates().hold(class.date) { Ok(()) } else { Err(Denial::DateNotGranted) }
    }

    /// The record dates covered.
    #[must_use]
    pub fn dates(&self) -> Dates {
        Dates { from: self.from, to: self.to }
    }
}

/// The grant that stands between a patient and a doctor; at most one at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// What it allows.
    pub terms: Terms,
    /// In force from this moment.
    pub not_before: Timestamp,
    /// Refused from this second on (I4).
    pub expires_at: Timestamp,
    /// Disclosures made so far.
    pub reads: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Terms {
        Terms {
            actions: [Ability::Read, Ability::Add].into(),
            types: [RecordType::LabReport, RecordType::Imaging].into(),
            from: Some(Date::constant(2020, 1, 1)),
            to: None,
            purpose: Purpose::Treatment,
            duration_seconds: 7200,
            max_reads: Some(10),
        }
    }

    #[test]
    fn narrower_terms_are_within_and_wider_ones_are_not() {
        assert!(asked().within(&asked()));
        type Edit = fn(&mut Terms);
        let cases: &[(Edit, bool)] = &[
            (|t| t.duration_seconds = 3600, true),
            (|t| t.duration_seconds = 7201, false),
            (|t| t.types = [RecordType::LabReport].into(), true),
            (|t| _ = t.types.insert(RecordType::Genetics), false),
            (|t| t.actions = [Ability::Read].into(), true),
            (|t| t.actions.clear(), true),
            (|t| t.purpose = Purpose::Research, false),
            (|t| t.from = None, false),
            (|t| t.from = Some(Date::constant(2021, 1, 1)), true),
            (|t| t.from = Some(Date::constant(2019, 12, 31)), false),
            (|t| t.to = Some(Date::constant(2022, 1, 1)), true),
            (|t| t.max_reads = Some(1), true),
            (|t| t.max_reads = Some(11), false),
            (|t| t.max_reads = None, false),
        ];
        for (n, (edit, expected)) in cases.iter().enumerate() {
            let mut given = asked();
            edit(&mut given);
            assert_eq!(given.within(&asked()), *expected, "case {n}");
        }
    }

    #[test]
    fn a_grant_lasts_an_hour_to_a_year() {
        assert_eq!((SHORTEST_GRANT_SECONDS, LONGEST_GRANT_SECONDS), (3_600, 31_536_000));
    }

    #[test]
    fn all_types_leaves_out_the_sensitive_ones() {
        assert!(Terms::all_ordinary_types().iter().all(|kind| !kind.is_sensitive()));
        assert_eq!(Terms::all_ordinary_types().len(), 12);
    }
}
