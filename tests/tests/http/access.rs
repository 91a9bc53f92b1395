//! Consent over HTTP: asking, deciding, ending.

use serde_json::{Value, json};
use testkit::{
    Answer, Doctor, Outcome, Patient, Stack, Ward,
    cast::{pages, reading},
    documents::{Document, post_form, settled},
    ensure, in_parallel,
    operator::stream_record,
};

fn scene(name: &str) -> Outcome<(&'static Stack, &'static Ward, Patient)> {
    let stack = Stack::get()?;
    Ok((stack, Ward::get(stack)?, Patient::join(stack, name)?))
}

fn records(stack: &Stack, doctor: &Doctor, patient: &Patient) -> Outcome<Answer> {
    stack.get_path(&patient.path("/records")).token(doctor.token()).send()
}

#[test]
fn i1_a_doctor_sees_nothing_without_a_grant() -> Outcome {
    let (stack, ward, patient) = scene("Nora Nothing")?;
    let id = patient.note(stack, "lab-report", "2026-01-05", "Ferritin", "Ferritin 12")?;
    let there = patient.path(&format!("/records/{id}"));
    let absent = patient.path("/records/01900000-0000-7000-8000-000000000000");
    let nobody = "/v1/patients/01900000-0000-7000-8000-000000000000/records";
    let get = |path: &str| stack.get_path(path).token(ward.doctor.token()).expect(404);
    let bodies = [get(&there)?, get(&absent)?, get(nobody)?, get(&patient.path("/records"))?];
    // I10: nothing tells what exists from what does not.
    for answer in &bodies {
        answer.problem("not-found")?;
        let mut body = answer.body.clone();
        body["requestId"] = Value::Null;
        let mut first = bodies[0].body.clone();
        first["requestId"] = Value::Null;
        ensure(body == first, format!("{body} is as {first}"))?;
    }
    Ok(())
}

#[test]
fn i1_a_grant_covers_its_types_dates_purpose_and_nothing_else() -> Outcome {
    let (stack, ward, patient) = scene("Sam Scope")?;
    let inside = patient.note(stack, "lab-report", "2026-03-01", "Inside", "inside")?;
    let early = patient.note(stack, "lab-report", "2025-12-31", "Early", "early")?;
    let late = patient.note(stack, "lab-report", "2026-07-01", "Late", "late")?;
    let other = patient.note(stack, "imaging", "2026-03-01", "Other", "other")?;
    let sensitive = patient.note(stack, "mental-health", "2026-03-01", "Talk", "talk")?;
    let mut terms = reading(&["lab-report"], 3600);
    terms["from"] = json!("2026-01-01");
    terms["to"] = json!("2026-06-30");
    ward.doctor.granted(stack, &patient, &terms)?;
    let get = |id: &str, more: &str| {
        stack
            .get_path(&patient.path(&format!("/records/{id}{more}")))
            .token(ward.doctor.token())
            .send()
    };
    get(&inside, "")?.expect(200)?;
    get(&inside, "?purpose=treatment")?.expect(200)?;
    get(&inside, "?purpose=research")?.expect(404)?;
    for outside in [&early, &late, &other, &sensitive] {
        for part in ["", "/text", "/content"] {
            get(outside, part)?.expect(404)?;
        }
    }
    let listed = records(stack, &ward.doctor, &patient)?.expect(200)?;
    let ids: Vec<_> = listed.list("/items")?.iter().map(|item| item["id"].clone()).collect();
    ensure(ids == [json!(inside)], format!("only what is covered is listed: {ids:?}"))?;
    // "all" never covers what is sensitive; that has to be named.
    ward.other.granted(stack, &patient, &reading(&["all"], 3600))?;
    let seen = records(stack, &ward.other, &patient)?.expect(200)?;
    ensure(seen.list("/items")?.len() == 4, "all but the sensitive one")?;
    ward.other.granted(stack, &patient, &reading(&["all", "mental-health"], 3600))?;
    let seen = records(stack, &ward.other, &patient)?.expect(200)?;
    ensure(seen.list("/items")?.len() == 5, "with the sensitive one")
}

