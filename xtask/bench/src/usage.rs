//! What AWS would bill for the calls that were seen: request units of the table by the rules of the
//! DynamoDB Developer Guide ("Read and write operations"), other calls by their number.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{aws::Service, http::Message};

/// The bytes of a read request unit and of a write request unit.
const READ: usize = 4096;
const WRITE: usize = 1024;

/// A call as it was seen.
pub(crate) struct Seen {
    service: Service,
    action: String,
    body: Vec<u8>,
    answer: usize,
}

impl Seen {
    /// A call and the length of its answer.
    pub(crate) fn new(service: Service, request: &Message, answer: &Message) -> Self {
        let target = request.header("x-amz-target").unwrap_or(request.method());
        let action = target.rsplit('.').next().unwrap_or_default().to_owned();
        // Only what is sent to the table is looked into.
        let body = if service == Service::DynamoDb { request.body.clone() } else { Vec::new() };
        Self { service, action, body, answer: answer.body.len() }
    }
}

/// The billed units of some calls, by what they are billed as.
pub(crate) fn units(calls: &[Seen]) -> BTreeMap<String, f64> {
    let mut units = BTreeMap::new();
    let mut add = |name: &str, count: f64| *units.entry(name.to_owned()).or_insert(0.0) += count;
    for call in calls {
        match call.service {
            Service::DynamoDb => {
                let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
                let (reads, writes) = table(&call.action, &body, call.answer);
                add("tableReads", reads);
                add("tableWrites", writes);
            }
            Service::Kms => add("kms", 1.0),
            Service::Cognito => add("cognito", 1.0),
            Service::Sqs => add("sqs", 1.0),
            Service::S3 if call.action == "GET" => add("s3Gets", 1.0),
            // Deleting is free.
            Service::S3 if call.action == "DELETE" => {}
            Service::S3 => add("s3Puts", 1.0),
            Service::Textract => add("textract", 1.0),
        }
    }
    units
}

/// Read and write units. Sizes are those of the JSON on the wire: a little more than is stored.
fn table(action: &str, body: &Value, answer: usize) -> (f64, f64) {
    let items = body["TransactItems"].as_array().map(Vec::as_slice).unwrap_or_default();
    match action {
        "TransactGetItems" => (2.0 * items.len() as f64, 0.0),
        "TransactWriteItems" => (0.0, items.iter().map(write).sum()),
        // The index is read eventually consistent, at half the price.
        "Query" if body["IndexName"].is_string() => (0.5 * blocks(answer, READ), 0.0),
        _ => (blocks(answer, READ), 0.0),
    }
}

/// The units of one item of a transaction: double, and once more for the index it stands in.
fn write(item: &Value) -> f64 {
    let Some(put) = item.get("Put").and_then(|put| put.get("Item")) else { return 2.0 };
    let size = blocks(put.to_string().len(), WRITE);
    if put.get("GSI1PK").is_some() { 3.0 * size } else { 2.0 * size }
}

fn blocks(bytes: usize, block: usize) -> f64 {
    bytes.div_ceil(block).max(1) as f64
}
