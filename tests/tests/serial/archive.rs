//! The archive of the trail: whatever comes into the trail comes into it, and stays.

use std::collections::BTreeMap;

use domain::Timestamp;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use testkit::{
    Outcome, Patient, Stack, Ward, cast::reading, ensure, operator::stream_record, poll,
};

use crate::alone;

/// A moment before which nothing of a test was archived.
fn a_moment_ago() -> Outcome<Timestamp> {
    Ok(Timestamp::now().checked_sub(SignedDuration::from_secs(30))?)
}

/// What the archive holds of a patient's trail: each entry by its id.
fn archived(stack: &Stack, since: Timestamp, patient: &str) -> Outcome<BTreeMap<String, Value>> {
    let mut found = BTreeMap::new();
    for (_, content) in stack.archived(since)? {
        for line in content.lines() {
            let entry: Value = serde_json::from_str(line)?;
            let place = entry["PK"].as_str().unwrap_or_default();
            if place.starts_with(&format!("AUDIT#PATIENT#{patient}#")) {
                found.insert(entry["id"].as_str().unwrap_or_default().to_owned(), entry);
            }
        }
    }
    Ok(found)
}

/// What the table holds of a patient's trail of this month.
fn trail(stack: &Stack, patient: &str) -> Outcome<Vec<Value>> {
    let partition = format!("AUDIT#PATIENT#{patient}#{}", Timestamp::now().strftime("%Y-%m"));
    stack.partition(&partition)
}

/// An attribute of DynamoDB as plain JSON. Entries hold text, numbers and maps.
fn plain(attribute: &Value) -> Value {
    let numbered = |number: &str| number.parse::<u64>().map_or(Value::Null, Value::from);
    match attribute["M"].as_object() {
        Some(fields) => whole(fields),
        None => attribute["N"].as_str().map_or_else(|| attribute["S"].clone(), numbered),
    }
}

fn whole(item: &Map<String, Value>) -> Value {
    item.iter().map(|(name, attribute)| (name.clone(), plain(attribute))).collect()
}

#[test]
fn i2_what_comes_into_the_trail_comes_into_the_archive_as_it_stands() -> Outcome {
    let (_alone, stack) = alone()?;
    let since = a_moment_ago()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Arno Archive")?;
    patient.note(stack, "lab-report", "2026-03-01", "Blood", "blood")?;
    let list = stack.get_path(&patient.path("/records")).token(ward.doctor.token());
    list.expect(404)?;
    ward.doctor.granted(stack, &patient, &reading(&["lab-report"], 3600))?;
    list.expect(200)?;
    let told = patient.audit(stack)?;
    ensure(told.len() >= 5, "the vault, the document, the refusal, the grant, the disclosure")?;
    let kept = poll("the trail to be archived", || {
        let kept = archived(stack, since, &patient.id)?;
        let id = |entry: &Value| entry["id"].as_str().unwrap_or_default().to_owned();
        Ok(told.iter().all(|entry| kept.contains_key(&id(entry))).then_some(kept))
    })?;
    let items = trail(stack, &patient.id)?;
    ensure(items.len() == kept.len(), "no entry more than the table holds")?;
    for item in items.iter().filter_map(Value::as_object) {
        let entry = whole(item);
        let id = entry["id"].as_str().unwrap_or_default();
        ensure(kept.get(id) == Some(&entry), format!("{:?} for {entry}", kept.get(id)))?;
    }
    Ok(())
}

/// The stream's record of a new entry, which the table never held.
fn inserted(number: &str) -> Value {
    let (id, patient) = (uuid::Uuid::now_v7().to_string(), uuid::Uuid::now_v7());
    let now = Timestamp::now();
    let image = json!({
        "PK": { "S": format!("AUDIT#PATIENT#{patient}#{}", now.strftime("%Y-%m")) },
        "SK": { "S": id },
        "id": { "S": id }, "at": { "S": now.to_string() }, "action": { "S": "record_list" },
        "actor": { "M": { "role": { "S": "patient" }, "id": { "S": patient.to_string() } } },
        "outcome": { "S": "done" }, "reason": { "S": "owner" }, "count": { "N": "3" },
    });
    stream_record("INSERT", number, &image)
}

fn id_of(record: &Value) -> &str {
    record["dynamodb"]["NewImage"]["id"]["S"].as_str().unwrap_or_default()
}

