//! What a restored table holds, and what it does not have (docs/OPERATIONS.md).

use serde_json::{Value, json};
use testkit::{Outcome, Patient, Stack, ensure};

#[test]
fn a_restored_table_holds_what_the_table_held() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Restored Patient")?;
    patient.note(stack, "lab-report", "2026-01-01", "Kept", "kept")?;
    let table = stack.output("TableName")?;
    let restored = format!("restored-{}", uuid::Uuid::now_v7().simple());
    let restore = json!({ "SourceTableName": table, "TargetTableName": restored,
        "UseLatestRestorableTime": true });
    stack.aws("dynamodb", "DynamoDB_20120810.RestoreTableToPointInTime", &restore)?;
    let of = |table: &str| -> Outcome<Value> {
        let query = json!({ "TableName": table, "ConsistentRead": true,
            "KeyConditionExpression": "PK = :patient",
            "ExpressionAttributeValues": { ":patient": { "S": format!("PATIENT#{}", patient.id) } } });
        let found = stack.aws("dynamodb", "DynamoDB_20120810.Query", &query)?;
        ensure(found["Count"].as_u64() >= Some(2), "the vault and a record")?;
        Ok(found["Items"].clone())
    };
    let (before, after) = (of(table)?, of(&restored)?);
    let name = json!({ "TableName": restored });
    let made = stack.aws("dynamodb", "DynamoDB_20120810.DescribeTable", &name)?;
    stack.aws("dynamodb", "DynamoDB_20120810.DeleteTable", &name)?;
    ensure(before == after, "item by item, sealed as it was")?;
    ensure(made["Table"]["StreamSpecification"].is_null(), "without a stream")?;
    ensure(made["Table"]["DeletionProtectionEnabled"] != true, "and without protection")
}
