//! `upload_ingest`: the checks on a file that arrived, and events that come twice, late, out of
//! order or for nothing.

use serde_json::json;
use testkit::{
    Outcome,
    documents::{Document, post_form},
    ensure, in_parallel, poll,
};

use super::{Vault, deliver, deliver_all, plain, sample};

#[test]
fn every_format_is_taken_in_and_what_is_not_read_says_so() -> Outcome {
    let vault = Vault::open()?;
    let mut dicom = vec![0; 128];
    dicom.extend(b"DICM and a picture");
    let data_set = b"\x08\0\x16\0UI\x1a\x001.2.840.10008.5.1.4.1.1.7 ".to_vec();
    let files = [
        Document::new("no-preamble.dcm", "application/dicom", data_set),
        Document::new("scan.webp", "image/webp", b"RIFF\x10\0\0\0WEBPVP8 and more".to_vec()),
        Document::new("ct.dcm", "application/dicom", dicom),
    ];
    for file in files {
        let id = vault.upload(&file)?;
        let record = vault.settled(&id)?;
        ensure(record["status"] == "available", format!("{}: {record}", file.name))?;
        let text = &record["text"];
        let kept = text["status"] == "unreadable" && text["reason"] == "format-not-read";
        ensure(kept, format!("{}: {text}", file.name))?;
        ensure(vault.download(&id)? == file.bytes, "the file is the one uploaded")?;
        vault.nothing_at(&vault.quarantine(&id))?;
        ensure(vault.told(&id, "file-accepted")? == 1, "the trail says so once")?;
    }
    Ok(())
}

#[test]
fn the_largest_file_is_taken_in() -> Outcome {
    let vault = Vault::open()?;
    let mut content = b"%PDF-1.7\n".to_vec();
    content.resize(50_000_000, b' ');
    let file = Document::new("large.pdf", "application/pdf", content);
    let id = vault.upload(&file)?;
    let record = poll("the largest file to be checked", || {
        let record = vault.record(&id)?;
        Ok((record["status"] != "awaiting-upload").then_some(record))
    })?;
    ensure(record["status"] == "available", format!("{record}"))?;
    ensure(vault.download(&id)? == file.bytes, "the file is the one uploaded")
}

#[test]
fn the_checks_do_not_rest_on_the_form() -> Outcome {
    let vault = Vault::open()?;
    let file = plain("as declared");
    let cases: [(&str, &[u8], &str); 3] = [
        ("text/plain", b"as declared, and more", "size-mismatch"),
        ("text/plain", b"as DECLARED", "checksum-mismatch"),
        ("text/html", b"as declared", "content-type-mismatch"),
    ];
    for (media_type, content, reason) in cases {
        let (id, _) = vault.form(&file)?;
        vault.smuggle(&id, media_type, content)?;
        let record = vault.settled(&id)?;
        ensure(record["rejection"] == reason, format!("{reason}: {record}"))?;
        vault.no_object_of(&id)?;
    }
    Ok(())
}

#[test]
fn i7_an_arrival_told_twice_late_or_at_once_is_taken_in_once() -> Outcome {
    let vault = Vault::open()?;
    let file = plain("taken in once");
    let (id, form) = vault.form(&file)?;
    let arrival = vault.arrival(&id)?;
    deliver_all(vault.stack, "upload_ingest", std::slice::from_ref(&arrival))?;
    ensure(vault.record(&id)?["status"] == "awaiting-upload", "told before it is there")?;
    post_form(&form, &file)?.expect(204)?;
    // Some may fail, as they meet each other.
    let both = [arrival.clone(), arrival.clone()];
    in_parallel(0..3, |_| Ok(deliver(vault.stack, "upload_ingest", &both).is_ok()))?;
    let record = vault.text_becomes(&id, "read")?;
    deliver_all(vault.stack, "upload_ingest", &[arrival.clone(), arrival])?;
    ensure(vault.record(&id)? == record, "nothing changes any more")?;
    for (reason, times) in [("file-accepted", 1), ("file-rejected", 0), ("text-read", 1)] {
        ensure(vault.told(&id, reason)? == times, format!("{reason} {times} times"))?;
    }
    ensure(vault.download(&id)? == file.bytes, "the file is there")?;
    vault.nothing_at(&vault.quarantine(&id))
}

#[test]
fn a_file_sent_again_changes_nothing_and_is_deleted() -> Outcome {
    let vault = Vault::open()?;
    let file = plain("sent again");
    let (id, form) = vault.form(&file)?;
    post_form(&form, &file)?.expect(204)?;
    let record = vault.settled(&id)?;
    post_form(&form, &file)?.expect(204)?;
    vault.smuggle(&id, "text/plain", b"something else")?;
    vault.nothing_at(&vault.quarantine(&id))?;
    ensure(vault.record(&id)? == record, "the record is as it was")?;
    ensure(vault.download(&id)? == file.bytes, "the file is as it was")
}

