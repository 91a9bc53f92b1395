//! `upload_create`: who may begin an upload, and what the form admits.

use serde_json::{Value, json};
use testkit::{
    Outcome,
    documents::{Document, post_form},
    ensure, in_parallel,
};

use super::{Vault, plain};

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
