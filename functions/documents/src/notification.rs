//! What S3 tells of files that arrived.

use serde::Deserialize;
use store::{Fault, objects::Place};

/// What S3 notifies of (Amazon S3 User Guide, "Event message structure").
#[derive(Debug, Deserialize)]
struct Notification {
    #[serde(rename = "Event")]
    event: Option<String>,
    #[serde(rename = "Records", default)]
    records: Vec<Arrival>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Arrival {
    event_name: String,
    s3: S3,
}

#[derive(Debug, Deserialize)]
struct S3 {
    bucket: Bucket,
    object: Object,
}

#[derive(Debug, Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Object {
    key: String,
}

/// The places of the files that a message says arrived in `bucket`.
pub(crate) fn arrived(body: &str, bucket: &str) -> Result<Vec<Place>, Fault> {
    let read: Notification = serde_json::from_str(body).map_err(|_| Fault::Corrupt("message"))?;
    if read.event.as_deref() == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    if read.records.is_empty() {
        return Err(Fault::Corrupt("message"));
    }
    let created = read.records.into_iter().filter(|r| r.event_name.starts_with("ObjectCreated"));
    created
        .map(|record| {
            let object = decoded(&record.s3.object.key);
            let place = object.as_deref().and_then(Place::parse);
            let place = place.filter(|place| Some(place.quarantine()) == object);
            match record.s3.bucket.name == bucket {
                true => place.ok_or(Fault::Corrupt("object-name")),
                false => Err(Fault::Corrupt("bucket")),
            }
        })
        .collect()
}

/// An object's name as a notification spells it: URL-encoded, with `+` for a space.
fn decoded(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: &str = "0190a6f0-0000-7000-8000-000000000001";
    const RECORD: &str = "0190a6f0-0000-7000-8000-000000000002";

    fn notification(event: &str, bucket: &str, key: &str) -> String {
        let s3 =
            format!(r#"{{"bucket":{{"name":"{bucket}"}},"object":{{"key":"{key}","size":1}}}}"#);
        format!(r#"{{"Records":[{{"eventName":"{event}","s3":{s3}}}]}}"#)
    }

    #[test]
    fn a_notification_names_a_file_of_ours_in_quarantine_or_fails() {
        let key = format!("quarantine/{PATIENT}/{RECORD}");
        let encoded = key.replace('/', "%2F");
        for key in [&key, &encoded] {
            let read = arrived(&notification("ObjectCreated:Post", "files", key), "files").unwrap();
            assert_eq!(read.len(), 1);
            assert_eq!(read[0].quarantine(), format!("quarantine/{PATIENT}/{RECORD}"));
        }
        let created = |bucket, key| notification("ObjectCreated:Put", bucket, key);
        let failing = [
            (String::new(), "message"),
            ("null".into(), "message"),
            ("{}".into(), "message"),
            (r#"{"Records":[{}]}"#.into(), "message"),
            (created("other", &key), "bucket"),
            (created("files", &key.replace("quarantine", "records")), "object-name"),
            (created("files", "quarantine/x/y"), "object-name"),
            (created("files", &format!("{key}%")), "object-name"),
            (created("files", &format!("{key}%zz")), "object-name"),
            (created("files", &format!("{key}+")), "object-name"),
        ];
        for (body, code) in failing {
            assert_eq!(arrived(&body, "files"), Err(Fault::Corrupt(code)), "{body}");
        }
    }

    #[test]
    fn a_test_event_and_other_events_are_swallowed() {
        let key = format!("quarantine/{PATIENT}/{RECORD}");
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"files"}"#;
        let removed = notification("ObjectRemoved:Delete", "files", &key);
        for body in [test, &removed] {
            assert_eq!(arrived(body, "files"), Ok(Vec::new()), "{body}");
        }
    }
}