/// Hands records to the function; answers those that it names as failed.
fn told(stack: &Stack, records: &[&Value]) -> Outcome<Vec<Value>> {
    let answer = stack.invoke("audit_archive", &json!({ "Records": records }))?;
    let failures = answer["batchItemFailures"].as_array().cloned().unwrap_or_default();
    Ok(failures.into_iter().map(|failure| failure["itemIdentifier"].clone()).collect())
}

/// The objects that begin with the entry of `record`: name and the ids of their entries.
fn objects(stack: &Stack, record: &Value) -> Outcome<Vec<(String, Vec<String>)>> {
    let mut found = Vec::new();
    for (name, content) in stack.archived(a_moment_ago()?)? {
        if name.contains(id_of(record)) {
            let entries = content.lines().map(serde_json::from_str::<Value>);
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            let ids = entries.iter().map(|entry| entry["id"].as_str().unwrap_or_default().into());
            found.push((name, ids.collect()));
        }
    }
    Ok(found)
}

fn versions(stack: &Stack, name: &str) -> Outcome<Vec<String>> {
    let query = format!("?versions=&prefix={}", name.replace('/', "%2F"));
    let listed = stack.archive("GET", &query, b"")?.expect(200)?;
    let listed = String::from_utf8_lossy(&listed.bytes).into_owned();
    let ids = listed.split("<VersionId>").skip(1);
    Ok(ids.filter_map(|rest| rest.split('<').next()).map(str::to_owned).collect())
}

#[test]
fn i7_a_batch_that_comes_again_is_one_object() -> Outcome {
    let (_alone, stack) = alone()?;
    let (first, second) = (inserted("100"), inserted("101"));
    for _ in 0..3 {
        ensure(told(stack, &[&first, &second])?.is_empty(), "done")?;
    }
    let kept = objects(stack, &first)?;
    let [(name, ids)] = kept.as_slice() else { return ensure(false, format!("{kept:?}")) };
    ensure(*ids == [id_of(&first), id_of(&second)], "both, in order")?;
    ensure(versions(stack, name)?.len() == 1, "written once")?;
    // Cut otherwise, it is another object, and what is in both has one id.
    ensure(told(stack, &[&first])?.is_empty(), "done")?;
    ensure(objects(stack, &first)?.len() == 2, "an object for each batch")
}

#[test]
fn i11_what_cannot_be_read_is_named_and_keeps_nothing_else_from_the_archive() -> Outcome {
    let (_alone, stack) = alone()?;
    let spoilt = |name: &str, value: Value| {
        let mut record = inserted("101");
        record["dynamodb"]["NewImage"][name] = value;
        record
    };
    let mut bare = inserted("101");
    bare["dynamodb"]["NewImage"] = json!({});
    for broken in [
        bare,
        spoilt("id", json!({ "S": "../etc" })),
        spoilt("at", json!({ "S": "yesterday" })),
        spoilt("sealed", json!({ "B": "AAAA" })),
    ] {
        let (first, last) = (inserted("100"), inserted("102"));
        let failed = told(stack, &[&first, &broken, &last])?;
        ensure(failed == [json!("101")], format!("{failed:?} for {broken}"))?;
        let kept = objects(stack, &first)?;
        let [(_, ids)] = kept.as_slice() else { return ensure(false, format!("{kept:?}")) };
        ensure(*ids == [id_of(&first), id_of(&last)], "the others are kept")?;
    }
    // What is no new entry is left out.
    let mut others = [inserted("100"), inserted("101"), inserted("102")];
    others[0]["eventName"] = json!("MODIFY");
    others[1]["eventName"] = json!("REMOVE");
    others[2]["dynamodb"]["NewImage"]["PK"] = json!({ "S": "SAVED#x" });
    ensure(told(stack, &others.each_ref())?.is_empty(), "nothing failed")?;
    for other in &others {
        ensure(objects(stack, other)?.is_empty(), "and nothing is kept")?;
    }
    // What is no batch at all is tried again as a whole.
    for bad in [json!({ "Records": 1 }), json!([]), json!("x"), json!({ "Records": [{}] })] {
        ensure(stack.invoke("audit_archive", &bad).is_err(), format!("{bad}"))?;
    }
    Ok(())
}

