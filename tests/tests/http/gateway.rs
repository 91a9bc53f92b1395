//! What the gateway and the firewall before it do to requests and answers.

use std::{fs, path::Path};

use serde_json::json;
use testkit::{Answer, Outcome, Patient, Stack, documents::Document, ensure};

fn told_by_a_browser(answer: &Answer) -> Outcome {
    let header = |name: &str| answer.headers.get(name).map(String::as_str).unwrap_or_default();
    ensure(header("content-type").starts_with("application/problem+json"), "a problem")?;
    ensure(header("access-control-allow-origin") == "*", "browsers may read it")?;
    let id = answer.text("/requestId")?;
    ensure(header("x-amzn-requestid") == id, format!("{id} is not {}", header("x-amzn-requestid")))
}

#[test]
fn every_problem_has_the_id_of_its_request_whoever_tells_it() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Gail Gateway")?;
    let absent = patient.path("/records/01900000-0000-7000-8000-000000000000");
    let by_the_function = stack.get_path(&absent).token(patient.token()).expect(404)?;
    let by_the_gateway = stack.get_path("/v1/nothing").token(patient.token()).expect(404)?;
    told_by_a_browser(&by_the_function)?;
    told_by_a_browser(&by_the_gateway)?;
    let unauthenticated = stack.get_path("/v1/me").expect(401)?;
    let challenge = unauthenticated.headers.get("www-authenticate").map(String::as_str);
    ensure(challenge == Some("Bearer"), format!("{challenge:?}"))?;
    told_by_a_browser(&unauthenticated)?;
    let wrong = json!({ "email": "nobody@example.org", "password": "Wrong-Horse-9" });
    let wrong = stack.post("/v1/sessions").json(&wrong).expect(401)?;
    // API Gateway renames the header of a function.
    let renamed = wrong.headers.get("x-amzn-remapped-www-authenticate").map(String::as_str);
    ensure(renamed == Some("Bearer"), format!("{renamed:?}"))
}

#[test]
fn notes_that_look_like_attacks_are_kept_as_they_are() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Nick Notes")?;
    let file = Document::new("note.txt", "text/plain", b"note".to_vec());
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/notes.txt");
    let corpus = fs::read_to_string(corpus)?;
    let notes: Vec<_> = corpus.lines().filter(|line| !line.starts_with('#')).collect();
    ensure(notes.len() >= 10, "a corpus")?;
    for note in notes {
        let mut body = file.declaration("visit-note", "Visit");
        body["notes"] = json!(note);
        let made = stack.post(&patient.path("/uploads")).token(patient.token()).json(&body);
        let path = patient.path(&format!("/records/{}", made.expect(201)?.text("/recordId")?));
        let record = stack.get_path(&path).token(patient.token()).expect(200)?;
        ensure(record.body["notes"] == note, format!("{note}: {}", record.body))?;
    }
    Ok(())
}