#[test]
fn a_request_names_everything_that_is_wrong_with_it_at_once() -> Outcome {
    let (stack, ward, patient) = scene("Wanda Wrong")?;
    let post = |body: &Value| {
        stack.post("/v1/access-requests").token(ward.doctor.token()).json(body).expect(400)
    };
    let mut body = json!({
        "patientId": "not-a-uuid", "actions": ["read", "fly"], "types": [], "purpose": "fun",
        "durationSeconds": 0, "maxReads": 1.5, "from": "2026-13-01", "message": "x".repeat(1001),
        "unknown": 1,
    });
    let mut wrong = post(&body)?.wrong();
    wrong.sort();
    let expected = [
        "",
        "/actions",
        "/durationSeconds",
        "/from",
        "/maxReads",
        "/message",
        "/patientId",
        "/purpose",
        "/types",
    ];
    ensure(wrong == expected, format!("{wrong:?}"))?;
    body = reading(&["imaging"], 3600);
    body["patientId"] = json!(patient.id);
    body["from"] = json!("2026-02-01");
    body["to"] = json!("2026-01-01");
    ensure(post(&body)?.wrong() == ["/to"], "dates in order")?;
    ensure(post(&json!({}))?.wrong().len() == 5, "every missing field")?;
    let longest = 365 * 24 * 3600;
    body = reading(&["imaging"], longest + 1);
    body["patientId"] = json!(patient.id);
    ensure(post(&body)?.wrong() == ["/durationSeconds"], "at most 365 days")?;
    let call = stack.post("/v1/access-requests").token(ward.doctor.token());
    for raw in ["", "{", "[]", "nonsense", "null", "{\"patientId\":}"] {
        let answer = call.clone().body(raw.as_bytes().to_vec()).expect(400)?;
        answer.problem("invalid-request")?;
    }
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    call.clone().body(deep.into_bytes()).expect(400)?;
    let none = call.without("Idempotency-Key").json(&reading(&["imaging"], 3600)).expect(400)?;
    ensure(none.wrong().contains(&"Idempotency-Key".to_owned()), "the key is asked for")
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
    let wrong = decide(json!({ "decision": "maybe", "terms": { "types": "all" }, "more": 1 }))?;
    let wrong = wrong.expect(400)?.wrong();
    ensure(wrong.contains(&"/decision".to_owned()), format!("{wrong:?}"))?;
    ensure(wrong.contains(&"/terms/types".to_owned()), format!("{wrong:?}"))?;
    decide(json!({ "decision": "approve", "terms": wider, "allowMore": true }))?.expect(200)?;
    let trail = patient.audit(stack)?;
    ensure(trail.iter().any(|entry| entry["reason"] == "widened"), "the trail says so")?;
    let request = ward.doctor.ask(stack, &patient, &reading(&["imaging"], 3600))?;
    let mut other = reading(&["imaging"], 3600);
    other["purpose"] = json!("research");
    let body = json!({ "decision": "approve", "terms": other, "allowMore": true });
    patient.decide(stack, &request, &body)?.expect(200)?;
    let last = patient.audit(stack)?.pop().unwrap_or_default();
    ensure(last["purpose"] == "research", format!("the purpose that was given: {last}"))
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
    let revoked = trail.iter().filter(|entry| entry["action"] == "grant_revoke");
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
        let other = json!({
            "PK": { "S": format!("PATIENT#{}", patient.id) },
            "SK": { "S": format!("LIVE#ffffffff-0000-7000-8000-{n:012}") },
        });
        let put = json!({ "TableName": stack.output("TableName")?, "Item": other });
        stack.aws("dynamodb", "DynamoDB_20120810.PutItem", &put)?;
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
    // Withdrawing the replaced one changes nothing.
    let path = format!("/v1/grants/{}", first["id"].as_str().unwrap_or_default());
    stack.delete(&path).token(patient.token()).expect(204)?;
    records(stack, &ward.doctor, &patient)?.expect(200).map(|_| ())
}

#[test]
fn counted_reads_are_never_more_than_allowed() -> Outcome {
    let (stack, ward, patient) = scene("Clara Count")?;
    let mut terms = reading(&["all"], 3600);
    terms["maxReads"] = json!(3);
    ward.doctor.granted(stack, &patient, &terms)?;
    let answers = in_parallel(0..8, |_| Ok(records(stack, &ward.doctor, &patient)?.status))?;
    let shown = answers.iter().filter(|status| **status == 200).count();
    let refused = answers.iter().filter(|status| **status == 404).count();
    ensure(
        shown <= 3 && shown + refused + answers.iter().filter(|s| **s == 503).count() == 8,
        format!("{answers:?}"),
    )?;
    for _ in shown..3 {
        records(stack, &ward.doctor, &patient)?.expect(200)?;
    }
    records(stack, &ward.doctor, &patient)?.expect(404).map(|_| ())
}

#[test]
fn every_way_of_reading_counts() -> Outcome {
    let (stack, ward, patient) = scene("Rita Read")?;
    let id = patient.note(stack, "lab-report", "2026-01-01", "Counted", "counted")?;
    let mut terms = reading(&["all"], 3600);
    terms["maxReads"] = json!(3);
    ward.doctor.granted(stack, &patient, &terms)?;
    let record = patient.path(&format!("/records/{id}"));
    for rest in ["", "/text", "/content"] {
        stack.get_path(&format!("{record}{rest}")).token(ward.doctor.token()).expect(200)?;
    }
    records(stack, &ward.doctor, &patient)?.expect(404).map(|_| ())
}

