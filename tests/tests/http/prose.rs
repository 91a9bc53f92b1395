//! What people write, over HTTP: kept as it is or refused where it stands, never altered in silence.

use serde_json::{Value, json};
use testkit::{Outcome, Patient, Stack, documents::Document, ensure};

fn file() -> Document {
    Document::new("note.txt", "text/plain", b"note".to_vec())
}

fn upload(
    stack: &Stack,
    patient: &Patient,
    field: &str,
    value: &Value,
) -> Outcome<testkit::Answer> {
    let mut body = file().declaration("lab-report", "Blood");
    body[field] = value.clone();
    stack.post(&patient.path("/uploads")).token(patient.token()).json(&body).send()
}

#[test]
fn real_writing_is_kept_exactly() -> Outcome {
    let stack = Stack::get()?;
    let patient =
        Patient::join(stack, "Zo\u{eb} O\u{2019}Neill \u{1f469}\u{200d}\u{2695}\u{fe0f}")?;
    let me = stack.get_path("/v1/me").token(patient.token()).expect(200)?;
    let name = "Zo\u{eb} O\u{2019}Neill \u{1f469}\u{200d}\u{2695}\u{fe0f}";
    ensure(me.body["name"] == name, format!("{}", me.body))?;
    for (field, written, kept) in [
        (
            "title",
            "\u{645}\u{62e}\u{62a}\u{628}\u{631} 12",
            "\u{645}\u{62e}\u{62a}\u{628}\u{631} 12",
        ),
        ("title", "Mu\u{308}ller", "M\u{fc}ller"),
        ("notes", "one\r\ntwo\rthree", "one\ntwo\nthree"),
    ] {
        let made = upload(stack, &patient, field, &json!(written))?.expect(201)?;
        let path = patient.path(&format!("/records/{}", made.text("/recordId")?));
        let record = stack.get_path(&path).token(patient.token()).expect(200)?;
        ensure(record.body[field] == kept, format!("{}", record.body))?;
    }
    Ok(())
}

#[test]
fn what_would_pose_as_something_else_is_refused_where_it_stands() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Paul Pose")?;
    for (field, value) in [
        ("title", "a\nYou gave access"),
        ("title", "\u{200b}"),
        ("title", "\u{202e}daeh"),
        ("fileName", "a\u{202e}fdp.exe"),
        ("fileName", ".."),
        ("notes", "a\u{1b}[2J"),
        ("notes", "not there any more: \u{fffd}"),
        ("date", "1849-12-31"),
        ("date", "2126-01-01"),
    ] {
        let wrong = upload(stack, &patient, field, &json!(value))?.expect(400)?.wrong();
        ensure(wrong == [format!("/{field}")], format!("{field} {value:?}: {wrong:?}"))?;
    }
    Ok(())
}

#[test]
fn ids_in_upper_case_are_the_same_ids() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Ulla Upper")?;
    let path = format!("/v1/patients/{}/records", patient.id.to_uppercase());
    stack.get_path(&path).token(patient.token()).expect(200)?;
    let turned = patient.path("/records?from=2026-02-02&to=2026-02-01");
    let wrong = stack.get_path(&turned).token(patient.token()).expect(400)?.wrong();
    ensure(wrong == ["to"], format!("{wrong:?}"))?;
    let long = json!({ "x": "x".repeat(65_535) });
    let call = stack.post("/v1/access-requests").token(patient.token()).json(&long);
    call.expect(413)?.problem("too-large")
}
