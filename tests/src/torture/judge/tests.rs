//! The judge sees what it is there for, and nothing else. Times are seconds of a made-up minute.

use super::super::history::*;
use super::Findings;
use jiff::Timestamp;

const RECORD: &str = "r1";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn span(sent: i64, by: i64) -> Span {
    Span { sent: at(sent), by: at(by), acknowledged: true }
}

fn unknown(sent: i64, by: i64) -> Span {
    Span { acknowledged: false, ..span(sent, by) }
}

/// A grant for lab reports, given between 10 and 11, that ends at 40.
fn given() -> Decision {
    Decision {
        request: "q1".into(),
        doctor: 0,
        patient: 0,
        terms: Terms { kinds: ["lab-report"].into(), seconds: 30 },
        span: span(10, 11),
        outcome: Decided::Given(Given { id: "g1".into(), expires_at: at(40) }),
    }
}

/// A reading of a lab report by the doctor.
fn read(sent: i64, received: i64, shown: bool) -> Reading {
    Reading {
        reader: Reader::Doctor(0),
        patient: 0,
        action: "record_get",
        record: Some(RECORD.into()),
        kinds: ["lab-report".to_owned()].into(),
        shown,
        sent: at(sent),
        received: at(received),
    }
}

fn entry(second: i64) -> Entry {
    Entry {
        at: at(second),
        actor: "d0".into(),
        action: "record_get".into(),
        record: Some(RECORD.into()),
        grant: Some("g1".into()),
        refused: false,
        reason: "granted".into(),
    }
}

fn history() -> History {
    let decisions = vec![given()];
    History {
        patients: vec!["p0".into()],
        doctors: vec!["d0".into()],
        decisions,
        ..History::default()
    }
}

/// The grant stands, expired and recorded once, and so do these entries.
fn end(entries: &[Entry]) -> End {
    let grant = EndGrant {
        id: "g1".into(),
        doctor: 0,
        status: "expired".into(),
        kinds: ["lab-report".to_owned()].into(),
        expires_at: at(40),
    };
    let expired = Entry { reason: "expired".into(), action: "grant_sweep".into(), ..entry(41) };
    let trail = entries.iter().cloned().chain([expired]).collect();
    End {
        vaults: vec![Vault { grants: vec![grant], trail, ..Vault::default() }],
        active: vec![true],
    }
}

/// How many were lost, not in the trail, and without consent.
fn counted(history: &History, end: &End) -> (usize, usize, usize) {
    let Findings { lost, unaudited, unconsented } = Findings::of(history, end);
    (lost.len(), unaudited.len(), unconsented.len())
}

/// The count of disclosures without consent, for one reading that is in the trail.
fn unconsented(history: History, reading: Reading) -> usize {
    let entries = [entry(reading.sent.as_second() - at(0).as_second())];
    let history = History { readings: vec![reading], ..history };
    let (_, unaudited, unconsented) = counted(&history, &end(&entries));
    assert_eq!(unaudited, 0);
    unconsented
}

fn revoked(span: Span) -> History {
    History { revokes: vec![Revoke { grant: "g1".into(), span }], ..history() }
}

fn ruled(changes: &[(bool, Span)]) -> History {
    let change =
        |(active, span): &(bool, Span)| Standing { doctor: 0, active: *active, span: *span };
    History { standings: changes.iter().map(change).collect(), ..history() }
}

#[test]
fn a_grant_covers_from_its_approval_to_its_second() {
    for (sent, received, found) in
        [(1, 9, 1), (1, 10, 0), (12, 13, 0), (39, 50, 0), (40, 41, 1), (45, 46, 1)]
    {
        let found_now = unconsented(history(), read(sent, received, true));
        assert_eq!(found_now, found, "read between {sent} and {received}");
    }
    let imaging = Reading { kinds: ["imaging".to_owned()].into(), ..read(12, 13, true) };
    assert_eq!(unconsented(history(), imaging), 1);
}

#[test]
fn a_withdrawal_counts_from_its_acknowledgement() {
    for (sent, found) in [(14, 0), (19, 0), (20, 1), (25, 1)] {
        assert_eq!(unconsented(revoked(span(15, 20)), read(sent, sent + 1, true)), found);
        assert_eq!(unconsented(revoked(unknown(15, 20)), read(sent, sent + 1, true)), 0);
    }
}

