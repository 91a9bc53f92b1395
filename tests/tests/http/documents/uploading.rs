//! `upload_create`, `upload_withdraw` and `upload_sweep`: who may begin an upload, what the form admits,
//! and what becomes of one whose file does not come.

use serde_json::{Value, json};
use testkit::{
    Hospital, Outcome,
    documents::{Document, post_form},
    ensure, in_parallel,
};

use super::{Vault, deliver_all, plain};

#[test]
fn i7_an_upload_is_begun_once_however_often_it_is_sent() -> Outcome {
    let vault = Vault::open()?;
    let body = plain("once").declaration("other", "Once");
    let path = vault.patient.path("/uploads");
    let call = vault.stack.post(&path).token(vault.patient.token()).key("once").json(&body);
    let answers = in_parallel(0..4, |_| call.send())?;
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

/// A moment so many hours ago, as the table holds it.
fn hours_ago(hours: i64) -> String {
    let span = std::time::Duration::from_secs(hours.unsigned_abs() * 3600);
    (domain::Timestamp::now() - span).to_string()
}

/// Lets the form of a record have ended, past every operation.
fn let_end(vault: &Vault, id: &str, hours: i64) -> Outcome {
    let until = hours_ago(hours);
    let second = until.parse::<domain::Timestamp>().map(|at| at.as_second()).unwrap_or_default();
    vault.set(&format!("RECORD#{id}"), "awaited_until", &until)?;
    vault.set(&format!("RECORD#{id}"), "GSI1SK", &format!("{second:012}#{id}"))
}

#[test]
fn i4_an_upload_whose_form_ended_is_expired_by_the_clock_and_gets_another_form() -> Outcome {
    let vault = Vault::open()?;
    let file = plain("sent after all");
    let path = vault.patient.path("/uploads");
    let body = file.declaration("other", "Later");
    let call = vault.stack.post(&path).token(vault.patient.token()).key("later").json(&body);
    let first = call.expect(201)?;
    let id = first.text("/recordId")?;
    ensure(call.expect(201)?.bytes == first.bytes, "a form that is still good is the same")?;
    let_end(&vault, id, 1)?;
    ensure(vault.record(id)?["status"] == "expired", "it is expired")?;
    let again = call.expect(201)?;
    ensure(again.text("/recordId")? == id, "the same record")?;
    ensure(again.text("/expiresAt")? > first.text("/expiresAt")?, "another form")?;
    ensure(vault.record(id)?["status"] == "awaiting-upload", "it waits again")?;
    post_form(&again.body["upload"], &file)?.expect(204)?;
    ensure(vault.settled(id)?["status"] == "available", "the file is taken in")?;
    ensure(call.expect(201)?.bytes == first.bytes, "what does not wait gets no other form")
}

#[test]
fn a_record_whose_file_never_came_is_removed_a_day_after_and_told_once() -> Outcome {
    let vault = Vault::open()?;
    let (waits, _) = vault.form(&plain("in time"))?;
    let (young, _) = vault.form(&plain("an hour late"))?;
    let (old, form) = vault.form(&plain("two days late"))?;
    let (came, sent) = vault.form(&plain("came"))?;
    let_end(&vault, &young, 1)?;
    let_end(&vault, &old, 48)?;
    let_end(&vault, &came, 48)?;
    post_form(&sent, &plain("came"))?.expect(204)?;
    vault.settled(&came)?;
    in_parallel(0..2, |_| vault.stack.invoke("upload_sweep", &json!({})).map(drop))?;
    vault.stack.invoke("upload_sweep", &json!({}))?;
    let statuses = [(&waits, "awaiting-upload"), (&young, "expired"), (&came, "available")];
    for (id, status) in statuses {
        ensure(vault.record(id)?["status"] == status, status)?;
    }
    let path = vault.patient.path(&format!("/records/{old}"));
    vault.stack.get_path(&path).token(vault.patient.token()).expect(404)?;
    let list = vault.stack.get_path(&vault.patient.path("/records"));
    let list = list.token(vault.patient.token()).expect(200)?;
    ensure(list.list("/items")?.len() == 3, "nor is it in a list")?;
    ensure(vault.told(&old, "file-never-came")? == 1, "the trail says so once")?;
    post_form(&form, &plain("two days late"))?.expect(204)?;
    vault.no_object_of(&old)
}

#[test]
fn an_upload_is_withdrawn_before_its_file_came_and_a_file_after_that_is_deleted() -> Outcome {
    let vault = Vault::open()?;
    let withdraw =
        |id: &str| vault.stack.delete(&vault.patient.path(&format!("/records/{id}/upload")));
    let file = plain("withdrawn");
    let (id, form) = vault.form(&file)?;
    withdraw(&id).token(vault.patient.token()).expect(204)?;
    withdraw(&id).token(vault.patient.token()).expect(404)?.problem("not-found")?;
    post_form(&form, &file)?.expect(204)?;
    vault.no_object_of(&id)?;
    ensure(vault.told(&id, "owner")? == 2, "begun and withdrawn")?;
    let came = vault.upload(&file)?;
    vault.settled(&came)?;
    withdraw(&came).token(vault.patient.token()).expect(409)?.problem("file-came")?;
    ensure(vault.record(&came)?["status"] == "available", "it is there")
}

#[test]
fn an_upload_withdrawn_while_its_file_arrives_is_there_whole_or_not_at_all() -> Outcome {
    let vault = Vault::open()?;
    let file = plain("at once");
    for _ in 0..4 {
        let (id, form) = vault.form(&file)?;
        post_form(&form, &file)?.expect(204)?;
        let arrival = [vault.arrival(&id)?];
        let path = vault.patient.path(&format!("/records/{id}/upload"));
        let answers = in_parallel(0..2, |n| match n {
            0 => super::deliver(vault.stack, "upload_ingest", &arrival).map(|_| 0),
            _ => Ok(vault.stack.delete(&path).token(vault.patient.token()).send()?.status),
        })?;
        match answers[1] {
            204 => {
                deliver_all(vault.stack, "upload_ingest", &arrival)?;
                vault.no_object_of(&id)?;
                let record = vault.patient.path(&format!("/records/{id}"));
                vault.stack.get_path(&record).token(vault.patient.token()).expect(404)?;
            }
            409 => ensure(vault.download(&id)? == file.bytes, "the file is there")?,
            other => ensure(false, format!("answered {other}"))?,
        }
    }
    Ok(())
}

#[test]
fn i1_a_doctor_withdraws_what_they_began_and_nothing_else() -> Outcome {
    let vault = Vault::open()?;
    let hospital = Hospital::open(vault.stack, "Withdrawing")?;
    let (doctor, other) =
        (hospital.doctor(vault.stack, "Dr. One")?, hospital.doctor(vault.stack, "Dr. Two")?);
    let mut terms = testkit::cast::reading(&["all"], 3600);
    terms["actions"] = json!(["read", "add"]);
    doctor.granted(vault.stack, &vault.patient, &terms)?;
    other.granted(vault.stack, &vault.patient, &terms)?;
    let begin = |token: &str| {
        let declared = plain("x").declaration("other", "Of a doctor");
        testkit::documents::begin(vault.stack, (&vault.patient.id, token), &declared)
    };
    let withdraw = |id: &str, token: &str| {
        vault
            .stack
            .delete(&vault.patient.path(&format!("/records/{id}/upload")))
            .token(token)
            .send()
    };
    let (by_doctor, _) = begin(doctor.token())?;
    let (by_patient, _) = begin(vault.patient.token())?;
    ensure(withdraw(&by_doctor, other.token())?.status == 404, "not another doctor's")?;
    ensure(withdraw(&by_patient, doctor.token())?.status == 404, "not the patient's")?;
    ensure(withdraw(&by_doctor, doctor.token())?.status == 204, "their own")?;
    let (by_doctor, _) = begin(doctor.token())?;
    ensure(withdraw(&by_doctor, vault.patient.token())?.status == 204, "the owner any")
}

#[test]
fn the_etag_changes_with_what_is_shown_and_the_version_does_not() -> Outcome {
    let vault = Vault::open()?;
    let (id, form) = vault.form(&plain("tagged"))?;
    let path = vault.patient.path(&format!("/records/{id}"));
    let get = || vault.stack.get_path(&path).token(vault.patient.token()).expect(200);
    let tag = |answer: &testkit::Answer| answer.headers.get("etag").cloned();
    let waiting = get()?;
    ensure(
        tag(&waiting).is_some() && tag(&waiting) == tag(&get()?),
        "the same while nothing changes",
    )?;
    post_form(&form, &plain("tagged"))?.expect(204)?;
    vault.text_becomes(&id, "read")?;
    let read = get()?;
    ensure(tag(&read) != tag(&waiting), "another once the file came")?;
    ensure(read.body["version"] == waiting.body["version"], "of the same version")
}

#[test]
fn a_download_has_a_name_a_charset_and_stays_in_no_cache() -> Outcome {
    let vault = Vault::open()?;
    let latin = Document::new("Müller HIV.txt", "text/plain", "Müller – 5 µg".as_bytes().to_vec());
    let windows = Document::new("x.txt", "text/plain", b"M\xfcller \x96 unauff\xe4llig".to_vec());
    let pdf = Document::new("x.pdf", "application/pdf", b"%PDF-1.7\n".to_vec());
    let expected = [
        (latin, "text/plain; charset=utf-8", "record.txt"),
        (windows, "text/plain; charset=windows-1252", "record.txt"),
        (pdf, "application/pdf", "record.pdf"),
    ];
    for (file, content_type, name) in expected {
        let id = vault.upload(&file)?;
        vault.settled(&id)?;
        let path = vault.patient.path(&format!("/records/{id}/content"));
        let link = vault.stack.get_path(&path).token(vault.patient.token()).expect(200)?;
        ensure(link.body["fileName"] == file.name, "the real name is told")?;
        let url = link.text("/url")?;
        ensure(!url.contains("HIV"), "but stands in no link")?;
        let sent = testkit::Call::new("GET", url.to_owned()).expect(200)?;
        let header = |name: &str| sent.headers.get(name).cloned().unwrap_or_default();
        ensure(header("content-type") == content_type, header("content-type"))?;
        ensure(header("content-disposition") == format!("attachment; filename=\"{name}\""), name)?;
        ensure(header("cache-control") == "no-store", header("cache-control"))?;
    }
    Ok(())
}
