//! Consent over HTTP: asking, deciding, ending.

use serde_json::{Value, json};
use testkit::{
    Answer, Doctor, Outcome, Patient, Stack, Ward,
    cast::{pages, reading},
    documents::{Document, begin, post_form, settled},
    ensure, in_parallel,
    operator::{key, stream_record},
};

fn scene(name: &str) -> Outcome<(&'static Stack, &'static Ward, Patient)> {
    let stack = Stack::get()?;
    Ok((stack, Ward::get(stack)?, Patient::join(stack, name)?))
}

fn records(stack: &Stack, doctor: &Doctor, patient: &Patient) -> Outcome<Answer> {
    stack.get_path(&patient.path("/records")).token(doctor.token()).send()
}

/// Waits until the doctor's grant has ended.
fn ended(stack: &Stack, doctor: &Doctor, patient: &Patient) -> Outcome {
    testkit::poll("the grant to end", || {
        Ok((records(stack, doctor, patient)?.status == 404).then_some(()))
    })
}

#[test]
fn i7_asking_twice_is_asking_once() -> Outcome {
    let (stack, ward, patient) = scene("Ida Once")?;
    let mut body = reading(&["imaging"], 3600);
    body["patientId"] = json!(patient.id);
    let call = stack.post("/v1/access-requests").token(ward.doctor.token()).json(&body);
    let ids = in_parallel(0..4, |_| Ok(call.expect(201)?.bytes))?;
    ensure(ids.iter().all(|bytes| *bytes == ids[0]), "the same answer each time")?;
    body["durationSeconds"] = json!(7200);
    call.clone().json(&body).expect(422)?.problem("idempotency-key-reused")?;
    let asked = pages(stack, patient.token(), "/v1/access-requests?limit=10")?;
    ensure(asked.len() == 1, format!("one request: {}", asked.len()))?;
    // Asked anew, it is a second one.
    call.clone().key("anew").expect(409)?.problem("already-asked")?;
    // Another caller's use of the same key is another key.
    let other = call.clone().token(ward.other.token()).expect(201)?;
    ensure(other.bytes != ids[0], "another answer for another caller")
}

#[test]
fn a_decision_is_made_once_whoever_else_decides_at_the_same_moment() -> Outcome {
    let (stack, ward, patient) = scene("Dora Decide")?;
    let request = ward.doctor.ask(stack, &patient, &reading(&["imaging"], 3600))?;
    let answers = in_parallel(0..6, |n| {
        let verdict = if n % 2 == 0 { "approve" } else { "reject" };
        patient.decide(stack, &request, &json!({ "decision": verdict }))
    })?;
    let made = answers.iter().filter(|answer| answer.status == 200).count();
    ensure(
        made == 1,
        format!("one decision: {:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>()),
    )?;
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.clone().expect(409)?.problem("already-decided")?;
    }
    let grants = pages(stack, patient.token(), "/v1/grants?limit=10")?;
    let approved = answers.iter().any(|a| a.body["status"] == "approved");
    ensure(grants.len() == usize::from(approved), "a grant only if approved")
}

#[test]
fn giving_more_than_was_asked_is_a_separate_act() -> Outcome {
    let (stack, ward, patient) = scene("Mona More")?;
    let request = ward.doctor.ask(stack, &patient, &reading(&["imaging"], 3600))?;
    let wider = reading(&["imaging", "lab-report"], 3600);
    let decide = |body: Value| patient.decide(stack, &request, &body);
    decide(json!({ "decision": "approve", "terms": wider }))?
        .expect(409)?
        .problem("more-than-asked")?;
    let longer = reading(&["imaging"], 3601);
    decide(json!({ "decision": "approve", "terms": longer }))?.expect(409)?;
    let mut odd = reading(&["imaging", "fly"], 3600);
    (odd["from"], odd["to"]) = (json!("2026-02-01"), json!("2026-01-01"));
    let mut wrong = decide(json!({ "decision": "maybe", "terms": odd }))?.expect(400)?.wrong();
    wrong.sort();
    ensure(wrong == ["/decision", "/terms/to", "/terms/types"], format!("{wrong:?}"))?;
    decide(json!({ "decision": "approve", "terms": wider, "allowMore": true }))?.expect(200)?;
    let trail = patient.audit(stack)?;
    ensure(trail.iter().any(|entry| entry["reason"] == "widened"), "the trail says so")?;
    let request = ward.doctor.ask(stack, &patient, &reading(&["imaging"], 3600))?;
    let mut other = reading(&["imaging"], 3600);
    other["purpose"] = json!("research");
    let body = json!({ "decision": "approve", "terms": other, "allowMore": true });
    patient.decide(stack, &request, &body)?.expect(200)?;
    let trail = patient.audit(stack)?;
    let last = trail.iter().rfind(|entry| entry["reason"] == "widened");
    let purpose = last.map(|entry| entry["purpose"].clone());
    ensure(purpose == Some(json!("research")), format!("the purpose that was given: {last:?}"))
}

