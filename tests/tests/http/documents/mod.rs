//! Documents: how files come in, are checked and are read, over HTTP and by the events that the
//! stack and these tests send.

mod arriving;
mod reading;
mod uploading;

use serde_json::{Value, json};
use testkit::{
    Answer, Outcome, Patient, Stack, Surprise,
    documents::{Document, begin, settled},
    ensure,
    operator::key,
    poll,
};

/// A patient and the stack that their vault is in.
struct Vault {
    stack: &'static Stack,
    patient: Patient,
}

impl Vault {
    fn open() -> Outcome<Self> {
        let stack = Stack::get()?;
        Ok(Self { stack, patient: Patient::join(stack, "Mara Lindqvist")? })
    }

    fn ids(&self) -> (&str, &str) {
        (&self.patient.id, self.patient.token())
    }

    /// Asks for a form: the record's id and the form.
    fn form(&self, document: &Document) -> Outcome<(String, Value)> {
        begin(self.stack, self.ids(), &document.declaration("other", "A document"))
    }

    /// Uploads a document: the record's id.
    fn upload(&self, document: &Document) -> Outcome<String> {
        let (id, sent) = document.upload(self.stack, self.ids(), "other", "A document")?;
        sent.expect(204)?;
        Ok(id)
    }

    /// Puts bytes where a record's file arrives, as nobody with a form could.
    fn smuggle(&self, record: &str, media_type: &str, content: &[u8]) -> Outcome {
        self.stack.put_object(&self.quarantine(record), media_type, content)
    }

    fn record(&self, id: &str) -> Outcome<Value> {
        let path = self.patient.path(&format!("/records/{id}"));
        Ok(self.stack.get_path(&path).token(self.patient.token()).expect(200)?.body)
    }

    /// The record once nothing is waited for any more.
    fn settled(&self, id: &str) -> Outcome<Value> {
        settled(self.stack, &self.patient.id, self.patient.token(), id)
    }

    /// The record once its text has the status.
    fn text_becomes(&self, id: &str, status: &str) -> Outcome<Value> {
        poll(&format!("the text to be {status}"), || {
            let record = self.record(id)?;
            Ok((record["text"]["status"] == status).then_some(record))
        })
    }

    fn text(&self, id: &str) -> Outcome<Answer> {
        let path = self.patient.path(&format!("/records/{id}/text"));
        self.stack.get_path(&path).token(self.patient.token()).expect(200)
    }

    /// The bytes of a record's file, through its link.
    fn download(&self, id: &str) -> Outcome<Vec<u8>> {
        let path = self.patient.path(&format!("/records/{id}/content"));
        let link = self.stack.get_path(&path).token(self.patient.token()).expect(200)?;
        Ok(testkit::Call::new("GET", link.text("/url")?.to_owned()).expect(200)?.bytes)
    }

    /// Sets an attribute of an item of the vault, past every operation.
    fn set(&self, item: &str, name: &str, value: &str) -> Outcome {
        let update = json!({
            "Key": key(&format!("PATIENT#{}", self.patient.id), item),
            "UpdateExpression": "SET #n = :v",
            "ExpressionAttributeNames": { "#n": name },
            "ExpressionAttributeValues": { ":v": { "S": value } },
        });
        self.stack.dynamo("UpdateItem", update).map(|_| ())
    }

    fn quarantine(&self, record: &str) -> String {
        format!("quarantine/{}/{record}", self.patient.id)
    }

    fn kept(&self, record: &str) -> String {
        format!("records/{}/{record}", self.patient.id)
    }

    /// Nothing of the record's file is left, in quarantine or elsewhere.
    fn no_object_of(&self, record: &str) -> Outcome {
        self.nothing_at(&self.quarantine(record))?;
        self.nothing_at(&self.kept(record))
    }

    fn nothing_at(&self, prefix: &str) -> Outcome {
        poll(&format!("{prefix} to be empty"), || {
            Ok(self.stack.objects(prefix)?.is_empty().then_some(()))
        })
    }

