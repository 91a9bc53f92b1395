//! The whole policy as one table: every action in every circumstance that tells two answers
//! apart. It is reviewed as text, in `matrix.txt`; `UPDATE=1` writes it anew.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod cast;

use std::fmt::Write as _;

use cast::*;
use domain::{
    Caller, Timestamp,
    consent::{Ability, Grant, Purpose},
    policy::{Action, Aim, Disguise, Facts, Ground, Record, VaultState, decide},
    record::RecordType,
    staff::Standing,
};

/// One row: who calls, and what the table says.
struct Circumstance {
    name: String,
    caller: Caller,
    aim: Aim,
    standing: Option<Standing>,
    grant: Option<Grant>,
    record: Record,
    purpose: Option<Purpose>,
    now: Timestamp,
}

/// An edit of a circumstance.
type Edit = fn(&mut Circumstance);

const VAULT: Aim = Aim::Vault { patient: ALICE, state: Some(VaultState::Active) };
const ERASED: Aim = Aim::Vault { patient: ALICE, state: Some(VaultState::BeingErased) };
const NOBODYS: Aim = Aim::Vault { patient: ALICE, state: None };

/// Who holds the grant in their rows.
const HOLDER: &str = "doctor with a grant";

fn held(row: &mut Circumstance) -> &mut Grant {
    row.grant.as_mut().unwrap()
}

fn lab() -> Record {
    Record::One(class(RecordType::LabReport, FROM))
}

fn circumstance(name: String, caller: Caller, aim: Aim) -> Circumstance {
    let standing = caller.hospital().map(|_| Standing::Active);
    Circumstance {
        name,
        caller,
        aim,
        standing,
        grant: None,
        record: lab(),
        purpose: None,
        now: midway(),
    }
}

fn circumstances() -> Vec<Circumstance> {
    let mut rows = Vec::new();
    let mut rows_of = |who: &str, caller: Caller, aim: Aim, edits: &[(&str, Edit)]| {
        for (name, edit) in edits {
            let mut row = circumstance(format!("{who}, {name}"), caller, aim);
            row.grant = (who == HOLDER).then(grant);
            edit(&mut row);
            rows.push(row);
        }
    };
    rows_of("patient", Caller::Patient(ALICE), VAULT, PATIENT);
    rows_of("another patient", Caller::Patient(BOB), VAULT, ANOTHER_PATIENT);
    rows_of("doctor", doctor(true), VAULT, DOCTOR);
    rows_of(HOLDER, doctor(true), VAULT, GRANTED);
    rows_of("admin", admin(true), Aim::Hospital(HARBOUR), ADMIN_ROWS);
    rows
}

const PATIENT: &[(&str, Edit)] = &[
    ("own account", |c| c.aim = Aim::Own),
    ("own vault", |_| {}),
    ("own vault, a list", |c| c.record = Record::Any),
    ("own vault, no such record", |c| c.record = Record::Missing),
    ("own vault, being erased", |c| c.aim = ERASED),
    ("own vault, not there", |c| c.aim = NOBODYS),
    ("a hospital", |c| c.aim = Aim::Hospital(HARBOUR)),
];

const ANOTHER_PATIENT: &[(&str, Edit)] = &[
    ("a vault", |_| {}),
    ("a vault being erased", |c| c.aim = ERASED),
    ("a vault that is not there", |c| c.aim = NOBODYS),
];

const DOCTOR: &[(&str, Edit)] = &[
    ("own account", |c| c.aim = Aim::Own),
    ("own account, no second factor", |c| (c.aim, c.caller) = (Aim::Own, doctor(false))),
    ("own account, suspended", |c| {
        (c.aim, c.standing) = (Aim::Own, Some(Standing::Suspended));
    }),
    ("own hospital", |c| c.aim = Aim::Hospital(HARBOUR)),
    ("a vault, no grant", |_| {}),
    ("a vault that is not there", |c| c.aim = NOBODYS),
];