#[test]
fn a_later_grant_takes_the_place_of_one_that_was_surely_given_before() {
    let later = |span| {
        let outcome = Decided::Given(Given { id: "g2".into(), expires_at: at(50) });
        let terms = Terms { kinds: ["imaging"].into(), seconds: 30 };
        let decision = Decision { request: "q2".into(), terms, span, outcome, ..given() };
        History { decisions: vec![given(), decision], ..history() }
    };
    assert_eq!(unconsented(later(span(20, 21)), read(21, 22, true)), 1);
    assert_eq!(unconsented(later(span(20, 21)), read(20, 22, true)), 0);
    assert_eq!(unconsented(later(span(10, 21)), read(22, 23, true)), 0, "in either order");
}

#[test]
fn a_suspension_counts_until_a_reinstatement_that_may_have_followed() {
    let suspended = (false, span(15, 16));
    assert_eq!(unconsented(ruled(&[suspended]), read(16, 17, true)), 1);
    assert_eq!(unconsented(ruled(&[suspended]), read(15, 17, true)), 0);
    for (lifting, found) in
        [(span(20, 21), 0), (unknown(20, 30), 0), (span(12, 14), 1), (span(24, 25), 1)]
    {
        let history = ruled(&[suspended, (true, lifting)]);
        assert_eq!(unconsented(history, read(22, 23, true)), found, "{lifting:?}");
    }
}

#[test]
fn the_nth_disclosure_takes_n_earlier_entries() {
    let history = History { readings: vec![read(12, 13, true), read(12, 14, true)], ..history() };
    for (entries, found) in [
        (vec![entry(12), entry(12)], 0),
        (vec![entry(12)], 1),
        (vec![entry(12), entry(15)], 1),
        (vec![entry(12), Entry { refused: true, ..entry(12) }], 1),
        (vec![entry(12), Entry { actor: "d1".into(), ..entry(12) }], 1),
    ] {
        assert_eq!(counted(&history, &end(&entries)).1, found, "{entries:?}");
    }
}

#[test]
fn a_look_at_the_trail_must_show_what_was_answered_before() {
    let look = |since, sent| {
        let entries = vec![entry(1)];
        let glance = Glance { patient: 0, sent: at(sent), since: at(since), entries };
        let history =
            History { glances: vec![glance], readings: vec![read(12, 13, true)], ..history() };
        counted(&history, &end(&[entry(12)])).1
    };
    assert_eq!((look(2, 12), look(2, 13)), (0, 1));
    // Its entry may have been pushed off the page by one whose decision took longer.
    assert_eq!((look(12, 13), look(13, 13)), (1, 0));
}

#[test]
fn a_grant_that_was_acknowledged_must_open_what_it_covers() {
    let refused = |history: History, sent| {
        let history = History { readings: vec![read(sent, sent + 1, false)], ..history };
        counted(&history, &end(&[])).0
    };
    assert_eq!([10, 11, 38, 39].map(|sent| refused(history(), sent)), [0, 1, 1, 0]);
    let later = |sent| ruled(&[(false, span(14, 15)), (true, span(sent, sent + 1))]);
    assert_eq!((refused(later(17), 20), refused(later(15), 20), refused(later(14), 20)), (1, 1, 0));
    assert_eq!(refused(ruled(&[(false, unknown(14, 16))]), 20), 0);
}

#[test]
fn what_was_acknowledged_must_stand_at_the_end() {
    let grants = |status: &str, expiries: usize| {
        let mut end = end(&[]);
        end.vaults[0].grants[0].status = status.into();
        let expiry = end.vaults[0].trail.pop().unwrap();
        end.vaults[0].trail = vec![expiry; expiries];
        end
    };
    assert_eq!(counted(&history(), &grants("expired", 1)), (0, 0, 0));
    assert_eq!(counted(&history(), &grants("expired", 0)).0, 1, "an expiry nobody recorded");
    assert_eq!(counted(&history(), &grants("expired", 2)).0, 1, "an expiry recorded twice");
    assert_eq!(counted(&history(), &grants("revoked", 0)).0, 1, "withdrawn by nobody");
    assert_eq!(counted(&history(), &grants("replaced", 0)).0, 1, "replaced by nothing");
    assert_eq!(counted(&revoked(span(15, 16)), &grants("revoked", 0)).0, 0);
    assert_eq!(counted(&revoked(span(15, 16)), &grants("expired", 1)).0, 1, "withdrawn before");
    assert_eq!(counted(&revoked(span(15, 16)), &grants("active", 0)).0, 1);
    let gone = End { vaults: vec![Vault::default()], active: vec![true] };
    assert_eq!(counted(&history(), &gone).0, 1, "a grant that is gone");
}