    /// How often the trail says that something was done to a record.
    fn told(&self, record: &str, reason: &str) -> Outcome<usize> {
        let trail = self.patient.audit(self.stack)?;
        let of = |entry: &&Value| entry["recordId"] == record && entry["reason"] == reason;
        Ok(trail.iter().filter(of).count())
    }

    /// Asks the text reader for a fault with the documents of this vault.
    fn fault(&self, mode: &str, more: &Value) -> Outcome {
        let mut fault = json!({ "mode": mode, "match": self.patient.id });
        for (name, value) in more.as_object().into_iter().flatten() {
            fault[name] = value.clone();
        }
        self.stack.textract_fault(&fault)
    }

    /// What S3 would tell of a record's file.
    fn arrival(&self, record: &str) -> Outcome<String> {
        self.told_at_once(&[record])
    }

    /// The same of several records' files, in one message.
    fn told_at_once(&self, records: &[&str]) -> Outcome<String> {
        let bucket = self.stack.output("BucketName")?;
        let told = |record: &&str| {
            json!({ "eventName": "ObjectCreated:Post", "s3": {
                "bucket": { "name": bucket }, "object": { "key": self.quarantine(record) },
            } })
        };
        let told: Vec<_> = records.iter().map(told).collect();
        Ok(json!({ "Records": told }).to_string())
    }

    /// The request to read a record.
    fn to_read(&self, record: &str, attempt: u32) -> String {
        json!({ "patientId": self.patient.id, "recordId": record, "attempt": attempt }).to_string()
    }
}

/// Hands messages to an operation as its queue would, and answers which failed, by position.
fn deliver(stack: &Stack, operation: &str, bodies: &[String]) -> Outcome<Vec<String>> {
    let message = |(number, body): (usize, &String)| {
        json!({
            "messageId": number.to_string(), "receiptHandle": "none", "body": body,
            "attributes": { "ApproximateReceiveCount": "1" },
        })
    };
    let records: Vec<_> = bodies.iter().enumerate().map(message).collect();
    let answer = stack.invoke(operation, &json!({ "Records": records }))?;
    let failures = answer["batchItemFailures"].as_array();
    let failures = failures.ok_or_else(|| Surprise(format!("no batch answer: {answer}")))?;
    let id = |failure: &Value| failure["itemIdentifier"].as_str().unwrap_or_default().to_owned();
    Ok(failures.iter().map(id).collect())
}

/// Hands messages to an operation, none of which may fail.
fn deliver_all(stack: &Stack, operation: &str, bodies: &[String]) -> Outcome {
    let failed = deliver(stack, operation, bodies)?;
    ensure(failed.is_empty(), format!("{operation} failed: {failed:?}"))
}

/// The messages that were put aside in a queue.
fn put_aside(stack: &Stack, queue: &str) -> Outcome<Vec<String>> {
    let all = stack.aws("sqs", "AmazonSQS.ListQueues", &json!({}))?;
    let urls = all["QueueUrls"].as_array().cloned().unwrap_or_default();
    let url = urls.iter().find(|url| url.as_str().is_some_and(|url| url.contains(queue)));
    let url = url.ok_or_else(|| Surprise(format!("no queue {queue}")))?;
    let receive = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 1 });
    let mut bodies = Vec::new();
    loop {
        let answer = stack.aws("sqs", "AmazonSQS.ReceiveMessage", &receive)?;
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        if messages.is_empty() {
            return Ok(bodies);
        }
        let body = |message: &Value| message["Body"].as_str().unwrap_or_default().to_owned();
        bodies.extend(messages.iter().map(body));
    }
}

/// A sample that the repository carries.
fn sample(name: &str) -> Outcome<Document> {
    let path = testkit::documents::samples().join(name);
    Document::read(&path)?.ok_or_else(|| Surprise(format!("{name} is no document")))
}

/// A plain text document.
fn plain(content: &str) -> Document {
    Document::new("note.txt", "text/plain", content.as_bytes().to_vec())
}