#[test]
fn i11_what_can_never_be_read_is_set_aside_and_the_rest_goes_on() -> Outcome {
    let (_alone, stack) = alone()?;
    let since = a_moment_ago()?;
    let mut key = inserted("100")["dynamodb"]["Keys"].clone();
    let delete = json!({ "Key": key });
    key["id"] = json!({ "S": "no id" });
    stack.dynamo("PutItem", json!({ "Item": key }))?;
    let patient = Patient::join(stack, "Paula Past")?;
    let queue = json!({ "QueueUrl": stack.output("ArchiveDeadLettersUrl")? });
    poll("what cannot be read to be set aside", || {
        let received = stack.aws("sqs", "AmazonSQS.ReceiveMessage", &queue)?;
        let told = received["Messages"][0]["Body"].as_str().unwrap_or_default().to_owned();
        Ok(told.contains("audit_archive").then_some(()))
    })?;
    stack.aws("sqs", "AmazonSQS.PurgeQueue", &queue)?;
    stack.dynamo("DeleteItem", delete)?;
    let told = patient.audit(stack)?.len();
    poll("what came after it to be archived", || {
        Ok((archived(stack, since, &patient.id)?.len() == told).then_some(()))
    })
}

#[test]
fn i11_while_the_archive_refuses_entries_wait_and_none_is_lost() -> Outcome {
    let (_alone, stack) = alone()?;
    let since = a_moment_ago()?;
    let all = format!("arn:aws:s3:::{}/*", stack.output("ArchiveName")?);
    let denial = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": all },
    ] });
    stack.archive("PUT", "?policy=", denial.to_string().as_bytes())?.expect(204)?;
    let refused = while_refused(stack, since);
    stack.archive("DELETE", "?policy=", b"")?.expect(204)?;
    let patient = refused?;
    let told = patient.audit(stack)?;
    poll("what had to wait to be archived", || {
        let kept = archived(stack, since, &patient.id)?;
        Ok((kept.len() == told.len()).then_some(()))
    })
}

fn while_refused(stack: &Stack, since: Timestamp) -> Outcome<Patient> {
    let (first, second) = (inserted("100"), inserted("101"));
    let failed = told(stack, &[&first, &second])?;
    ensure(failed == [json!("100")], format!("all of it is tried again: {failed:?}"))?;
    let patient = Patient::join(stack, "Wanda Waits")?;
    let begun = since.as_millisecond();
    poll("the stream's batch to fail", || {
        let failures = stack.logs(&stack.log_group("audit_archive")?, "AccessDenied", begun)?;
        Ok((failures.len() >= 2).then_some(()))
    })?;
    ensure(objects(stack, &first)?.is_empty(), "nothing is kept by halves")?;
    ensure(archived(stack, since, &patient.id)?.is_empty(), "nothing is there yet")?;
    ensure(!patient.audit(stack)?.is_empty(), "while the trail itself goes on")?;
    Ok(patient)
}

#[test]
fn what_is_archived_cannot_be_taken_away() -> Outcome {
    let (_alone, stack) = alone()?;
    let lock = stack.archive("GET", "?object-lock=", b"")?.expect(200)?;
    let lock = String::from_utf8_lossy(&lock.bytes).into_owned();
    ensure(lock.contains("<Mode>GOVERNANCE</Mode><Years>6</Years>"), lock.clone())?;
    let record = inserted("100");
    ensure(told(stack, &[&record])?.is_empty(), "done")?;
    let kept = objects(stack, &record)?;
    let [(name, _)] = kept.as_slice() else { return ensure(false, format!("{kept:?}")) };
    let held = stack.archive("HEAD", name, b"")?.expect(200)?;
    let header = |name: &str| held.headers.get(name).cloned().unwrap_or_default();
    ensure(header("x-amz-object-lock-mode") == "GOVERNANCE", "under the lock")?;
    let until: Timestamp = header("x-amz-object-lock-retain-until-date").parse()?;
    let years = until.duration_since(Timestamp::now()).as_hours() / (24 * 365);
    ensure(years >= 5, format!("for six years: {until}"))?;
    let encrypted = header("x-amz-server-side-encryption");
    ensure(encrypted == "aws:kms", format!("encrypted at rest: {encrypted}"))?;
    let version = versions(stack, name)?.first().cloned().unwrap_or_default();
    // Even by the operator, who may do everything but did not ask to bypass the lock.
    let one = format!("{name}?versionId={version}");
    stack.archive("DELETE", &one, b"")?.expect(403)?;
    // A delete marker hides it, and no more than that.
    stack.archive("DELETE", name, b"")?.expect(204)?;
    stack.archive("GET", &one, b"")?.expect(200).map(|_| ())
}
