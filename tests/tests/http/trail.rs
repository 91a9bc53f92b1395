//! The trail as its patient reads it: names, titles, folds, filters, and nobody's flood.

use serde_json::{Value, json};
use testkit::{
    Outcome, Patient, Stack, Ward,
    cast::{pages, reading},
    ensure, in_parallel,
};

fn scene(name: &str) -> Outcome<(&'static Stack, &'static Ward, Patient)> {
    let stack = Stack::get()?;
    Ok((stack, Ward::get(stack)?, Patient::join(stack, name)?))
}

fn trail(stack: &Stack, patient: &Patient, query: &str) -> Outcome<Vec<Value>> {
    pages(stack, patient.token(), &patient.path(&format!("/audit?limit=100{query}")))
}

fn sentences(entries: &[Value]) -> Vec<&str> {
    entries.iter().filter_map(|entry| entry["sentence"].as_str()).collect()
}

#[test]
fn sentences_name_doctors_and_titles_and_count_what_is_equal() -> Outcome {
    let (stack, ward, patient) = scene("Nora Names")?;
    let id = patient.note(stack, "lab-report", "2026-03-01", "Iron, spring", "ferritin")?;
    let grant = ward.doctor.granted(stack, &patient, &reading(&["lab-report"], 3600))?;
    let record = patient.path(&format!("/records/{id}"));
    for _ in 0..3 {
        stack.get_path(&record).token(ward.doctor.token()).expect(200)?;
        stack.get_path("/v1/grants").token(patient.token()).expect(200)?;
    }
    let path = format!("/v1/grants/{}", grant["id"].as_str().unwrap_or_default());
    stack.delete(&path).token(patient.token()).expect(204)?;
    let lines = trail(stack, &patient, "")?;
    let told = sentences(&lines);
    let who = "Dr. Lena Sommer (Ward of the tests)";
    for expected in [
        format!("{who} asked for access for treatment."),
        format!("You gave {who} access for treatment, as requested."),
        format!(
            "{who} read a record (\u{201c}Iron, spring\u{201d}) under the grant you gave for treatment, \
             3 times."
        ),
        format!("You withdrew the access of {who}, which ended at once."),
    ] {
        ensure(told.contains(&expected.as_str()), format!("{expected}\n{told:#?}"))?;
    }
    let read = lines.iter().find(|line| line["action"] == "record_get").unwrap_or(&Value::Null);
    ensure(read["times"] == 3 && read["recordTitle"] == "Iron, spring", format!("{read}"))?;
    let (first, last) = (read["firstAt"].as_str(), read["at"].as_str());
    ensure(first.is_some() && first < last, format!("{read}"))?;
    let each = trail(stack, &patient, "&fold=none")?;
    let granted = |line: &&Value| line["action"] == "record_get" && line["reason"] == "granted";
    ensure(each.iter().filter(granted).count() == 3, "one by one")?;
    let order: Vec<_> = lines.iter().filter_map(|line| line["at"].as_str()).collect();
    ensure(order.is_sorted_by(|one, next| one >= next), format!("newest first: {order:?}"))
}

#[test]
fn each_filter_shows_what_it_names() -> Outcome {
    let (stack, ward, patient) = scene("Fina Filter")?;
    let id = patient.note(stack, "lab-report", "2026-03-01", "Blood", "blood")?;
    stack.get_path(&patient.path("/records")).token(ward.doctor.token()).expect(404)?;
    let doctor = &ward.doctor.id;
    for (query, field, value) in [
        (format!("&actor={doctor}"), "/actor/id", doctor.as_str()),
        ("&role=system".into(), "/actor/role", "system"),
        ("&outcome=refused".into(), "/reason", "no-grant"),
        ("&action=upload_create".into(), "/action", "upload_create"),
        (format!("&record={id}"), "/recordId", id.as_str()),
    ] {
        let lines = trail(stack, &patient, &query)?;
        let all = lines.iter().all(|line| line.pointer(field) == Some(&json!(value)));
        ensure(!lines.is_empty() && all, format!("{query}: {lines:?}"))?;
    }
    ensure(trail(stack, &patient, "&to=2020-01-01")?.is_empty(), "nothing in 2020")?;
    ensure(!trail(stack, &patient, "&from=2020-01-01")?.is_empty(), "all since 2020")?;
    let wrong = patient.path("/audit?from=2026-02-02&to=2026-02-01&role=root&actor=x");
    let wrong = stack.get_path(&wrong).token(patient.token()).expect(400)?.wrong();
    ensure(wrong == ["role", "actor", "to"], format!("{wrong:?}"))
}

