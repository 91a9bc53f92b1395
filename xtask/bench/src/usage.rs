//! What AWS would bill for the calls that were seen: request units of the table by the rules of the
//! DynamoDB Developer Guide ("Read and write operations"), other calls by their number.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{http::Message, standins::Service};

/// The bytes of a read request unit and of a write request unit.
const READ: usize = 4096;
const WRITE: usize = 1024;

/// A call as it was seen.
pub(crate) struct Seen {
    service: Service,
    action: String,
    body: Vec<u8>,
    answer: Vec<u8>,
}

impl Seen {
    /// A call and its answer.
    pub(crate) fn new(service: Service, request: &Message, answer: &Message) -> Self {
        let target = request.header("x-amz-target").unwrap_or(request.method());
        let action = target.rsplit('.').next().unwrap_or_default().to_owned();
        // Only what the table was sent and gave is looked into.
        let kept = |message: &Message| match service {
            Service::DynamoDb => message.body.clone(),
            _ => Vec::new(),
        };
        Self { service, action, body: kept(request), answer: kept(answer) }
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
                let (reads, writes) = table(&call.action, &body, &call.answer);
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

/// Read and write units. A query's answer counts as on the wire, where what is sealed stands in base64:
/// more than is stored.
fn table(action: &str, body: &Value, answer: &[u8]) -> (f64, f64) {
    let given = || serde_json::from_slice(answer).unwrap_or(Value::Null);
    match action {
        "TransactGetItems" => (2.0 * each(&given()["Responses"]), 0.0),
        "BatchGetItem" => (batch(&body["RequestItems"], &given()["Responses"]), 0.0),
        "TransactWriteItems" => (0.0, list(&body["TransactItems"]).iter().map(write).sum()),
        "PutItem" => (0.0, put(&body["Item"])),
        // The index is read eventually consistent, at half the price.
        "Query" if body["IndexName"].is_string() => (0.5 * blocks(answer.len(), READ), 0.0),
        _ => (blocks(answer.len(), READ), 0.0),
    }
}

/// The read units of a batch: an item that was asked for and is not there is billed too.
fn batch(asked: &Value, given: &Value) -> f64 {
    let tables = asked.as_object().into_iter().flatten();
    let of_table = |(name, asked): (&String, &Value)| {
        let found = &given[name];
        let absent = list(&asked["Keys"]).len() - list(found).len();
        each(found) + absent as f64
    };
    tables.map(of_table).sum()
}

/// The read units of items that are rounded up one by one.
fn each(items: &Value) -> f64 {
    list(items).iter().map(|item| blocks(stored(item.get("Item").unwrap_or(item)), READ)).sum()
}

fn list(items: &Value) -> &[Value] {
    items.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The units of one item of a transaction: double. What is updated, deleted or checked is taken for an
/// item of a kilobyte: its size is not in the request.
fn write(item: &Value) -> f64 {
    2.0 * item.get("Put").and_then(|put| put.get("Item")).map_or(1.0, put)
}

/// The units of an item that is put, and once more for the index it stands in (half a transaction's).
fn put(item: &Value) -> f64 {
    let size = blocks(stored(item), WRITE);
    if item.get("GSI1PK").is_some() { 1.5 * size } else { size }
}

/// The bytes of an item as it is stored: names and values, of which what is sealed is not in base64.
fn stored(item: &Value) -> usize {
    let attributes = item.as_object().into_iter().flatten();
    attributes.map(|(name, value)| name.len() + size(value)).sum()
}

fn size(value: &Value) -> usize {
    match value.get("B").and_then(Value::as_str) {
        Some(base64) => base64.len() / 4 * 3,
        None => value.to_string().len(),
    }
}

fn blocks(bytes: usize, block: usize) -> f64 {
    bytes.div_ceil(block).max(1) as f64
}
