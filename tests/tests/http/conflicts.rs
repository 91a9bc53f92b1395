//! Requests that meet on an item of the table. The local AWS refuses them as DynamoDB does
//! (`xtask/local/gaps/conflicts.py`).

use std::{collections::BTreeMap, env, fs, path::Path};

use serde_json::{Value, json};
use testkit::{
    Answer, Outcome, Patient, Stack, Ward, cast::reading, documents::Document, ensure, in_parallel,
    poll,
};

/// How often a request was refused because of an item of somebody's.
fn refused(whose: &str) -> Outcome<u64> {
    let path = env::var("MEDIVAULT_STACK")?;
    let path = Path::new(&path).with_file_name("conflicts.json");
    let Ok(text) = fs::read(path) else { return Ok(0) };
    let items: BTreeMap<String, u64> = serde_json::from_slice(&text)?;
    Ok(items.iter().filter(|(item, _)| item.contains(whose)).map(|(_, times)| times).sum())
}

/// An item that many meet on and, for each of them, one of their own.
struct Meeting {
    stack: &'static Stack,
    table: String,
    pk: String,
}

impl Meeting {
    fn on(&self, sk: &str) -> Value {
        json!({ "TableName": self.table, "Key": { "PK": { "S": self.pk }, "SK": { "S": sk } } })
    }

    fn put(&self, sk: &str) -> Value {
        json!({ "TableName": self.table, "Item": { "PK": { "S": self.pk }, "SK": { "S": sk } } })
    }

    fn ask(&self, operation: &str, body: &Value) -> Outcome<Answer> {
        self.stack.asked_of_aws("dynamodb", &format!("DynamoDB_20120810.{operation}"), body)
    }

    /// The answer to the `n`th of those who meet, and the name of what they ask for.
    fn come(&self, n: usize) -> Outcome<(&'static str, Answer)> {
        let own = n.to_string();
        let mut check = self.on("shared");
        check["ConditionExpression"] = json!("attribute_exists(PK)");
        let write = json!([{ "Put": self.put(&own) }, { "ConditionCheck": check }]);
        let read = json!([{ "Get": self.on(&own) }, { "Get": self.on("shared") }]);
        let (operation, body) = match n % 4 {
            0 => ("TransactWriteItems", json!({ "TransactItems": write })),
            1 => ("TransactGetItems", json!({ "TransactItems": read })),
            2 => ("PutItem", self.put("shared")),
            _ => ("GetItem", self.on("shared")),
        };
        Ok((operation, self.ask(operation, &body)?))
    }
}

#[test]
fn requests_that_meet_on_an_item_are_refused_as_dynamodb_refuses_them() -> Outcome {
    let stack = Stack::get()?;
    let table = stack.output("TableName")?.to_owned();
    let meeting = Meeting { stack, table, pk: format!("MEETING#{}", uuid::Uuid::now_v7()) };
    meeting.ask("PutItem", &meeting.put("shared"))?.expect(200)?;
    let mut seen = BTreeMap::new();
    poll("each kind of request to be refused", || {
        for (operation, answer) in in_parallel(0..12, |n| meeting.come(n))? {
            if answer.status == 200 {
                continue;
            }
            ensure(operation != "GetItem", "a read of one item meets nothing")?;
            let kind = answer.text("/__type")?.rsplit('#').next().unwrap_or_default().to_owned();
            let codes = ["/CancellationReasons/0/Code", "/CancellationReasons/1/Code"];
            let codes = codes.map(|at| answer.body.pointer(at).and_then(Value::as_str));
            let expected = match operation {
                "PutItem" => ("TransactionConflictException", [None, None]),
                _ => ("TransactionCanceledException", [Some("None"), Some("TransactionConflict")]),
            };
            ensure((kind.as_str(), codes) == expected, format!("{operation}: {}", answer.body))?;
            *seen.entry(operation).or_insert(0) += 1;
        }
        Ok((seen.len() == 3).then_some(()))
    })?;
    ensure(refused(&meeting.pk)? == seen.values().sum::<u64>(), "each refusal is counted")
}

#[test]
fn thirty_reads_of_one_vault_at_once_do_not_meet() -> Outcome {
    let stack = Stack::get()?;
    let doctor = &Ward::get(stack)?.doctor;
    let patient = Patient::join(stack, "Rosa Read")?;
    let id = patient.note(stack, "lab-report", "2026-01-01", "Blood", "blood")?;
    doctor.granted(stack, &patient, &reading(&["lab-report"], 3600))?;
    let record = stack.get_path(&patient.path(&format!("/records/{id}"))).token(doctor.token());
    record.expect(200)?;
    let before = refused(&patient.id)?;
    in_parallel(0..30, |_| record.expect(200))?;
    let conflicts = refused(&patient.id)? - before;
    ensure(conflicts == 0, format!("{conflicts} conflicts"))
}

#[test]
fn twenty_uploads_begun_at_once_in_one_vault_all_succeed() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Ulla Upload")?;
    let file = Document::new("note.txt", "text/plain", b"x".to_vec());
    in_parallel(0..20, |_| {
        patient.announce(stack, "lab-report", "2026-01-01", "One of many", &file)
    })?;
    let listed = patient.pages(stack, "/records?limit=100")?;
    ensure(listed.len() == 20, format!("{} of 20 are listed", listed.len()))
}
