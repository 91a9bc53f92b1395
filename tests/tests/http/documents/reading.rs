//! `ocr_start` and `ocr_collect`: documents are read, whatever becomes of the reader's messages,
//! and a reading that fails hides nothing (I11).

use serde_json::{Value, json};
use testkit::{
    Outcome, Surprise,
    documents::{Document, samples, shared},
    ensure,
    operator::key,
    poll,
};

use super::{Vault, deliver, deliver_all, plain, put_aside, sample};

/// A message about the record is put aside, to be replayed.
fn is_put_aside(vault: &Vault, queue: &str, id: &str) -> Outcome {
    poll("the message to be put aside", || {
        let aside = put_aside(vault.stack, queue)?;
        Ok(aside.iter().any(|body| body.contains(id)).then_some(()))
    })
}

/// The words of a text, in small letters with single spaces between them.
fn words(pages: &[Value]) -> String {
    let lines = pages.iter().flat_map(|page| page["lines"].as_array().cloned().unwrap_or_default());
    let text: Vec<_> =
        lines.map(|line| line["text"].as_str().unwrap_or_default().to_owned()).collect();
    text.join(" ").to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn all_in(text: &str, expected: &Value, of: &str) -> Outcome {
    for word in expected.as_array().into_iter().flatten().filter_map(Value::as_str) {
        ensure(text.contains(&word.to_lowercase()), format!("{of}: no {word} in {text}"))?;
    }
    Ok(())
}

#[test]
fn the_samples_are_read_with_their_words_pages_and_boxes() -> Outcome {
    let vault = Vault::open()?;
    let truth: Value = serde_json::from_slice(&std::fs::read(samples().join("truth.json"))?)?;
    let documents = Document::all(&samples())?;
    let ids = documents.iter().map(|d| vault.upload(d)).collect::<Outcome<Vec<_>>>()?;
    for (document, id) in documents.iter().zip(ids) {
        let name = &document.name;
        let record = vault.settled(&id)?;
        ensure(record["text"]["status"] == "read", format!("{name}: {}", record["text"]))?;
        let about = &truth["documents"][name];
        ensure(record["text"]["pages"] == about["pages"], format!("{name}: {}", record["text"]))?;
        let text = vault.text(&id)?;
        let pages = text.list("/pages")?;
        all_in(&words(pages), &about["words"], name)?;
        all_in(&words(pages), &about["phrases"], name)?;
        let by_page = about["wordsByPage"].as_array().cloned().unwrap_or_default();
        for (page, expected) in pages.iter().zip(&by_page) {
            all_in(&words(std::slice::from_ref(page)), expected, name)?;
        }
        let lines =
            pages.iter().flat_map(|page| page["lines"].as_array().cloned().unwrap_or_default());
        for line in lines {
            let sure = line["confidence"].as_f64().unwrap_or(-1.0);
            let edge = |name: &str| line["bounds"][name].as_f64().unwrap_or(-1.0);
            let inside =
                ["left", "top", "width", "height"].iter().all(|n| (0.0..=1.0).contains(&edge(n)));
            ensure(inside && (0.0..=100.0).contains(&sure), format!("{name}: {line}"))?;
        }
        ensure(vault.told(&id, "text-read")? == 1, format!("{name}: the trail says so once"))?;
        ensure(vault.download(&id)? == document.bytes, "the file is the one uploaded")?;
    }
    Ok(())
}

#[test]
fn the_scan_beside_the_checkout_is_read() -> Outcome {
    let Some(folder) = shared() else { return Ok(()) };
    let vault = Vault::open()?;
    let scan = Document::all(&folder)?.into_iter().find(|d| d.name.contains("scan"));
    let id = vault.upload(&scan.ok_or_else(|| Surprise("no scan".into()))?)?;
    let record = vault.settled(&id)?;
    ensure(record["text"]["status"] == "read", format!("{}", record["text"]))?;
    let drugs = json!(["Metoprolol", "Lisinopril", "Levothyroxine"]);
    all_in(&words(vault.text(&id)?.list("/pages")?), &drugs, "the scan")
}

#[test]
fn plain_text_is_read_as_it_is() -> Outcome {
    let vault = Vault::open()?;
    let id = vault.upload(&plain("Blutdruck 120/80\n\n  Größe 1,80 m\r\n"))?;
    vault.text_becomes(&id, "read")?;
    let text = vault.text(&id)?;
    let expected = json!([{ "page": 1, "lines": [
        { "text": "Blutdruck 120/80", "confidence": 100.0 },
        { "text": "  Größe 1,80 m", "confidence": 100.0 },
    ], "source": "file" }]);
    ensure(text.body["pages"] == expected, format!("{}", text.body["pages"]))?;
    let blank = vault.settled(&vault.upload(&plain(" \n\n"))?)?;
    ensure(blank["text"] == json!({ "status": "unreadable", "reason": "no-text" }), "no text")?;
    let long = "x".repeat(1_000_001);
    let long = vault.settled(&vault.upload(&plain(&long))?)?;
    ensure(long["text"] == json!({ "status": "unreadable", "reason": "too-large" }), "too large")?;
    let most = "0123456789 abcdef\n".repeat(55_000);
    let most = vault.settled(&vault.upload(&plain(&most))?)?;
    ensure(most["text"] == json!({ "status": "read", "pages": 110 }), format!("{}", most["text"]))
}

#[test]
fn text_is_read_in_whatever_encoding_it_plainly_is_and_each_mark_ends_a_line() -> Outcome {
    let vault = Vault::open()?;
    let files: [(&[u8], &[&str]); 4] = [
        (b"HbA1c 6.1 %\rLDL 3.2 mmol/L\r", &["HbA1c 6.1 %", "LDL 3.2 mmol/L"]),
        (
            "Ferritin 38\u{85}Page two\u{c}Iron 11".as_bytes(),
            &["Ferritin 38", "Page two", "Iron 11"],
        ),
        (b"\xff\xfeG\0r\0\xf6\0\xdf\0e\0 \x001\x007\x008\0", &["Größe 178"]),
        (
            b"Befund: M\xfcller, Gewicht 72 kg \x96 \x84unauff\xe4llig\x93",
            &["Befund: Müller, Gewicht 72 kg – „unauffällig“"],
        ),
    ];
    for (bytes, expected) in files {
        let id = vault.upload(&Document::new("note.txt", "text/plain", bytes.to_vec()))?;
        let record = vault.settled(&id)?;
        ensure(record["text"]["status"] == "read", format!("{expected:?}: {record}"))?;
        let text = vault.text(&id)?;
        let lines = text.list("/pages/0/lines")?;
        let lines: Vec<_> =
            lines.iter().map(|line| line["text"].as_str().unwrap_or_default()).collect();
        ensure(lines == expected, format!("{expected:?}: {lines:?}"))?;
        ensure(vault.download(&id)? == bytes, "the file is the one uploaded")?;
    }
    let unknown = b"Befund \x1b[1m\xfc".to_vec();
    let unknown = vault.upload(&Document::new("note.txt", "text/plain", unknown))?;
    let record = vault.settled(&unknown)?;
    let expected = json!({ "status": "unreadable", "reason": "encoding-unknown" });
    ensure(record["text"] == expected && record["status"] == "available", format!("{record}"))
}

#[test]
fn i11_plain_text_that_cannot_be_read_hides_nothing_and_can_be_read_later() -> Outcome {
    let vault = Vault::open()?;
    let file = plain("read in the end");
    let id = vault.upload(&file)?;
    vault.text_becomes(&id, "read")?;
    let (record, arrivals) = (format!("RECORD#{id}"), [vault.arrival(&id)?]);
    let kept = vault.kept(&id);
    let has_failed = |record: &Value| {
        let told = (&record["status"], &record["text"]["status"], &record["text"]["reason"]);
        ensure(told == (&json!("available"), &json!("failed"), &json!("reader-failed")), "told")
    };
    vault.stack.put_object(&kept, "text/plain", b"not what was checked")?;
    vault.set(&record, "text_status", "pending")?;
    let other = vault.upload(&plain("told in the same message"))?;
    vault.text_becomes(&other, "read")?;
    vault.set(&format!("RECORD#{other}"), "text_status", "pending")?;
    let both = vault.told_at_once(&[&id, &other])?;
    ensure(deliver(vault.stack, "upload_ingest", &[both])? == ["0"], "it is tried again")?;
    ensure(vault.record(&id)?["text"]["status"] == "pending", "nobody has given up")?;
    ensure(vault.record(&other)?["text"]["status"] == "read", "it keeps no other waiting")?;
    let asked = deliver(vault.stack, "ocr_start", &[vault.to_read(&id, 0)])?;
    ensure(asked == ["0"], "no matter of the text reader")?;
    vault.smuggle(&id, "text/plain", &file.bytes)?;
    has_failed(&vault.text_becomes(&id, "failed")?)?;
    is_put_aside(&vault, "ArrivalDeadLetters", &id)?;
    vault.nothing_at(&vault.quarantine(&id))?;
    vault.stack.put_object(&kept, "text/plain", &file.bytes)?;
    deliver_all(vault.stack, "upload_ingest", &arrivals)?;
    ensure(vault.record(&id)?["text"] == json!({ "status": "read", "pages": 1 }), "read later")?;
    vault.stack.delete_object(&kept)?;
    vault.set(&record, "text_status", "pending")?;
    deliver_all(vault.stack, "upload_ingest", &arrivals)?;
    has_failed(&vault.record(&id)?)?;
    ensure(vault.told(&id, "text-failed")? == 2, "the trail says so each time")
}

#[test]
fn i11_a_completion_may_come_twice_late_never_or_of_a_failed_job() -> Outcome {
    let vault = Vault::open()?;
    let fax = sample("fax.tif")?;
    let ways = [
        ("duplicate-completion", json!({})),
        ("late-completion", json!({ "seconds": 8 })),
        ("no-completion", json!({})),
        ("fail-job", json!({ "count": 1 })),
    ];
    for (mode, more) in ways {
        vault.fault(mode, &more)?;
        let id = vault.upload(&fax)?;
        let record = vault.settled(&id)?;
        ensure(record["text"]["status"] == "read", format!("{mode}: {}", record["text"]))?;
        ensure(record["text"]["pages"] == 2, format!("{mode}: {}", record["text"]))?;
        ensure(vault.told(&id, "text-read")? == 1, format!("{mode}: read once"))?;
        ensure(vault.told(&id, "text-failed")? == 0, format!("{mode}: nothing failed"))?;
    }
    Ok(())
}

#[test]
fn what_a_message_says_of_the_outcome_is_not_believed() -> Outcome {
    let vault = Vault::open()?;
    let id = vault.upload(&sample("fax.tif")?)?;
    let read = vault.text_becomes(&id, "read")?;
    let told = json!({
        "JobId": "of-nobody", "Status": "FAILED", "API": "StartDocumentTextDetection",
        "DocumentLocation": {
            "S3ObjectName": vault.kept(&id),
            "S3Bucket": vault.stack.output("BucketName")?,
        },
    });
    deliver_all(vault.stack, "ocr_collect", &[told.to_string()])?;
    deliver_all(vault.stack, "ocr_start", &[vault.to_read(&id, 0), vault.to_read(&id, 5)])?;
    ensure(vault.record(&id)? == read, "the record is as it was")
}

#[test]
fn i11_a_job_that_fails_each_time_hides_nothing_and_can_be_replayed() -> Outcome {
    let vault = Vault::open()?;
    let fax = sample("fax.tif")?;
    vault.fault("fail-job", &json!({ "count": 3 }))?;
    let id = vault.upload(&fax)?;
    let record = vault.settled(&id)?;
    let failed = json!({ "status": "failed", "reason": "reader-failed" });
    ensure(record["text"] == failed, format!("{}", record["text"]))?;
    ensure(record["status"] == "available", "the document is there")?;
    ensure(vault.download(&id)? == fax.bytes, "the file is there")?;
    ensure(vault.told(&id, "text-failed")? == 1, "the trail says so once")?;
    is_put_aside(&vault, "OcrDeadLetters", &id)?;
    deliver_all(vault.stack, "ocr_start", &[vault.to_read(&id, 3)])?;
    let read = vault.text_becomes(&id, "read")?;
    ensure(read["text"] == json!({ "status": "read", "pages": 2 }), "the reason is gone")?;
    ensure(vault.told(&id, "text-read")? == 1, "the trail says so")
}

#[test]
fn i11_a_reader_that_is_busy_is_asked_again() -> Outcome {
    let vault = Vault::open()?;
    vault.fault("throttle", &json!({ "count": 5 }))?;
    let id = vault.upload(&sample("lab-report.png")?)?;
    ensure(vault.settled(&id)?["text"]["status"] == "read", "it is read in the end")?;
    ensure(vault.told(&id, "text-failed")? == 0, "nothing failed")
}

#[test]
fn i11_a_reader_that_never_answers_hides_nothing_and_can_be_asked_later() -> Outcome {
    let vault = Vault::open()?;
    let report = sample("lab-report.png")?;
    vault.fault("error", &json!({ "error": "InternalServerError", "count": 15 }))?;
    let id = vault.upload(&report)?;
    let record = vault.text_becomes(&id, "failed")?;
    ensure(record["text"]["reason"] == "reader-failed", format!("{}", record["text"]))?;
    ensure(vault.download(&id)? == report.bytes, "the file is there")?;
    is_put_aside(&vault, "OcrDeadLetters", &id)?;
    deliver_all(vault.stack, "ocr_start", &[vault.to_read(&id, 0)])?;
    ensure(vault.record(&id)?["text"]["status"] == "read", "it is read later")
}

#[test]
fn the_text_that_a_pdf_brings_along_is_kept_page_by_page() -> Outcome {
    let vault = Vault::open()?;
    let read = |name: &str| -> Outcome<Vec<Value>> {
        let id = vault.upload(&odd(name)?)?;
        let record = vault.settled(&id)?;
        ensure(record["text"]["status"] == "read", format!("{name}: {record}"))?;
        Ok(vault.text(&id)?.list("/pages")?.clone())
    };
    for name in ["text-layer.pdf", "bom-before-pdf.pdf", "junk-before-pdf.pdf", "owner-only.pdf"] {
        let pages = read(name)?;
        ensure(pages[0]["source"] == "text-layer", format!("{name}: {}", pages[0]))?;
        let values = json!(["6.1 %", "4.4 mmol/L", "81 mg", "6-8 weeks", "0.1%"]);
        all_in(&words(&pages), &values, name)?;
    }
    let pages = read("mixed.pdf")?;
    let sources: Vec<_> = pages.iter().map(|page| &page["source"]).collect();
    ensure(sources == ["text-layer", "ocr", "text-layer"], format!("{sources:?}"))?;
    all_in(&words(&pages), &json!(["Ferritin 38 ug/L", "Potassium", "Sodium 139"]), "mixed.pdf")
}

#[test]
fn pictures_of_any_depth_and_turn_are_read() -> Outcome {
    let vault = Vault::open()?;
    for name in ["grey16.png", "exif6.jpg"] {
        let id = vault.upload(&odd(name)?)?;
        let record = vault.settled(&id)?;
        ensure(record["text"]["status"] == "read", format!("{name}: {record}"))?;
        let pages = vault.text(&id)?.list("/pages")?.clone();
        ensure(pages[0]["source"] == "ocr", format!("{name}: {}", pages[0]))?;
        let values = json!(["4.4 mmol/L", "81 mg", "6-8 weeks", "0.1%"]);
        all_in(&words(&pages), &values, name)?;
        let lines = pages[0]["lines"].as_array().cloned().unwrap_or_default();
        let unsure =
            lines.iter().flat_map(|line| line["unsure"].as_array().cloned().unwrap_or_default());
        for word in unsure {
            ensure(word["confidence"].as_f64().is_some_and(|sure| sure < 90.0), format!("{word}"))?;
        }
    }
    Ok(())
}

#[test]
fn a_document_beyond_the_readers_limits_says_why() -> Outcome {
    let vault = Vault::open()?;
    let files = [
        ("wide.png", "bad-document"),
        ("sheet.pdf", "bad-document"),
        ("form.pdf", "format-not-read"),
    ];
    for (name, reason) in files {
        let record = vault.settled(&vault.upload(&odd(name)?)?)?;
        let expected = json!({ "status": "unreadable", "reason": reason });
        ensure(record["text"] == expected, format!("{name}: {}", record["text"]))?;
    }
    Ok(())
}

#[test]
fn a_pdf_with_a_password_is_kept_and_says_that_it_is_locked() -> Outcome {
    let vault = Vault::open()?;
    let id = vault.upload(&odd("locked.pdf")?)?;
    let record = vault.settled(&id)?;
    ensure(
        record["text"] == json!({ "status": "unreadable", "reason": "locked" }),
        format!("{record}"),
    )?;
    ensure(record["status"] == "available", "the document is there")
}

#[test]
fn i11_a_pdf_whose_text_ended_the_function_twice_is_left_to_the_reader() -> Outcome {
    let vault = Vault::open()?;
    let id = vault.upload(&odd("text-layer.pdf")?)?;
    vault.text_becomes(&id, "read")?;
    let page = key(&format!("PATIENT#{}", vault.patient.id), &format!("TEXT#{id}#00001"));
    vault.stack.dynamo("DeleteItem", json!({ "Key": page }))?;
    vault.set(&format!("RECORD#{id}"), "text_status", "pending")?;
    let third = json!({
        "messageId": "0", "receiptHandle": "none", "body": vault.to_read(&id, 0),
        "attributes": { "ApproximateReceiveCount": "3" },
    });
    vault.stack.invoke("ocr_start", &json!({ "Records": [third] }))?;
    vault.text_becomes(&id, "read")?;
    ensure(vault.text(&id)?.body["pages"][0]["source"] == "ocr", "the reader read it")
}

/// A PDF that is odd in some way.
fn odd(name: &str) -> Outcome<Document> {
    let path = samples().with_file_name("odd").join(name);
    Document::read(&path)?.ok_or_else(|| Surprise(format!("{name} is no document")))
}

#[test]
fn a_document_the_reader_cannot_open_says_why() -> Outcome {
    let vault = Vault::open()?;
    let broken: [(&str, &str, &[u8]); 2] = [
        ("a.pdf", "application/pdf", b"%PDF-1.7\nno more than that\n"),
        ("a.png", "image/png", b"\x89PNG\r\n\x1a\nno more than that"),
    ];
    for (name, media_type, content) in broken {
        let id = vault.upload(&Document::new(name, media_type, content.to_vec()))?;
        let record = vault.settled(&id)?;
        let expected = json!({ "status": "unreadable", "reason": "bad-document" });
        ensure(record["text"] == expected, format!("{name}: {}", record["text"]))?;
        ensure(record["status"] == "available", format!("{name} is there"))?;
    }
    Ok(())
}
