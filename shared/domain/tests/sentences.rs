//! Every sentence that an audit trail can hold, in one place to be read: `sentences.txt`.
//! `UPDATE=1` writes it anew. What can occur is not listed by hand where it follows from the
//! policy: each action is tried by every kind of caller in every circumstance, and leaves what
//! [`permit`] would have it leave.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod cast;

use std::collections::BTreeMap;

use cast::*;
use domain::{
    AuditId, Caller,
    audit::{Actor, Done, Draft, Entry, Ledger, Outcome, Target, Voice},
    consent::{Grant, Purpose},
    policy::{Action, Aim, Denial, Facts, Record, Rule, permit},
    record::RecordType,
};
use uuid::Uuid;

/// The drafts that every action leaves which people call.
fn drafts() -> Vec<Draft> {
    let called = |action: &Action| !matches!(action.rule(), Rule::Public | Rule::System);
    all::<Action>().filter(called).flat_map(drafts_of).collect()
}

/// What each kind of caller is aimed at by the action, as the operations do it.
fn aims(rule: Rule, caller: &Caller) -> Vec<Aim> {
    match (rule, caller) {
        (Rule::Hospital, _) => vec![Aim::Hospital(HARBOUR), Aim::Hospital(HILL)],
        (Rule::Vault(_) | Rule::List(_) | Rule::Ask | Rule::Asker, _) => vaults().into(),
        (Rule::Own | Rule::OwnConsent, Caller::Patient(_)) | (Rule::Owner, _) => vaults().into(),
        _ => vec![Aim::Own],
    }
}

fn grants() -> Vec<Option<Grant>> {
    let mut spent = grant();
    spent.reads = 3;
    let mut other = grant();
    other.terms.actions.clear();
    vec![None, Some(grant()), Some(spent), Some(other)]
}

/// What each action is aimed at within a vault.
fn records(action: Action) -> Vec<Record> {
    let ones = [
        Record::One(class(RecordType::LabReport, FROM)),
        Record::One(class(RecordType::Imaging, FROM)),
        Record::One(class(RecordType::LabReport, TO.tomorrow().unwrap())),
    ];
    match action {
        Action::UploadCreate => ones.into(),
        Action::AccessRequestWithdraw => vec![Record::Any, Record::Missing],
        Action::RecordGet
        | Action::RecordText
        | Action::RecordDownload
        | Action::UploadWithdraw => ones.into_iter().chain([Record::Missing]).collect(),
        _ => vec![Record::Any],
    }
}

fn drafts_of(action: Action) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (caller, standing) in callers() {
        for aim in aims(action.rule(), &caller) {
            if caller == Caller::Patient(BOB)
                && !matches!(action.rule(), Rule::Vault(_) | Rule::List(_) | Rule::Owner)
            {
                continue;
            }
            let all = grants();
            let of_all = |g| records(action).into_iter().map(move |r| (g, r));
            for (grant, record) in all.iter().map(Option::as_ref).flat_map(of_all) {
                for now in [at(BEGINS - 1), midway(), at(ENDS)] {
                    for purpose in [None, Some(Purpose::Research)] {
                        let facts = Facts { aim, standing, grant, record, purpose };
                        match permit(action, &caller, &facts, Target::default(), now) {
                            Ok(_) if WITH_OWN_WORDS.contains(&action) => {}
                            Ok(permit) => drafts.push(permit.entry()),
                            Err(refused) => drafts.push(refused.entry),
                        }
                    }
                }
            }
        }
    }
    drafts
}

/// Actions that record an outcome of their own when they are done.
const WITH_OWN_WORDS: [Action; 2] = [Action::AccessRequestCreate, Action::AccessRequestDecide];