#[test]
fn i5_a_revoked_grant_is_refused_on_the_next_request() -> Outcome {
    let (stack, ward, patient) = scene("Rita Revoke")?;
    let grant = ward.doctor.granted(stack, &patient, &reading(&["all"], 3600))?;
    records(stack, &ward.doctor, &patient)?.expect(200)?;
    let path = format!("/v1/grants/{}", grant["id"].as_str().unwrap_or_default());
    let stranger = Patient::join(stack, "Stranger")?;
    stack.delete(&path).token(stranger.token()).expect(404)?.problem("not-found")?;
    stack.delete(&path).token(ward.doctor.token()).expect(403)?.problem("wrong-role")?;
    records(stack, &ward.doctor, &patient)?.expect(200)?;
    let revoke = stack.delete(&path).token(patient.token());
    in_parallel(0..3, |_| revoke.expect(204).map(|_| ()))?;
    records(stack, &ward.doctor, &patient)?.expect(404)?.problem("not-found")?;
    let trail = patient.audit(stack)?;
    let done = trail.iter().filter(|entry| entry["outcome"] == "done");
    let revoked = done.filter(|entry| entry["action"] == "grant_revoke");
    ensure(revoked.count() == 1, "withdrawn once on record")?;
    stack.delete("/v1/grants/not-an-id").token(patient.token()).expect(400)?;
    Ok(())
}

#[test]
fn a_later_grant_takes_the_place_of_the_live_one_however_many_there_are() -> Outcome {
    let (stack, ward, patient) = scene("Lea Later")?;
    patient.note(stack, "lab-report", "2026-03-01", "Blood", "blood")?;
    // Of other doctors: more than are read at once, and before the one it is about.
    for n in 0..30 {
        let other = format!("LIVE#ffffffff-0000-7000-8000-{n:012}");
        let item = key(&format!("PATIENT#{}", patient.id), &other);
        stack.dynamo("PutItem", json!({ "Item": item }))?;
    }
    let first = ward.doctor.granted(stack, &patient, &reading(&["lab-report"], 3600))?;
    let second = ward.doctor.granted(stack, &patient, &reading(&["imaging"], 3600))?;
    let seen = records(stack, &ward.doctor, &patient)?.expect(200)?;
    ensure(seen.list("/items")?.is_empty(), "the first grant's scope is gone")?;
    let grants = pages(stack, patient.token(), "/v1/grants?limit=1")?;
    let states: Vec<_> = grants.iter().map(|g| (g["id"].clone(), g["status"].clone())).collect();
    let expected =
        [(second["id"].clone(), json!("active")), (first["id"].clone(), json!("replaced"))];
    ensure(states == expected, format!("{states:?}"))?;
    let trail = patient.audit(stack)?;
    let replaced =
        trail.iter().filter(|e| e["reason"] == "replaced" && e["grantId"] == first["id"]);
    ensure(replaced.count() == 1, "the trail tells of it")?;
    // Withdrawing the replaced one is no way to end the access, and says so.
    let path = format!("/v1/grants/{}", first["id"].as_str().unwrap_or_default());
    let told = stack.delete(&path).token(patient.token()).expect(409)?;
    ensure(told.body["grantId"] == second["id"], format!("the one in force: {}", told.body))?;
    told.problem("other-grant-in-force")?;
    records(stack, &ward.doctor, &patient)?.expect(200).map(|_| ())
}

#[test]
fn counted_reads_are_never_more_than_allowed_however_is_read() -> Outcome {
    let (stack, ward, patient) = scene("Clara Count")?;
    let id = patient.note(stack, "lab-report", "2026-01-01", "Counted", "counted")?;
    let record = format!("/records/{id}");
    let ways = ["/records".into(), format!("{record}/text"), format!("{record}/content"), record];
    let mut terms = reading(&["all"], 3600);
    terms["maxReads"] = json!(4);
    ward.doctor.granted(stack, &patient, &terms)?;
    let read = |n: usize| {
        let path = patient.path(&ways[n % ways.len()]);
        Ok(stack.get_path(&path).token(ward.doctor.token()).send()?.status)
    };
    let answers = in_parallel(0..8, read)?;
    let shown = answers.iter().filter(|status| **status == 200).count();
    let known = answers.iter().all(|status| [200, 404, 503].contains(status));
    ensure(shown <= 4 && known, format!("{answers:?}"))?;
    for n in shown..4 {
        ensure(read(n)? == 200, "what is left is shown")?;
    }
    for n in 0..4 {
        ensure(read(n)? == 404, "and then nothing")?;
    }
    Ok(())
}

