//! What a restored table holds, and what it does not have (docs/OPERATIONS.md).

use serde_json::{Value, json};
use testkit::{
    Outcome, Patient, Ward,
    cast::reading,
    documents::{Document, post_form},
    ensure,
    operator::key,
    poll,
};

use crate::alone;

#[test]
fn a_restored_table_holds_what_the_table_held() -> Outcome {
    let (_alone, stack) = alone()?;
    let patient = Patient::join(stack, "Restored Patient")?;
    patient.note(stack, "lab-report", "2026-01-01", "Kept", "kept")?;
    let table = stack.output("TableName")?;
    let restored = format!("restored-{}", uuid::Uuid::now_v7().simple());
    let restore = json!({ "SourceTableName": table, "TargetTableName": restored,
        "UseLatestRestorableTime": true });
    stack.aws("dynamodb", "DynamoDB_20120810.RestoreTableToPointInTime", &restore)?;
    let of = |table: &str| -> Outcome<Vec<Value>> {
        let found = stack.partition_of(table, &format!("PATIENT#{}", patient.id))?;
        ensure(found.len() >= 2, "the vault and a record")?;
        Ok(found)
    };
    let (before, after) = (of(table)?, of(&restored)?);
    let name = json!({ "TableName": restored });
    let made = stack.aws("dynamodb", "DynamoDB_20120810.DescribeTable", &name)?;
    stack.aws("dynamodb", "DynamoDB_20120810.DeleteTable", &name)?;
    ensure(before == after, "item by item, sealed as it was")?;
    ensure(made["Table"]["StreamSpecification"].is_null(), "without a stream")?;
    ensure(made["Table"]["DeletionProtectionEnabled"] != true, "and without protection")
}

/// A damaged record that is copied back may be older than its entry in the register.
#[test]
fn a_record_restored_to_before_its_file_came_takes_it_in_again() -> Outcome {
    let (_alone, stack) = alone()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Restored Record")?;
    let file = Document::new("note.txt", "text/plain", b"kept".to_vec());
    let (id, form) = patient.announce(stack, "lab-report", "2026-01-01", "Kept", &file)?;
    let key = key(&format!("PATIENT#{}", patient.id), &format!("RECORD#{id}"));
    let kept = stack.dynamo("GetItem", json!({ "Key": key, "ConsistentRead": true }))?;
    let path = patient.path(&format!("/records/{id}"));
    // Sent anew each time: the first arrival may empty the quarantine after the second.
    let take_in = |what| {
        poll(what, || {
            post_form(&form, &file)?.expect(204)?;
            let record = stack.get_path(&path).token(patient.token()).expect(200)?;
            Ok((record.body["status"] == "available").then_some(()))
        })
    };
    take_in("it came")?;
    stack.dynamo("PutItem", json!({ "Item": kept["Item"] }))?;
    take_in("and came again")?;
    ward.doctor.granted(stack, &patient, &reading(&["lab-report"], 3600))?;
    let list = stack.get_path(&patient.path("/records?type=lab-report")).token(ward.doctor.token());
    ensure(list.expect(200)?.text("/items/0/id")? == id, "a doctor finds it")
}