#[test]
fn a_doctor_is_at_the_end_what_a_last_change_made_of_them() {
    let standing = |changes: &[(bool, Span)], active| {
        counted(&ruled(changes), &End { active: vec![active], ..end(&[]) }).0
    };
    let (out, back) = ((false, span(1, 2)), (true, span(3, 4)));
    assert_eq!((standing(&[], true), standing(&[], false)), (0, 1));
    assert_eq!((standing(&[out], true), standing(&[out], false)), (1, 0));
    assert_eq!((standing(&[out, back], true), standing(&[out, back], false)), (0, 1));
    let perhaps = (true, unknown(3, 4));
    assert_eq!((standing(&[out, perhaps], true), standing(&[out, perhaps], false)), (0, 0));
}

#[test]
fn a_record_and_a_request_must_be_what_was_answered() {
    let upload = Upload {
        patient: 0,
        id: RECORD.into(),
        kind: "lab-report",
        title: "Note".into(),
        is_scan: false,
        sent: true,
    };
    let ask = Ask { doctor: 0, patient: 0, id: "q1".into(), terms: given().terms };
    let history = History { uploads: vec![upload], asks: vec![ask], ..history() };
    let with = |title: &str, read, status: &str, grant: Option<&str>| {
        let mut end = end(&[]);
        let record =
            EndRecord { id: RECORD.into(), kind: "lab-report".into(), title: title.into(), read };
        let grant = grant.map(str::to_owned);
        end.vaults[0].records = vec![record];
        end.vaults[0].requests = vec![EndRequest { id: "q1".into(), status: status.into(), grant }];
        counted(&history, &end).0
    };
    assert_eq!(with("Note", true, "approved", Some("g1")), 0);
    assert_eq!(with("Other", true, "approved", Some("g1")), 1);
    assert_eq!(with("Note", false, "approved", Some("g1")), 1, "a file that was never admitted");
    assert_eq!(with("Note", true, "approved", Some("g2")), 1);
    assert_eq!(with("Note", true, "pending", None), 1);
    assert_eq!(counted(&history, &end(&[])).0, 2);
}

#[test]
fn an_approval_without_an_answer_is_told_by_the_grant_there_is() {
    let outcome = Decided::Unknown { approval: true };
    let decision = Decision { span: unknown(10, 20), outcome, ..given() };
    let history = History { decisions: vec![decision], ..history() };
    let with = |grant: Option<&str>, reading| {
        let mut end = end(&[entry(12), entry(40)]);
        let (status, grant) = ("approved".into(), grant.map(str::to_owned));
        end.vaults[0].requests = vec![EndRequest { id: "q1".into(), status, grant }];
        let history = History { readings: vec![reading], ..history.clone() };
        counted(&history, &end).2
    };
    assert_eq!(with(Some("g1"), read(12, 13, true)), 0);
    assert_eq!(with(Some("g1"), read(40, 41, true)), 1, "after its end");
    assert_eq!(with(None, read(12, 13, true)), 1, "it gave nothing");
}

#[test]
fn a_file_is_admitted_when_somebody_was_shown_it() {
    let shown = |reader, action| Reading { reader, action, ..read(1, 2, true) };
    for (reading, admitted) in [
        (read(1, 2, true), true),
        (read(1, 2, false), false),
        (shown(Reader::Patient, "record_get"), false),
        (shown(Reader::Patient, "record_download"), true),
    ] {
        let history = History { readings: vec![reading.clone()], ..history() };
        assert_eq!(history.surely_admitted(RECORD), admitted, "{reading:?}");
        assert!(!history.surely_admitted("another"));
    }
}
