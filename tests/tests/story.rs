//! The story, with our own documents and with those from elsewhere.

use serde_json::Value;
use testkit::{
    Outcome, Patient, Stack,
    documents::{self, Document, settled},
    ensure, story,
};

#[test]
fn the_story_plays_with_our_own_documents() -> Outcome {
    story::play(Stack::get()?, &documents::samples(), &mut |line| println!("{line}"))
}

#[test]
fn the_story_plays_with_documents_from_elsewhere() -> Outcome {
    let Some(folder) = documents::shared() else {
        println!("the shared documents are not beside this checkout; nothing to play them with");
        return Ok(());
    };
    println!("playing the documents of {}", folder.display());
    story::play(Stack::get()?, &folder, &mut |line| println!("{line}"))
}

/// The text of a document as a patient reads it, page after page.
fn text(stack: &Stack, patient: &Patient, path: &std::path::Path) -> Outcome<String> {
    let document = Document::read(path)?.ok_or_else(|| testkit::Surprise("no document".into()))?;
    let vault = (patient.id.as_str(), patient.token());
    let (id, sent) = document.upload(stack, vault, "other", "A document")?;
    sent.expect(204)?;
    let record = settled(stack, &patient.id, patient.token(), &id)?;
    ensure(record["text"]["status"] == "read", format!("{}: {record}", path.display()))?;
    let text = stack.get_path(&patient.path(&format!("/records/{id}/text"))).token(patient.token());
    let pages = text.expect(200)?.list("/pages")?.clone();
    let lines = pages.iter().filter_map(|page| page["lines"].as_array()).flatten();
    let lines: Vec<_> = lines.filter_map(|line| line["text"].as_str()).collect();
    Ok(lines.join("\n"))
}

#[test]
fn the_words_that_must_be_found_are_found() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Truth Seeker")?;
    let folder = documents::samples();
    let truth: Value = serde_json::from_slice(&std::fs::read(folder.join("truth.json"))?)?;
    let files = truth["documents"].as_object().cloned().unwrap_or_default();
    ensure(files.len() == 3, "the truth speaks of three documents")?;
    for (name, truth) in files {
        let text = text(stack, &patient, &folder.join(&name))?;
        for word in truth["words"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let held = text.to_lowercase().contains(&word.to_lowercase());
            ensure(held, format!("{name} holds {word}: {text}"))?;
        }
    }
    Ok(())
}

#[test]
fn the_scan_from_elsewhere_is_read() -> Outcome {
    let Some(folder) = documents::shared() else {
        println!("the shared documents are not beside this checkout; nothing to read");
        return Ok(());
    };
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Truth Seeker")?;
    let text = text(stack, &patient, &folder.join("scan-summary-skew.jpg"))?;
    for word in ["Metoprolol", "Lisinopril", "Levothyroxine"] {
        ensure(text.contains(word), format!("the scan holds {word}"))?;
    }
    Ok(())
}
