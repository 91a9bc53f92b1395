//! The people, grants and records that the policy's tests are about, and golden files.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::{fmt::Write as _, fs, path::Path};

use domain::{
    Caller, Date, DoctorId, GrantId, HospitalId, PatientId, StaffId, Timestamp,
    consent::{Ability, Grant, Purpose, Terms},
    names::Named,
    policy::{Aim, VaultState},
    record::{Class, RecordType},
    staff::Standing,
};
use uuid::Uuid;

const fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

pub(crate) const ALICE: PatientId = PatientId(id(1));
pub(crate) const BOB: PatientId = PatientId(id(2));
pub(crate) const HARBOUR: HospitalId = HospitalId(id(3));
pub(crate) const HILL: HospitalId = HospitalId(id(4));
pub(crate) const GREY: DoctorId = DoctorId(id(5));
pub(crate) const ADMIN: StaffId = StaffId(id(6));
pub(crate) const GRANT: GrantId = GrantId(id(7));

/// When the grant begins and ends, in epoch seconds.
pub(crate) const BEGINS: i64 = 1_800_000_000;
pub(crate) const ENDS: i64 = BEGINS + 3600;

/// The dates the grant covers.
pub(crate) const FROM: Date = Date::constant(2020, 2, 29);
pub(crate) const TO: Date = Date::constant(2020, 12, 31);

pub(crate) fn doctor(mfa: bool) -> Caller {
    Caller::Doctor { id: GREY, hospital: HARBOUR, mfa }
}

pub(crate) fn admin(mfa: bool) -> Caller {
    Caller::Admin { id: ADMIN, hospital: HARBOUR, mfa }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Half an hour into the grant.
pub(crate) fn midway() -> Timestamp {
    at(BEGINS + 1800)
}

pub(crate) fn class(kind: RecordType, date: Date) -> Class {
    Class { kind, date }
}

/// A grant to read and add lab reports and prescriptions of 2020, for treatment.
pub(crate) fn grant() -> Grant {
    Grant {
        id: GRANT,
        terms: Terms {
            actions: [Ability::Read, Ability::Add].into(),
            types: [RecordType::LabReport, RecordType::Prescription].into(),
            from: Some(FROM),
            to: Some(TO),
            purpose: Purpose::Treatment,
            duration_seconds: 3600,
            max_reads: Some(3),
        },
        not_before: at(BEGINS),
        expires_at: at(ENDS),
        reads: 0,
    }
}

/// Every kind of caller, with every standing that staff can have.
pub(crate) fn callers() -> Vec<(Caller, Option<Standing>)> {
    let mut callers = vec![(Caller::Patient(ALICE), None), (Caller::Patient(BOB), None)];
    for standing in all().map(Some).chain([None]) {
        for mfa in [true, false] {
            callers.extend([(doctor(mfa), standing), (admin(mfa), standing)]);
        }
    }
    callers
}

/// Alice's vault in every state that there is.
pub(crate) fn vaults() -> [Aim; 3] {
    [None, Some(VaultState::Active), Some(VaultState::BeingErased)]
        .map(|state| Aim::Vault { patient: ALICE, state })
}

/// Every value of an enumeration.
pub(crate) fn all<T: Named>() -> impl Iterator<Item = T> + Clone {
    T::NAMES.iter().map(|(value, _)| *value)
}

/// Holds `text` against the file `tests/<name>` and gives what the file says. With `UPDATE=1` the
/// file is written anew.
pub(crate) fn golden(name: &str, text: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let changes = diff(&kept, text);
    assert!(changes.is_empty(), "{name} changed; if it is meant, say UPDATE=1\n{changes}");
    kept
}

/// The lines that differ, each below the last line that reads like a heading.
fn diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    // The longest common run of lines from each pair of places on.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = match old[i] == new[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut heading, mut said) = (0, 0, "", "");
    let mut out = String::new();
    while i < old.len() || j < new.len() {
        let same = i < old.len() && j < new.len() && old[i] == new[j];
        if same {
            if !new[j].starts_with(' ') && !new[j].is_empty() {
                heading = new[j];
            }
            (i, j) = (i + 1, j + 1);
            continue;
        }
        if said != heading {
            writeln!(out, "  {heading}").unwrap();
            said = heading;
        }
        if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            writeln!(out, "- {}", old[i]).unwrap();
            i += 1;
        } else {
            writeln!(out, "+ {}", new[j]).unwrap();
            j += 1;
        }
    }
    out
}