const GRANTED: &[(&str, Edit)] = &[
    ("a record it covers", |_| {}),
    ("a list", |c| c.record = Record::Any),
    ("no such record", |c| c.record = Record::Missing),
    ("no second factor", |c| c.caller = doctor(false)),
    ("unknown to the hospital", |c| c.standing = None),
    ("invited", |c| c.standing = Some(Standing::Invited)),
    ("invite failed", |c| c.standing = Some(Standing::InviteFailed)),
    ("suspended", |c| c.standing = Some(Standing::Suspended)),
    ("being erased", |c| c.aim = ERASED),
    ("the second before it begins", |c| c.now = at(BEGINS - 1)),
    ("its first second", |c| c.now = at(BEGINS)),
    ("its last second", |c| c.now = at(ENDS - 1)),
    ("the second it ends", |c| c.now = at(ENDS)),
    ("to read only", |c| held(c).terms.actions = [Ability::Read].into()),
    ("to add only", |c| held(c).terms.actions = [Ability::Add].into()),
    ("another type", |c| c.record = Record::One(class(RecordType::Imaging, FROM))),
    ("a sensitive type, not named", |c| c.record = Record::One(class(RecordType::Genetics, FROM))),
    ("a sensitive type, named", |c| {
        _ = held(c).terms.types.insert(RecordType::Genetics);
        c.record = Record::One(class(RecordType::Genetics, FROM));
    }),
    ("the day before its dates", |c| {
        c.record = Record::One(class(RecordType::LabReport, FROM.yesterday().unwrap()))
    }),
    ("the last of its dates", |c| c.record = Record::One(class(RecordType::LabReport, TO))),
    ("the day after its dates", |c| {
        c.record = Record::One(class(RecordType::LabReport, TO.tomorrow().unwrap()))
    }),
    ("its purpose", |c| c.purpose = Some(Purpose::Treatment)),
    ("another purpose", |c| c.purpose = Some(Purpose::Research)),
    ("its last read", |c| held(c).reads = 2),
    ("reads used up", |c| held(c).reads = 3),
];

const ADMIN_ROWS: &[(&str, Edit)] = &[
    ("own account", |c| c.aim = Aim::Own),
    ("own account, no second factor", |c| (c.aim, c.caller) = (Aim::Own, admin(false))),
    ("own account, suspended", |c| {
        (c.aim, c.standing) = (Aim::Own, Some(Standing::Suspended));
    }),
    ("own hospital", |_| {}),
    ("own hospital, no second factor", |c| c.caller = admin(false)),
    ("own hospital, unknown to it", |c| c.standing = None),
    ("own hospital, suspended", |c| c.standing = Some(Standing::Suspended)),
    ("another hospital", |c| c.aim = Aim::Hospital(HILL)),
    ("another hospital, suspended", |c| {
        (c.aim, c.standing) = (Aim::Hospital(HILL), Some(Standing::Suspended));
    }),
    ("a vault", |c| c.aim = VAULT),
    ("a vault that is not there", |c| c.aim = NOBODYS),
];

fn answer(action: Action, row: &Circumstance) -> String {
    let facts = Facts {
        aim: row.aim,
        standing: row.standing,
        grant: row.grant.as_ref(),
        record: row.record,
        purpose: row.purpose,
    };
    match decide(action, &row.caller, &facts, row.now) {
        Ok(Ground::Self_) => "Allow(self)".into(),
        Ok(Ground::Owner) => "Allow(owner)".into(),
        Ok(Ground::Duty) => "Allow(duty)".into(),
        Ok(Ground::Grant { max_reads: None, .. }) => "Allow(grant)".into(),
        Ok(Ground::Grant { max_reads: Some(_), .. }) => "Allow(grant, counted)".into(),
        Err(denial) => {
            let status = match denial.disguise() {
                Disguise::Absent => 404,
                Disguise::Forbidden => 403,
            };
            format!("Deny({denial}) {status}")
        }
    }
}

/// The table. Actions that answer alike in every row share one, under all of their names.
fn table() -> String {
    let rows = circumstances();
    let mut groups: Vec<(Vec<Action>, Vec<String>)> = Vec::new();
    for action in all::<Action>() {
        let answers: Vec<_> = rows.iter().map(|row| answer(action, row)).collect();
        match groups.iter_mut().find(|(_, known)| *known == answers) {
            Some((actions, _)) => actions.push(action),
            None => groups.push((vec![action], answers)),
        }
    }
    let mut text = String::from(
        "Who may do what. The status is what a refused caller is shown.\n\
         The grant: to read and add lab reports and prescriptions dated 2020-02-29 to 2020-12-31,\n\
         for treatment, for an hour, 3 reads. Unless said otherwise it is half an hour old and\n\
         the record is a lab report of 2020-02-29.\n",
    );
    for (actions, answers) in groups {
        let names: Vec<_> = actions.iter().map(ToString::to_string).collect();
        writeln!(text, "\n{}", names.join(" ")).unwrap();
        for (row, answer) in rows.iter().zip(answers) {
            writeln!(text, "  {:<50} {answer}", row.name).unwrap();
        }
    }
    text
}

#[test]
fn every_action_in_every_circumstance_answers_as_reviewed() {
    let reviewed = golden("matrix.txt", &table());
    for action in all::<Action>() {
        let mut lines = reviewed.lines();
        let heading = |line: &str| line.split(' ').any(|name| name == action.to_string());
        assert!(lines.any(heading), "{action} has no rows in matrix.txt");
        let rows = lines.take_while(|line| line.starts_with("  ")).count();
        assert_eq!(rows, circumstances().len(), "{action} lacks rows in matrix.txt");
    }
}
