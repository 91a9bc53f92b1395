//! Counts AWS round trips, as each function logs them: at most two one after the other for any
//! HTTP operation of a function that is warm for the vault, one for those that only sign in. A
//! doctor's list makes three, and a search one more; proving a second factor three.

use domain::{
    names::Named,
    policy::{Action, Rule},
};
use serde_json::{Value, json};
use testkit::{
    Hospital, Outcome, Patient, Stack, Ward,
    cast::reading,
    documents::{Document, begin},
    ensure,
    operator::key,
    poll,
};

use crate::alone;

/// Plays the operations, each at least twice on the same vault, so that the second is warm.
fn play(stack: &Stack) -> Outcome {
    let hospital = Hospital::open(stack, "Counting")?;
    let admin = &hospital.admin;
    for name in ["Dr. One", "Dr. Two"] {
        let doctor = hospital.doctor(stack, name)?;
        let patient = Patient::join(stack, "Trip Counter")?;
        let body = json!({ "refreshToken": patient.account.refresh });
        for _ in 0..2 {
            stack.post("/v1/sessions/refresh").json(&body).expect(200)?;
            let id = patient.note(stack, "lab-report", "2026-01-01", "Count", "count")?;
            let asked = doctor.ask(stack, &patient, &reading(&["imaging"], 3600))?;
            let asked = format!("/v1/access-requests/{asked}");
            stack.delete(&asked).token(doctor.token()).expect(204)?;
            let grant = doctor.granted(stack, &patient, &reading(&["all"], 3600))?;
            let record = patient.path(&format!("/records/{id}"));
            let note = Document::new("x.txt", "text/plain", b"x".to_vec());
            let upload = (patient.id.as_str(), patient.token());
            let (upload, _) = begin(stack, upload, &note.declaration("other", "Withdrawn"))?;
            let upload = patient.path(&format!("/records/{upload}/upload"));
            stack.delete(&upload).token(patient.token()).expect(204)?;
            for rest in ["", "/text", "/content"] {
                stack.get_path(&format!("{record}{rest}")).token(doctor.token()).expect(200)?;
            }
            stack.get_path(&patient.path("/records")).token(doctor.token()).expect(200)?;
            for path in ["/v1/me", "/v1/grants", "/v1/access-requests"] {
                stack.get_path(path).token(doctor.token()).expect(200)?;
                stack.get_path(path).token(patient.token()).expect(200)?;
            }
            for search in ["/records?q=count", "/records?q=nowhere"] {
                stack.get_path(&patient.path(search)).token(patient.token()).expect(200)?;
            }
            stack.get_path(&patient.path("/audit")).token(patient.token()).expect(200)?;
            stack.get_path(&hospital.path("/doctors")).token(&admin.token).expect(200)?;
            let grant = grant["id"].as_str().unwrap_or_default();
            stack.delete(&format!("/v1/grants/{grant}")).token(patient.token()).expect(204)?;
        }
        for verb in ["suspend", "reinstate", "suspend", "reinstate"] {
            hospital.rule(stack, &doctor.id, verb)?;
        }
        stack.delete("/v1/sessions").token(patient.token()).expect(204)?;
    }
    Ok(())
}

/// What the functions of an operation logged of requests since `since` that were done, by an
/// environment that was warm for the vault.
fn warm(stack: &Stack, name: &str, since: i64) -> Outcome<Vec<Value>> {
    let lines = stack.logs(&stack.log_group(name)?, "awsSequential", since)?;
    let lines = lines.iter().filter_map(Value::as_str).filter_map(|l| serde_json::from_str(l).ok());
    let warm = |line: &Value| {
        line["operation"] == *name
            && line["outcome"] == "done"
            && line["coldKeys"] == 0
            && line["decisions"] == 1
    };
    Ok(lines.filter(warm).collect())
}

fn most(lines: &[Value], counted: &str) -> u64 {
    lines.iter().filter_map(|line| line[counted].as_u64()).max().unwrap_or(u64::MAX)
}

