//! I6: what people write is found sealed, and nowhere else.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Timestamp, names::Named, policy::Action};
use serde_json::{Value, json};
use testkit::{
    Hospital, Outcome, Patient, Stack,
    cast::reading,
    documents::{Document, begin, post_form, settled},
    ensure, poll,
};

use crate::alone;

/// A word that stands nowhere by chance.
fn canary(of: &str) -> String {
    format!("zq{of}{}", uuid::Uuid::now_v7().simple())
}

/// Whether any text or binary value below `value` holds one of `words`.
fn holds(value: &Value, words: &[String]) -> bool {
    let text = |text: &str| words.iter().any(|word| text.contains(word.as_str()));
    match value {
        Value::String(held) => {
            let bytes = STANDARD.decode(held).unwrap_or_default();
            text(held) || text(&String::from_utf8_lossy(&bytes))
        }
        Value::Array(items) => items.iter().any(|item| holds(item, words)),
        Value::Object(fields) => fields.iter().any(|(name, item)| text(name) || holds(item, words)),
        _ => false,
    }
}

#[test]
fn i6_nothing_that_anybody_wrote_leaks() -> Outcome {
    let (_alone, stack) = alone()?;
    let since = Timestamp::now();
    let names = ["hospital", "doctor", "patient"].map(canary);
    let [hospital, doctor, name] = &names;
    let ward = Hospital::open(stack, hospital)?;
    let doctor = ward.doctor(stack, &format!("Dr. {doctor}"))?;
    let patient = Patient::join(stack, name)?;
    let written = ["title", "notes", "file", "text", "message"].map(canary);
    let [title, notes, file_name, text, message] = &written;

    let file = Document::new(&format!("{file_name}.txt"), "text/plain", text.clone().into_bytes());
    let mut body = file.declaration("mental-health", title);
    body["notes"] = json!(notes);
    let (id, form) = begin(stack, (&patient.id, patient.token()), &body)?;
    post_form(&form, &file)?.expect(204)?;
    let record = settled(stack, &patient.id, patient.token(), &id)?;
    ensure(record["title"] == title.as_str() && record["notes"] == notes.as_str(), "it is kept")?;
    let mut terms = reading(&["mental-health"], 3600);
    terms["message"] = json!(message);
    doctor.granted(stack, &patient, &terms)?;
    let found = stack.get_path(&patient.path(&format!("/records?q={text}"))).token(doctor.token());
    ensure(found.expect(200)?.list("/items")?.len() == 1, "and found by its text")?;

    let words: Vec<_> = names.iter().chain(&written).cloned().collect();
    stack.get_path("/v1/me").token(patient.token()).expect(200)?;
    errors_echo_nothing(stack, &patient, &words)?;
    let items = stack.items()?;
    let mine = items.iter().filter(|item| item.to_string().contains(&patient.id));
    ensure(mine.count() >= 5, "the table was looked at")?;
    for item in &items {
        ensure(!holds(item, &words), format!("{} holds a canary", item["SK"]))?;
    }
    for object in stack.objects("")? {
        ensure(!words.iter().any(|word| object.contains(word.as_str())), "an object's name")?;
    }
    let kept = poll("the trail to be archived", || {
        let kept = stack.archived(since)?;
        Ok(kept.iter().any(|(_, lines)| lines.contains(&patient.id)).then_some(kept))
    })?;
    for (object, lines) in kept {
        let clean = !words.iter().any(|word| object.contains(word) || lines.contains(word));
        ensure(clean, format!("{object} of the archive"))?;
    }
    let groups = Action::NAMES.iter().map(|(_, operation)| stack.log_group(operation));
    for group in groups.collect::<Outcome<BTreeSet<String>>>()? {
        let lines = stack.logs(&group, "", 0)?;
        ensure(!lines.is_empty(), format!("{group} was looked at"))?;
        for line in lines {
            ensure(!holds(&line, &words), format!("{group} holds a canary"))?;
        }
    }
    Ok(())
}

/// Sends the words where they do not belong, and expects not to see them again.
fn errors_echo_nothing(stack: &Stack, patient: &Patient, words: &[String]) -> Outcome {
    let word = words.first().cloned().unwrap_or_default();
    let uploads = patient.path("/uploads");
    let body = json!({ "type": word, "date": word, "title": word, "sha256": word, "size": word,
        "contentType": word, "fileName": "x", word.as_str(): 1, "notes": { "a": word } });
    let get = |path: &str| stack.get_path(path).token(patient.token()).expect(400);
    let answers = [
        stack.post(&uploads).token(patient.token()).json(&body).expect(400)?,
        stack.post(&uploads).token(patient.token()).body(word.clone().into_bytes()).expect(400)?,
        get(&patient.path(&format!("/records/{word}")))?,
        get(&patient.path(&format!("/records?type={word}")))?,
        get(&format!("/v1/grants?cursor={word}"))?,
    ];
    for answer in answers {
        ensure(!holds(&answer.body, words), format!("an error echoes: {}", answer.body))?;
    }
    Ok(())
}