#[test]
fn i4_an_expiry_is_recorded_once_however_it_is_noticed() -> Outcome {
    let (stack, ward, patient) = scene("Elsa Expire")?;
    let grant = ward.doctor.granted(stack, &patient, &reading(&["all"], 1))?;
    ended(stack, &ward.doctor, &patient)?;
    in_parallel(0..4, |_| stack.invoke("grant_sweep", &json!({})).map(|_| ()))?;
    let live = testkit::poll("the live grant to be gone", || {
        let items = stack.partition(&format!("PATIENT#{}", patient.id))?;
        let live = format!("LIVE#{}", ward.doctor.id);
        Ok((!items.iter().any(|item| item["SK"]["S"] == live)).then_some(()))
    });
    live?;
    stack.invoke("grant_sweep", &json!({}))?;
    let trail = patient.audit(stack)?;
    let expired = trail.iter().filter(|e| e["reason"] == "expired" && e["grantId"] == grant["id"]);
    ensure(expired.count() == 1, "recorded exactly once")
}

#[test]
fn i7_a_stream_event_told_twice_and_late_records_one_expiry() -> Outcome {
    let (stack, ward, patient) = scene("Tina Twice")?;
    let grant = ward.doctor.granted(stack, &patient, &reading(&["all"], 1))?;
    ended(stack, &ward.doctor, &patient)?;
    let id = grant["id"].as_str().unwrap_or_default();
    let (ends, starts) = (grant["expiresAt"].clone(), grant["notBefore"].clone());
    let text = |value: &str| json!({ "S": value });
    let image = json!({
        "PK": text(&format!("PATIENT#{}", patient.id)), "SK": text(&format!("LIVE#{}", ward.doctor.id)),
        "id": text(id), "patient": text(&patient.id), "doctor": text(&ward.doctor.id),
        "terms": { "M": {
            "actions": { "L": [text("read")] }, "types": { "L": [text("imaging")] },
            "purpose": text("treatment"), "durationSeconds": { "N": "1" },
        } },
        "not_before": { "S": starts }, "ends_at": { "S": ends }, "reads": { "N": "0" },
        "expires_at": { "N": "1" },
    });
    let record = stream_record("REMOVE", "100", &image);
    for _ in 0..3 {
        let answer = stack.invoke("table_stream", &json!({ "Records": [record, record] }))?;
        ensure(answer["batchItemFailures"] == json!([]), format!("{answer}"))?;
    }
    let trail = patient.audit(stack)?;
    let expired = trail.iter().filter(|e| e["reason"] == "expired" && e["grantId"] == id);
    ensure(expired.count() == 1, "recorded exactly once")?;
    // A record that cannot be followed is named, so that the stream stops there.
    let mut broken = record.clone();
    broken["dynamodb"]["OldImage"] = json!({});
    let answer = stack.invoke("table_stream", &json!({ "Records": [broken] }))?;
    ensure(answer["batchItemFailures"][0]["itemIdentifier"] == "100", format!("{answer}"))
}

#[test]
fn a_cursor_serves_its_own_list_and_caller_only() -> Outcome {
    let (stack, ward, patient) = scene("Cora Cursor")?;
    for _ in 0..3 {
        let request = ward.doctor.ask(stack, &patient, &reading(&["imaging"], 3600))?;
        patient.decide(stack, &request, &json!({ "decision": "reject" }))?.expect(200)?;
    }
    ward.doctor.ask(stack, &patient, &reading(&["imaging"], 3600))?;
    let get = |path: &str, token: &str| stack.get_path(path).token(token).send();
    let first = get("/v1/access-requests?limit=2", patient.token())?.expect(200)?;
    ensure(first.list("/items")?.len() == 2, "a whole page")?;
    let cursor = first.text("/nextCursor")?.to_owned();
    let next = get(&format!("/v1/access-requests?limit=2&cursor={cursor}"), patient.token())?
        .expect(200)?;
    ensure(next.list("/items")?.len() == 2 && next.body["nextCursor"].is_null(), "the rest")?;
    for (path, token) in [
        (format!("/v1/access-requests?cursor={cursor}"), ward.doctor.token()),
        (format!("/v1/access-requests?status=pending&cursor={cursor}"), patient.token()),
        (format!("/v1/grants?cursor={cursor}"), patient.token()),
        ("/v1/access-requests?cursor=AAAA".into(), patient.token()),
        (patient.path(&format!("/audit?cursor={cursor}")), patient.token()),
        (patient.path(&format!("/records?cursor={cursor}")), patient.token()),
    ] {
        let answer = get(&path, token)?.expect(400)?;
        ensure(answer.wrong() == ["cursor"], format!("{path}: {:?}", answer.wrong()))?;
    }
    Ok(())
}