#[test]
fn a_warm_request_makes_at_most_two_round_trips_one_after_the_other() -> Outcome {
    let (_alone, stack) = alone()?;
    let since = domain::Timestamp::now().as_millisecond();
    play(stack)?;
    println!("{:<24} {:>10} {:>6}", "operation", "sequential", "total");
    for (action, name) in Action::NAMES.iter().filter(|(a, _)| a.rule() != Rule::System) {
        let warm = warm(stack, name, since)?;
        ensure(!warm.is_empty(), format!("{name} was warm at least once"))?;
        let (sequential, total) = (most(&warm, "awsSequential"), most(&warm, "awsCalls"));
        println!("{name:<24} {sequential:>10} {total:>6}");
        let session = matches!(
            action,
            Action::SessionCreate | Action::SessionAnswer | Action::SessionRefresh
        );
        let allowed = match action {
            _ if session => 1,
            // By a doctor, with words to look for.
            Action::RecordList => 4,
            // The password, the code, and the write; where it belongs, what it rests on, the change;
            // the request, its doctor's standing, the change.
            Action::MfaVerify | Action::AccessRequestWithdraw | Action::AccessRequestDecide => 3,
            // The trail, earlier months of it, and the names in it.
            Action::AuditList => 3,
            _ => 2,
        };
        ensure(sequential <= allowed, format!("{name} makes {sequential} trips in a row"))?;
    }
    a_list_reads_the_register_once(stack)?;
    a_trail_of_many_years_takes_few_trips(stack)
}

/// Of a vault of ten years with hardly an entry: months are read side by side.
fn a_trail_of_many_years_takes_few_trips(stack: &Stack) -> Outcome {
    let patient = Patient::join(stack, "Ancient Trail")?;
    patient.audit(stack)?;
    patient.announce(stack, "imaging", "2026-01-10", "Entry", &later())?;
    let of = format!("PATIENT#{}", patient.id);
    let month = domain::Timestamp::now().strftime("%Y-%m");
    let found = stack.partition(&format!("AUDIT#{of}#{month}"))?;
    let (before, mut entry) = (found.len(), found[0].clone());
    entry["PK"]["S"] = json!(format!("AUDIT#{of}#2016-11"));
    stack.dynamo("PutItem", json!({ "Item": entry }))?;
    let age = json!({ "Key": key(&of, "VAULT"), "UpdateExpression": "SET created_at = :begun",
        "ExpressionAttributeValues": { ":begun": { "S": "2016-11-01T00:00:00Z" } } });
    stack.dynamo("UpdateItem", age)?;
    let since = domain::Timestamp::now().as_millisecond();
    let trail = patient.audit(stack)?;
    let first = trail.first().map(|entry| entry["id"].clone());
    ensure(first == Some(entry["id"]["S"].clone()), format!("the first of all: {first:?}"))?;
    ensure(trail.len() > before, format!("{} of {before} and one", trail.len()))?;
    let pages = poll("a warm page", || {
        patient.audit(stack)?;
        let pages = warm(stack, "audit_list", since)?;
        Ok((!pages.is_empty()).then_some(pages))
    })?;
    let sequential = most(&pages, "awsSequential");
    ensure(sequential <= 11, format!("{sequential} trips in a row for ten years"))
}

/// A file that does not come.
fn later() -> Document {
    Document::new("later.txt", "text/plain", b"later".to_vec())
}

/// A doctor's list reads the register after the decision; a search reads what it looks through.
fn a_list_reads_the_register_once(stack: &Stack) -> Outcome {
    let doctor = &Ward::get(stack)?.doctor;
    let patient = Patient::join(stack, "Page Counter")?;
    for kind in ["lab-report", "imaging"] {
        patient.note(stack, kind, "2026-01-01", "Count", "tally")?;
    }
    doctor.granted(stack, &patient, &reading(&["lab-report"], 3600))?;
    let (own, theirs) = (patient.token(), doctor.token());
    for (token, query, expected) in [
        (own, "?limit=1", (3, 2)),
        (own, "?q=tally", (4, 3)),
        (own, "?q=count", (3, 2)),
        (theirs, "?limit=1", (3, 3)),
        (theirs, "?q=tally", (4, 4)),
    ] {
        let found = counted(stack, &patient.path(&format!("/records{query}")), token)?;
        ensure(found == expected, format!("{query}: {found:?} calls, in a row"))?;
    }
    Ok(())
}

/// How many calls a warm list takes, and how many of them in a row.
fn counted(stack: &Stack, path: &str, token: &str) -> Outcome<(u64, u64)> {
    let since = domain::Timestamp::now().as_millisecond();
    let lists = poll("a warm list", || {
        stack.get_path(path).token(token).expect(200)?;
        let lists = warm(stack, "record_list", since)?;
        Ok((!lists.is_empty()).then_some(lists))
    })?;
    Ok((most(&lists, "awsCalls"), most(&lists, "awsSequential")))
}