#[test]
fn i4_an_expiry_is_recorded_once_however_it_is_noticed() -> Outcome {
    let (stack, ward, patient) = scene("Elsa Expire")?;
    let grant = ward.doctor.granted(stack, &patient, &reading(&["all"], 1))?;
    testkit::poll("the grant to end", || {
        Ok((records(stack, &ward.doctor, &patient)?.status == 404).then_some(()))
    })?;
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
    testkit::poll("the grant to end", || {
        Ok((records(stack, &ward.doctor, &patient)?.status == 404).then_some(()))
    })?;
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
        ward.doctor.ask(stack, &patient, &reading(&["imaging"], 3600))?;
    }
    let get = |path: &str, token: &str| stack.get_path(path).token(token).send();
    let first = get("/v1/access-requests?limit=2", patient.token())?.expect(200)?;
    ensure(first.list("/items")?.len() == 2, "a whole page")?;
    let cursor = first.text("/nextCursor")?.to_owned();
    let next = get(&format!("/v1/access-requests?limit=2&cursor={cursor}"), patient.token())?
        .expect(200)?;
    ensure(next.list("/items")?.len() == 1 && next.body["nextCursor"].is_null(), "the rest")?;
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
    for bad in ["limit=0", "limit=101", "limit=x", "cursor=", "status=odd", "unknown=1"] {
        let answer = get(&format!("/v1/access-requests?{bad}"), patient.token())?.expect(400)?;
        ensure(answer.wrong() == [bad.split('=').next().unwrap_or_default()], bad)?;
    }
    Ok(())
}

/// A page for one looks at five requests, and loses none of those it leaves to the next.
#[test]
fn a_filter_that_passes_over_many_ends_its_page_and_leads_on() -> Outcome {
    let (stack, ward, patient) = scene("Filippa Filter")?;
    let waiting = ward.other.ask(stack, &patient, &reading(&["imaging"], 3600))?;
    for _ in 0..7 {
        let request = ward.doctor.ask(stack, &patient, &reading(&["imaging"], 3600))?;
        patient.decide(stack, &request, &json!({ "decision": "reject" }))?.expect(200)?;
    }
    let path = "/v1/access-requests?status=pending&limit=1";
    let first = stack.get_path(path).token(patient.token()).expect(200)?;
    ensure(first.list("/items")?.is_empty(), format!("passed over: {}", first.body))?;
    let found = pages(stack, patient.token(), path)?;
    ensure(found.len() == 1 && found[0]["id"] == waiting, format!("{found:?}"))
}

#[test]
fn i2_every_refusal_and_disclosure_leaves_its_entry() -> Outcome {
    let (stack, ward, patient) = scene("Ada Audit")?;
    let id = patient.note(stack, "lab-report", "2026-03-01", "Blood", "blood")?;
    let before = patient.audit(stack)?.len();
    records(stack, &ward.doctor, &patient)?.expect(404)?;
    ward.doctor.granted(stack, &patient, &reading(&["lab-report"], 3600))?;
    let get = |rest: &str| {
        stack
            .get_path(&patient.path(&format!("/records/{id}{rest}")))
            .token(ward.doctor.token())
            .expect(200)
    };
    for part in ["", "/text", "/content"] {
        get(part)?;
    }
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
    ];
    let expected: Vec<_> = expected.iter().map(|(a, r)| (json!(a), json!(r))).collect();
    ensure(told == expected, format!("{told:?}"))?;
    let read = &trail[before + 3];
    ensure(read["recordId"] == id.as_str() && read["purpose"] == "treatment", format!("{read}"))?;
    let who = "Dr. Lena Sommer (Ward of the tests)";
    ensure(read["actorName"] == who, format!("{read}"))?;
    // The trail is the patient's alone.
    for token in [ward.doctor.token(), &ward.hospital.admin.account.token] {
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
    let begin = || {
        let path = patient.path("/uploads");
        let call = stack.post(&path).token(ward.doctor.token());
        call.json(&file.declaration("lab-report", "Late")).expect(201)
    };
    let grant = ward.doctor.granted(stack, &patient, &terms)?;
    let taken = begin()?;
    post_form(&taken.body["upload"], &file)?.expect(204)?;
    let record = settled(stack, &patient.id, patient.token(), taken.text("/recordId")?)?;
    ensure(record["status"] == "available", format!("in time: {record}"))?;
    ensure(record["author"]["id"] == ward.doctor.id.as_str(), "the doctor is its author")?;
    // To add is not to read.
    let path = patient.path(&format!("/records/{}", taken.text("/recordId")?));
    stack.get_path(&path).token(ward.doctor.token()).expect(404)?;
    let late = begin()?;
    let path = format!("/v1/grants/{}", grant["id"].as_str().unwrap_or_default());
    stack.delete(&path).token(patient.token()).expect(204)?;
    post_form(&late.body["upload"], &file)?.expect(204)?;
    let record = settled(stack, &patient.id, patient.token(), late.text("/recordId")?)?;
    ensure(record["status"] == "rejected", format!("too late: {record}"))?;
    ensure(record["rejection"] == "consent-ended", format!("and why: {record}"))?;
    testkit::poll("the object to be gone", || {
        let prefix = format!("quarantine/{}", patient.id);
        Ok(stack.objects(&prefix)?.is_empty().then_some(()))
    })
}