#[test]
fn i2_every_refusal_and_disclosure_leaves_its_entry() -> Outcome {
    let (stack, ward, patient) = scene("Ada Audit")?;
    let id = patient.note(stack, "lab-report", "2026-03-01", "Blood", "blood")?;
    let before = patient.audit(stack)?.len();
    records(stack, &ward.doctor, &patient)?.expect(404)?;
    ward.doctor.granted(stack, &patient, &reading(&["lab-report"], 3600))?;
    let get = |rest: &str| {
        stack.get_path(&patient.path(&format!("/records/{id}{rest}"))).token(ward.doctor.token())
    };
    for part in ["?purpose=treatment", "/text", "/content"] {
        get(part).expect(200)?;
    }
    get("?purpose=research").expect(404)?.problem("not-found")?;
    let trail = patient.audit(stack)?;
    let told: Vec<_> =
        trail[before..].iter().map(|e| (e["action"].clone(), e["reason"].clone())).collect();
    let expected = [
        ("record_list", "no-grant"),
        ("access_request_create", "asked"),
        ("access_request_decide", "approved"),
        ("record_get", "granted"),
        ("record_text", "granted"),
        ("record_download", "granted"),
        ("record_get", "other-purpose"),
    ];
    let expected: Vec<_> = expected.iter().map(|(a, r)| (json!(a), json!(r))).collect();
    ensure(told == expected, format!("{told:?}"))?;
    let read = &trail[before + 3];
    ensure(read["recordId"] == id.as_str() && read["purpose"] == "treatment", format!("{read}"))?;
    let who = "Dr. Lena Sommer (Ward of the tests)";
    ensure(read["actorName"] == who, format!("{read}"))?;
    // The trail is the patient's alone.
    for token in [ward.doctor.token(), &ward.hospital.admin.token] {
        stack.get_path(&patient.path("/audit")).token(token).expect(403)?.problem("wrong-role")?;
    }
    Ok(())
}

#[test]
fn i5_an_upload_that_outlives_its_grant_is_not_taken_in() -> Outcome {
    let (stack, ward, patient) = scene("Uma Upload")?;
    let mut terms = reading(&["all"], 3600);
    terms["actions"] = json!(["add"]);
    let file = Document::new("late.txt", "text/plain", b"late".to_vec());
    let declared = file.declaration("lab-report", "Late");
    let begin = || begin(stack, (&patient.id, ward.doctor.token()), &declared);
    let grant = ward.doctor.granted(stack, &patient, &terms)?;
    let (taken, form) = begin()?;
    post_form(&form, &file)?.expect(204)?;
    let record = settled(stack, &patient.id, patient.token(), &taken)?;
    ensure(record["status"] == "available", format!("in time: {record}"))?;
    ensure(record["author"]["id"] == ward.doctor.id.as_str(), "the doctor is its author")?;
    // To add is not to read.
    let path = patient.path(&format!("/records/{taken}"));
    stack.get_path(&path).token(ward.doctor.token()).expect(404)?;
    let (late, form) = begin()?;
    let path = format!("/v1/grants/{}", grant["id"].as_str().unwrap_or_default());
    stack.delete(&path).token(patient.token()).expect(204)?;
    post_form(&form, &file)?.expect(204)?;
    let record = settled(stack, &patient.id, patient.token(), &late)?;
    ensure(record["status"] == "rejected", format!("too late: {record}"))?;
    ensure(record["rejection"] == "consent-ended", format!("and why: {record}"))?;
    testkit::poll("the object to be gone", || {
        let prefix = format!("quarantine/{}", patient.id);
        Ok(stack.objects(&prefix)?.is_empty().then_some(()))
    })
}
