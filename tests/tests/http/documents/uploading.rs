//! `upload_create`: who may begin an upload, and what the form admits.

use serde_json::{Value, json};
use testkit::{
    Outcome, Ward,
    documents::{Document, post_form},
    ensure,
};

use super::{Vault, plain};

#[test]
fn everything_wrong_with_a_declaration_is_named_at_once() -> Outcome {
    let vault = Vault::open()?;
    let good = plain("x").declaration("other", "A document");
    let path = vault.patient.path("/uploads");
    let send =
        |body: &Value| vault.stack.post(&path).token(vault.patient.token()).json(body).send();
    let wrong = |change: Value| {
        let mut body = good.clone();
        for (name, value) in change.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    };
    let cases = [
        (json!({ "type": "all" }), "/type"),
        (json!({ "date": "2026-02-30" }), "/date"),
        (json!({ "title": " " }), "/title"),
        (json!({ "title": "x".repeat(201) }), "/title"),
        (json!({ "notes": 7 }), "/notes"),
        (json!({ "fileName": "../x" }), "/fileName"),
        (json!({ "contentType": "image/gif" }), "/contentType"),
        (json!({ "size": 0 }), "/size"),
        (json!({ "size": 50_000_001 }), "/size"),
        (json!({ "size": 1.5 }), "/size"),
        (json!({ "sha256": "ab" }), "/sha256"),
        (json!({ "owner": "me" }), ""),
    ];
    for (change, pointer) in cases {
        let answer = send(&wrong(change.clone()))?.expect(400)?;
        answer.problem("invalid-request")?;
        ensure(answer.wrong() == [pointer], format!("{change}: {:?}", answer.wrong()))?;
    }
    let answer = send(&json!({}))?.expect(400)?;
    let all = ["/type", "/date", "/title", "/fileName", "/contentType", "/size", "/sha256"];
    ensure(answer.wrong() == all, format!("an empty body: {:?}", answer.wrong()))?;
    for body in ["", "[]", "{", "null", "\"x\""] {
        let call = vault.stack.post(&path).token(vault.patient.token());
        call.body(body.as_bytes().to_vec()).expect(400)?.problem("invalid-request")?;
    }
    let none = vault.stack.post(&path).token(vault.patient.token()).without("Idempotency-Key");
    let none = none.json(&good).expect(400)?;
    ensure(none.wrong() == ["Idempotency-Key"], "the missing key is named")
}

#[test]
fn i7_an_upload_is_begun_once_however_often_it_is_sent() -> Outcome {
    let vault = Vault::open()?;
    let body = plain("once").declaration("other", "Once");
    let path = vault.patient.path("/uploads");
    let call = vault.stack.post(&path).token(vault.patient.token()).key("once").json(&body);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let sent: Vec<_> = (0..4).map(|_| scope.spawn(|| call.send())).collect();
        sent.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let answers = answers.into_iter().collect::<Outcome<Vec<_>>>()?;
    let first = call.expect(201)?;
    for answer in answers {
        let same = answer.status == 201 && answer.bytes == first.bytes;
        ensure(same, format!("the same answer each time: {} {}", answer.status, answer.body))?;
    }
    ensure(vault.told(first.text("/recordId")?, "owner")? == 1, "the trail has it once")?;
    let other = plain("twice").declaration("other", "Once");
    let other = vault.stack.post(&path).token(vault.patient.token()).key("once").json(&other);
    other.expect(422)?.problem("idempotency-key-reused")
}

#[test]
fn a_form_admits_the_declared_file_and_no_other() -> Outcome {
    let vault = Vault::open()?;
    let file = plain("a file of thirty-two characters!");
    let (id, form) = vault.form(&file)?;
    let refused = |form: &Value, file: &Document| post_form(form, file).map(|sent| sent.status);
    let longer = plain("a file of thirty-two characters! and more");
    let shorter = plain("a file");
    let with = |name: &str, value: &str| {
        let mut form = form.clone();
        form["fields"][name] = json!(value);
        form
    };
    let elsewhere = with("key", &format!("records/{}/{id}", vault.patient.id));
    let html = with("Content-Type", "text/html");
    let own_key = with("x-amz-server-side-encryption-aws-kms-key-id", "alias/mine");
    let attempts = [
        ("longer", &form, &longer),
        ("shorter", &form, &shorter),
        ("elsewhere", &elsewhere, &file),
        ("another type", &html, &file),
        ("another key", &own_key, &file),
    ];
    for (what, form, file) in attempts {
        let status = refused(form, file)?;
        ensure((400..500).contains(&status), format!("{what}: {status}"))?;
    }
    ensure(vault.record(&id)?["status"] == "awaiting-upload", "the record still waits")?;
    vault.no_object_of(&id)?;
    post_form(&form, &file)?.expect(204)?;
    ensure(vault.settled(&id)?["status"] == "available", "the declared file is taken in")
}

#[test]
fn another_content_of_the_same_size_is_stopped_at_the_door_or_by_the_check() -> Outcome {
    let vault = Vault::open()?;
    let (id, form) = vault.form(&plain("as declared"))?;
    if post_form(&form, &plain("as DECLARED"))?.status < 400 {
        let record = vault.settled(&id)?;
        ensure(record["rejection"] == "checksum-mismatch", format!("{record}"))?;
    }
    vault.no_object_of(&id)
}

#[test]
fn i1_a_doctor_adds_only_what_a_grant_lets_them_add() -> Outcome {
    let vault = Vault::open()?;
    let doctor = &Ward::get(vault.stack)?.doctor;
    let note = plain("seen today");
    let path = vault.patient.path("/uploads");
    let add = |kind: &str| {
        let body = note.declaration(kind, "Visit");
        vault.stack.post(&path).token(doctor.token()).json(&body).send()
    };
    add("visit-note")?.expect(404)?.problem("not-found")?;
    let terms = json!({
        "actions": ["read"], "types": ["visit-note"], "purpose": "treatment",
        "durationSeconds": 3600,
    });
    doctor.granted(vault.stack, &vault.patient, &terms)?;
    add("visit-note")?.expect(404)?.problem("not-found")?;
    let mut terms = terms;
    terms["actions"] = json!(["read", "add"]);
    doctor.granted(vault.stack, &vault.patient, &terms)?;
    add("lab-report")?.expect(404)?.problem("not-found")?;
    let begun = add("visit-note")?.expect(201)?;
    post_form(&begun.body["upload"], &note)?.expect(204)?;
    let record = vault.settled(begun.text("/recordId")?)?;
    ensure(record["author"]["role"] == "doctor", "the doctor is its author")?;
    ensure(vault.download(begun.text("/recordId")?)? == note.bytes, "the patient has the file")
}