#[test]
fn a_file_deleted_before_it_is_looked_at_may_be_sent_again() -> Outcome {
    let vault = Vault::open()?;
    let file = plain("deleted and sent again");
    let (id, form) = vault.form(&file)?;
    vault.stack.delete_object(&vault.quarantine(&id))?;
    deliver_all(vault.stack, "upload_ingest", &[vault.arrival(&id)?])?;
    ensure(vault.record(&id)?["status"] == "awaiting-upload", "the record still waits")?;
    post_form(&form, &file)?.expect(204)?;
    ensure(vault.settled(&id)?["status"] == "available", "the file is taken in")
}

#[test]
fn a_file_of_no_record_is_deleted() -> Outcome {
    let vault = Vault::open()?;
    let record = "0190a6f0-0000-7000-8000-00000000abcd";
    vault.smuggle(record, "text/plain", b"of no record")?;
    vault.no_object_of(record)?;
    let nobody = format!("quarantine/{record}/{record}");
    vault.stack.put_object(&nobody, "text/plain", b"of no patient")?;
    vault.nothing_at(&nobody)
}

#[test]
fn i5_a_file_for_a_vault_that_is_being_erased_is_deleted() -> Outcome {
    let vault = Vault::open()?;
    let file = plain("too late");
    let (id, form) = vault.form(&file)?;
    let (note, scan) = (vault.upload(&file)?, vault.upload(&sample("lab-report.png")?)?);
    for id in [&note, &scan] {
        vault.text_becomes(id, "read")?;
        vault.set(&format!("RECORD#{id}"), "text_status", "pending")?;
    }
    vault.set("VAULT", "status", "being-erased")?;
    post_form(&form, &file)?.expect(204)?;
    vault.no_object_of(&id)?;
    deliver_all(vault.stack, "upload_ingest", &[vault.arrival(&note)?])?;
    vault.no_object_of(&note)?;
    deliver_all(vault.stack, "ocr_start", &[vault.to_read(&scan, 0)])?;
    let path = vault.patient.path("/uploads");
    let again = vault.stack.post(&path).token(vault.patient.token());
    again.json(&file.declaration("other", "x")).expect(404)?.problem("not-found")?;
    vault.set("VAULT", "status", "active")?;
    for id in [&note, &scan] {
        ensure(vault.record(id)?["text"]["status"] == "pending", "nothing was read meanwhile")?;
    }
    Ok(())
}

#[test]
fn i11_a_malformed_message_fails_alone_and_is_named() -> Outcome {
    let vault = Vault::open()?;
    let (id, form) = vault.form(&plain("beside bad messages"))?;
    let bad = |text: &str| text.to_owned();
    let other_bucket = vault.arrival(&id)?.replace(vault.stack.output("BucketName")?, "other");
    let test_event = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent" }).to_string();
    let arrivals = [bad("{"), vault.arrival(&id)?, test_event, other_bucket, bad("")];
    let failed = deliver(vault.stack, "upload_ingest", &arrivals)?;
    ensure(failed == ["0", "3", "4"], format!("upload_ingest: {failed:?}"))?;
    let ours = vault.to_read(&id, 0);
    let failed = deliver(vault.stack, "ocr_start", &[bad("null"), ours.clone(), bad("{}")])?;
    ensure(failed == ["0", "2"], format!("ocr_start: {failed:?}"))?;
    let failed = deliver(vault.stack, "ocr_collect", &[bad("[]"), bad("{}"), ours])?;
    ensure(failed == ["0", "1", "2"], format!("ocr_collect: {failed:?}"))?;
    for operation in ["upload_ingest", "ocr_start", "ocr_collect"] {
        let answer = vault.stack.invoke(operation, &json!({ "no": "batch" }));
        ensure(answer.is_err(), format!("{operation}: no batch, no answer"))?;
    }
    post_form(&form, &plain("beside bad messages"))?.expect(204)?;
    poll("the good one to be taken in", || {
        Ok((vault.record(&id)?["status"] == "available").then_some(()))
    })
}

#[test]
fn i11_what_a_crash_left_half_done_is_completed() -> Outcome {
    let vault = Vault::open()?;
    let file = plain("half done");
    let id = vault.upload(&file)?;
    let scan = sample("lab-report.png")?;
    for (file, id) in [(&file, id), (&scan, vault.upload(&scan)?)] {
        vault.text_becomes(&id, "read")?;
        // As after a crash behind the change of the record: nothing was read and nobody asked to,
        // the quarantine is not empty; and as after one behind the pages of a text, which are there.
        for unread in ["pending", "failed"] {
            vault.set(&format!("RECORD#{id}"), "text_status", unread)?;
            vault.smuggle(&id, &file.media_type, &file.bytes)?;
            vault.text_becomes(&id, "read")?;
        }
        vault.nothing_at(&vault.quarantine(&id))?;
        ensure(vault.told(&id, "file-accepted")? == 1, "it was taken in once")?;
        ensure(vault.text(&id)?.list("/pages")?.len() == 1, "its text is there once")?;
    }
    // As after a crash behind the copy of a file that is rejected in the end.
    let (id, _) = vault.form(&file)?;
    let kept = vault.kept(&id);
    vault.stack.put_object(&kept, "text/plain", b"a copy")?;
    vault.smuggle(&id, "text/plain", b"half DONE")?;
    ensure(vault.settled(&id)?["status"] == "rejected", "it is rejected")?;
    vault.no_object_of(&id)
}
