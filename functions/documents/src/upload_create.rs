//! `POST /v1/patients/{patientId}/uploads`: a new record that waits for its file, and the form to
//! send that file with. For the patient, or a doctor whose grant lets them add such a record.

use std::collections::BTreeMap;

use domain::{
    Date, PatientId, RecordId, Timestamp,
    audit::{Actor, Target},
    consent::Purpose,
    policy::{Permit, acts::UploadCreate, permit},
    record::{MAX_FILE_BYTES, MediaType, RecordStatus, RecordType},
};
use edge::{Failure, Http, Idempotency, Reader, Reply, Request, Service, read};
use serde::Serialize;
use serde_json::Value;
use store::{
    DataKey, Fault, Look, Objects, Store, keys,
    objects::{Admission, Place, UPLOAD_SECONDS},
    rows::{FileContent, Record, RecordContent},
    table::{Attributes, item, seal},
};

/// What the operation needs.
#[derive(Debug)]
pub struct Uploads {
    store: Store,
    objects: Objects,
}

impl Service for Uploads {
    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }
}

impl Uploads {
    async fn connect() -> Result<Self, Fault> {
        let config = store::aws_config().await;
        Ok(Self { store: Store::new(&config)?, objects: Objects::new(&config)? })
    }
}

/// The operation.
#[must_use]
pub fn operation() -> Http<Uploads> {
    edge::http(
        "upload_create",
        || Box::pin(Uploads::connect()),
        |uploads, request| Box::pin(handle(uploads, request)),
    )
}

struct Input {
    patient: PatientId,
    purpose: Option<Purpose>,
    once: Idempotency,
    content: RecordContent,
    file: FileContent,
    sha256: Vec<u8>,
}

impl Input {
    fn parse(request: &Request) -> Result<Self, Failure> {
        let read = Reader::with_body(request);
        let patient = read.path("patientId", PatientId::parse);
        let purpose = read.purpose();
        let once = read.idempotency();
        let kind = read.field("/type", read::named::<RecordType>);
        let date: Result<Date, _> = read.field("/date", read::date);
        let title = read.field("/title", read::text(1, 200));
        let notes = read.optional("/notes", read::text(1, 4000));
        let name = read.field("/fileName", file_name);
        let media_type = read.field("/contentType", read::named::<MediaType>);
        let size = read.field("/size", read::number(1, MAX_FILE_BYTES));
        let sha256 = read.field("/sha256", sha256);
        read.finish()?;
        let (media_type, size, (sha256_hex, sha256)) = (media_type?, size?, sha256?);
        let file = FileContent { name: name?, media_type, size, sha256: sha256_hex };
        Ok(Self {
            patient: patient?,
            purpose: purpose?,
            once: once?,
            content: RecordContent {
                kind: kind?,
                date: date?,
                title: title?,
                notes: notes?,
                file: Some(file.clone()),
            },
            file,
            sha256,
        })
    }
}

/// A file's own name, without a path.
fn file_name(value: &Value) -> Result<String, String> {
    let name = read::text(1, 255)(value)?;
    match name.contains(['/', '\\', '\n', '\t']) {
        true => Err("must be a name without a path".into()),
        false => Ok(name),
    }
}

/// A SHA-256, as it is written and as bytes.
fn sha256(value: &Value) -> Result<(String, Vec<u8>), String> {
    let wrong = || String::from("must be a SHA-256 in 64 lower-case hexadecimal digits");
    let text = value.as_str().filter(|text| text.len() == 64).ok_or_else(wrong)?;
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let digits: Option<Vec<u8>> = text.as_bytes().iter().map(digit).collect();
    let digits = digits.ok_or_else(wrong)?;
    let bytes = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit));
    Ok((text.to_owned(), bytes.collect()))
}

/// What is answered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    record_id: RecordId,
    upload: Upload,
    expires_at: Timestamp,
}

#[derive(Debug, Serialize)]
struct Upload {
    url: String,
    fields: BTreeMap<String, String>,
}

async fn handle(uploads: &Uploads, request: &Request) -> Result<Reply, Failure> {
    let caller = request.caller()?;
    let input = Input::parse(request)?;
    let Uploads { store, objects } = uploads;
    let saved = input.once.place::<UploadCreate>(&caller);
    let look = Look::vault(&caller, input.patient).new_record(input.content.class()).saved(&saved);
    let found = store.look(look).await?;
    let facts = found.facts(input.purpose);
    let permit = permit::<UploadCreate>(&caller, &facts, found.target(), request.now)?;
    let key = store.patient_key(&permit, &found).await?;
    if let Some(reply) = input.once.replay(&permit, &found, &key)? {
        return Ok(reply);
    }
    let record = RecordId(store::new_id());
    let reply = Reply::created(&form(objects, &input, record, request.now).await?)?;
    let target = Target { record: Some(record), ..found.target() };
    let change = store
        .change(&permit)
        .create(new_record(&permit, &input, record, &key)?)
        .audit(&permit.entry(target), request.now);
    input.once.keep(change, &permit, &reply, &key).commit().await?;
    Ok(reply)
}

async fn form(
    objects: &Objects,
    input: &Input,
    record: RecordId,
    now: Timestamp,
) -> Result<Output, Fault> {
    let admission = Admission {
        place: Place { patient: input.patient, record },
        media_type: domain::names::Named::name(input.file.media_type),
        size: input.file.size,
        sha256: &input.sha256,
    };
    let form = objects.upload_form(&admission, now).await?;
    let valid = std::time::Duration::from_secs(UPLOAD_SECONDS.unsigned_abs());
    Ok(Output {
        record_id: record,
        upload: Upload { url: form.url, fields: form.fields.into_iter().collect() },
        expires_at: now.checked_add(valid).map_err(|_| Fault::Corrupt("clock"))?,
    })
}

fn new_record(
    permit: &Permit<UploadCreate>,
    input: &Input,
    record: RecordId,
    key: &DataKey,
) -> Result<Attributes, Fault> {
    let at = keys::record(input.patient, record);
    let row = Record {
        status: RecordStatus::AwaitingUpload,
        version: 1,
        created_at: permit.now(),
        updated_at: permit.now(),
        author: Actor::from(permit.caller()),
        text_status: None,
        text_problem: None,
        attempt: 0,
        pages: None,
        rejection: None,
    };
    let mut attributes = item(&at, &row)?;
    seal(&mut attributes, &at, key, &input.content)?;
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_checksum_is_64_lower_case_hexadecimal_digits_and_nothing_else() {
        let digits = "00ff".repeat(16);
        let (text, bytes) = sha256(&json!(digits)).unwrap();
        assert_eq!(text, digits);
        assert_eq!(bytes, [0, 255].repeat(16));
        let upper = digits.to_uppercase();
        let (short, wide) = (&digits[1..], "é".repeat(32));
        for bad in [json!(upper), json!(short), json!(wide), json!(""), json!(7), json!(null)] {
            assert!(sha256(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_name_is_no_path() {
        for good in ["scan.jpg", "Überweisung (2).pdf", "no extension"] {
            assert_eq!(file_name(&json!(good)).unwrap(), good);
        }
        for bad in ["a/b", "..\\b", "", " ", "a\nb", "a\0b", &"x".repeat(256)] {
            assert!(file_name(&json!(bad)).is_err(), "{bad:?}");
        }
    }
}