#[test]
fn i2_refusals_on_requests_and_grants_stand_with_whom_they_concern() -> Outcome {
    let (stack, ward, patient) = scene("Cleo Concern")?;
    let grant = ward.doctor.granted(stack, &patient, &reading(&["all"], 3600))?;
    let request = ward.doctor.ask(stack, &patient, &reading(&["imaging"], 3600))?;
    let grant = format!("/v1/grants/{}", grant["id"].as_str().unwrap_or_default());
    let stranger = Patient::join(stack, "Stranger")?;
    let decide = |token: &str, id: &str| {
        let path = format!("/v1/access-requests/{id}/decision");
        stack.post(&path).token(token).json(&json!({ "decision": "approve" })).send()
    };
    let foreign = decide(stranger.token(), &request)?.expect(404)?;
    let absent = decide(stranger.token(), "01900000-0000-7000-8000-000000000000")?.expect(404)?;
    ensure(foreign.told() == absent.told(), "another's looks like none")?;
    stack.delete(&grant).token(stranger.token()).expect(404)?;
    decide(ward.other.token(), &request)?.expect(403)?.problem("wrong-role")?;
    stack.delete(&grant).token(&ward.hospital.admin.token).expect(403)?.problem("wrong-role")?;
    let lines = trail(stack, &patient, "&outcome=refused")?;
    let told = sentences(&lines);
    let expected = [
        "Ines Admin (Ward of the tests) tried to withdraw a grant and was refused: this is not open to their role.",
        "Dr. Karim Haddad (Ward of the tests) tried to decide on a request for access and was refused: this is not open to their role.",
        "Another patient tried to withdraw a grant and was refused: it is not theirs.",
        "Another patient tried to decide on a request for access and was refused: it is not theirs.",
    ];
    ensure(told == expected, format!("{told:#?}"))
}

#[test]
fn a_strangers_flood_is_counted_and_not_listed() -> Outcome {
    let (stack, _, patient) = scene("Flora Flood")?;
    let stranger = Patient::join(stack, "Stranger")?;
    let get = |n: u32| {
        let path = format!("/records/01900000-0000-7000-8000-{n:012}");
        stack.get_path(&patient.path(&path)).token(stranger.token()).expect(404).map(|_| ())
    };
    in_parallel(0..60, get)?;
    let written = trail(stack, &patient, "&outcome=refused&fold=none")?;
    // Two hours may have had a part in it.
    ensure(written.len() <= 42, format!("{} entries", written.len()))?;
    let times: u64 = written.iter().filter_map(|entry| entry["times"].as_u64()).sum();
    ensure(times == 60, format!("none is lost: {times}"))
}

#[test]
fn sign_ins_sign_outs_and_failed_sign_ins_are_on_the_trail() -> Outcome {
    let (stack, _, patient) = scene("Sigrid Sign")?;
    let wrong = json!({ "email": patient.account.email, "password": "Wrong-Horse-9" });
    stack.post("/v1/sessions").json(&wrong).expect(401)?.problem("wrong-credentials")?;
    let unknown = json!({ "email": "nobody@example.org", "password": "Wrong-Horse-9" });
    stack.post("/v1/sessions").json(&unknown).expect(401)?.problem("wrong-credentials")?;
    stack.delete("/v1/sessions").token(patient.token()).expect(204)?;
    let mut again = patient.clone();
    again.account.sign_in(stack)?;
    let mut lines = trail(stack, &again, "&fold=none")?;
    lines.reverse();
    let told = sentences(&lines);
    let expected = [
        "Your vault was opened.",
        "You signed in.",
        "Somebody tried to sign in and was refused: the password or the code was wrong.",
        "You signed out.",
        "You signed in.",
    ];
    ensure(told == expected, format!("{told:#?}"))
}