/// What operations and events record in words of their own.
fn special() -> Vec<Draft> {
    let (alice, grey) = (Actor::Patient { id: ALICE }, Actor::from(&doctor(true)));
    let (patient, hospital) = (Ledger::Patient(ALICE), Ledger::Hospital(HARBOUR));
    let list = [
        (patient, alice, Action::AccountConfirm, Done::Opened),
        (patient, Actor::System, Action::AccountRegister, Done::Bound),
        (patient, grey, Action::AccessRequestCreate, Done::Asked),
        (patient, alice, Action::AccessRequestDecide, Done::Approved),
        (patient, alice, Action::AccessRequestDecide, Done::Narrowed),
        (patient, alice, Action::AccessRequestDecide, Done::Widened),
        (patient, alice, Action::AccessRequestDecide, Done::Rejected),
        (patient, alice, Action::AccessRequestDecide, Done::Replaced),
        (patient, Actor::System, Action::AccessRequestDecide, Done::Expired),
        (patient, Actor::System, Action::GrantSweep, Done::Expired),
        (patient, Actor::System, Action::TableStream, Done::Expired),
        (patient, Actor::System, Action::UploadIngest, Done::FileAccepted),
        (patient, Actor::System, Action::UploadIngest, Done::FileRejected),
        (patient, Actor::System, Action::UploadIngest, Done::FileUnwanted),
        (patient, Actor::System, Action::UploadIngest, Done::TextRead),
        (patient, Actor::System, Action::UploadIngest, Done::TextFailed),
        (patient, Actor::System, Action::OcrStart, Done::TextRead),
        (patient, Actor::System, Action::OcrStart, Done::TextFailed),
        (patient, Actor::System, Action::OcrCollect, Done::TextRead),
        (patient, Actor::System, Action::OcrCollect, Done::TextFailed),
        (hospital, Actor::System, Action::DoctorInvite, Done::Founded),
        (hospital, Actor::System, Action::DoctorInvite, Done::InviteFailed),
    ];
    let draft = |(ledger, actor, action, done)| Draft {
        ledger,
        actor,
        action,
        outcome: Outcome::Done(done),
        target: Target::default(),
    };
    let failed = [Action::SessionCreate, Action::SessionAnswer].map(|action| Draft {
        outcome: Outcome::Refused(Denial::WrongCredentials),
        ..draft((patient, Actor::Somebody, action, Done::Owner))
    });
    let signed_in = [
        (patient, alice, Action::SessionCreate, Done::Owner),
        (hospital, grey, Action::SessionCreate, Done::Duty),
    ];
    list.into_iter().chain(signed_in).map(draft).chain(failed).collect()
}

/// Lists are told with how many records they showed, and access with what it is for.
fn told_with(draft: &Draft) -> Vec<Target> {
    let with = |purpose, count| Target { purpose, count, ..draft.target };
    let purpose = Some(Purpose::Treatment);
    match (draft.action, draft.outcome) {
        (Action::RecordList, Outcome::Done(Done::Granted)) => {
            [0, 1, 14].map(|n| with(purpose, Some(n))).into()
        }
        (Action::RecordList, Outcome::Done(_)) => [0, 1, 14].map(|n| with(None, Some(n))).into(),
        (_, Outcome::Done(Done::Asked)) => all().map(|purpose| with(Some(purpose), None)).collect(),
        (Action::AccessRequestDecide, Outcome::Done(_)) => vec![with(purpose, None)],
        _ => vec![draft.target],
    }
}

/// Whose trail it is, and who did it, as its reader is told.
fn voice(draft: &Draft) -> (&'static str, &'static str, bool) {
    let trail = match draft.ledger {
        Ledger::Patient(_) => "patient's trail",
        Ledger::Hospital(_) => "hospital's trail",
    };
    let own = matches!((draft.ledger, draft.actor),
        (Ledger::Patient(patient), Actor::Patient { id }) if id == patient);
    let who = match draft.actor {
        Actor::Patient { .. } => "Another patient",
        Actor::Doctor { .. } => "Dr Grey",
        Actor::HospitalAdmin { .. } => "Mx Ash",
        Actor::Somebody => "Somebody",
        Actor::System => "MediVault",
    };
    (trail, who, own)
}

#[test]
fn every_sentence_reads_as_reviewed() {
    let mut table: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for draft in drafts().into_iter().chain(special()) {
        let (trail, who, own) = voice(&draft);
        let outcome = match draft.outcome {
            Outcome::Done(done) => done.to_string(),
            Outcome::Refused(denial) => format!("refused {denial}"),
        };
        for target in told_with(&draft) {
            let Draft { actor, action, outcome: what, .. } = draft;
            let id = AuditId(Uuid::nil());
            let at = midway();
            let (last_at, times) = (None, 1);
            let entry = Entry { id, at, last_at, times, actor, action, outcome: what, target };
            let (title, doctor) = ((target.count == Some(1)).then_some("Blood"), Some("Dr Roe"));
            let sentence = entry.sentence(Voice { who, owner: own, doctor, title, times: 1 });
            let heading = format!("{trail}: {action}");
            let line = format!("{outcome:<28} {sentence}");
            // One for each outcome and voice, and for each count and purpose it is told with.
            let done = matches!(draft.outcome, Outcome::Done(_));
            let told = done.then_some((target.count, target.purpose));
            let order = format!("{outcome} {own} {told:05?}");
            table.entry(heading).or_default().entry(order).or_insert(line);
        }
    }
    let mut text = String::new();
    for (heading, lines) in table {
        text += &format!("{heading}\n");
        lines.values().for_each(|line| text += &format!("  {line}\n"));
    }
    golden("sentences.txt", &text);
}

#[test]
fn no_sentence_shows_a_name_of_the_program() {
    for line in include_str!("sentences.txt").lines().filter(|line| line.starts_with(' ')) {
        let (_, sentence) = line.trim().split_at(28);
        assert!(!sentence.contains('_'), "{sentence}");
        assert!(sentence.ends_with('.') && !sentence.contains(".."), "{sentence}");
        assert!(
            !sentence.contains("You was") && !sentence.contains("only MediVault"),
            "{sentence}"
        );
    }
}
