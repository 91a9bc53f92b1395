//! I8: what the suite's functions were granted and what they used are the same.
//!
//! The local stack records every decision of IAM in `permissions.json` of its folder
//! (xtask/local/gaps/iam.py). This reads it once everything else has run: `cargo xtask test` does
//! so last, when the whole suite passed. No test, as it has nothing to look at before.

use std::{collections::BTreeSet, env, fs, path::Path, process::ExitCode};

use domain::{names::Named, policy::Action};
use serde_json::Value;
use testkit::{Outcome, Stack, ended, ensure};

/// What is granted though no request of the suite uses it: the beginning of the role's logical id,
/// or nothing for all; the action; a part of the resource; who needs it.
const UNSEEN: [(&str, &str, &str, &str); 17] = [
    ("", "logs:CreateLogStream", "", LAMBDA),
    ("", "logs:PutLogEvents", "", LAMBDA),
    ("", "xray:PutTraceSegments", "", LAMBDA),
    ("", "xray:PutTelemetryRecords", "", LAMBDA),
    ("", "sqs:ReceiveMessage", "", LAMBDA),
    ("", "sqs:DeleteMessage", "", LAMBDA),
    ("", "sqs:GetQueueAttributes", "", LAMBDA),
    ("", "dynamodb:DescribeStream", "", LAMBDA),
    ("", "dynamodb:GetRecords", "", LAMBDA),
    ("", "dynamodb:GetShardIterator", "", LAMBDA),
    ("", "dynamodb:ListStreams", "", LAMBDA),
    ("TableStream", "sqs:SendMessage", "StreamDeadLetters", LAMBDA),
    ("AuditArchive", "sqs:SendMessage", "ArchiveDeadLetters", LAMBDA),
    ("", "kms:GenerateDataKey", ":key/", STORAGE),
    ("", "kms:Decrypt", ":key/", STORAGE),
    ("OcrStart", "iam:PassRole", "", "Textract, which is handed the role; checked on AWS alone"),
    (
        "OcrStart",
        "s3:ListBucketVersions",
        "",
        "ocr_start, when a kept file is gone: somebody deleted it past us",
    ),
];
/// Those that call Cognito's public operations alone, which are not signed: their roles may log,
/// and nothing else (`tidy/template.rs`).
const UNSIGNED: [&str; 5] =
    ["account_register", "account_confirm", "session_create", "session_answer", "session_refresh"];
const LAMBDA: &str = "the Lambda service itself, with the function's role";
const STORAGE: &str = "S3, SQS and SNS, for what is encrypted at rest; checked on AWS alone";

/// The record of one function's role, which CloudFormation named.
fn record_of<'a>(records: &'a Value, stack: &Stack, operation: &str) -> Outcome<Option<&'a Value>> {
    let configuration = stack.function_configuration(operation, None)?;
    let role = configuration["Role"].as_str().unwrap_or_default();
    Ok(role.rsplit('/').next().and_then(|name| records.get(name)))
}

fn pairs(record: &Value, of: &str) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pairs = record[of].as_array().into_iter().flatten();
    pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

fn main() -> ExitCode {
    ended(i8_every_permission_is_used_and_none_is_missing().map(|()| {
        println!("Every permission of every role was used, and none was missing");
        ExitCode::SUCCESS
    }))
}

fn i8_every_permission_is_used_and_none_is_missing() -> Outcome {
    let stack = Stack::get()?;
    let path = Path::new(&env::var("MEDIVAULT_STACK")?).with_file_name("permissions.json");
    let records: Value = serde_json::from_slice(&fs::read(path)?)?;
    let (mut wrong, mut excused) = (Vec::new(), BTreeSet::new());
    for (_, operation) in Action::NAMES {
        let Some(record) = record_of(&records, stack, operation)? else {
            if !UNSIGNED.contains(operation) {
                wrong.push(format!("{operation} made no call at all"));
            }
            continue;
        };
        let used = pairs(record, "used");
        for (action, resource) in pairs(record, "granted").difference(&used) {
            let known = UNSEEN.iter().position(|(role, name, part, _)| {
                let role: String = role.to_lowercase();
                operation.replace('_', "").starts_with(&role)
                    && name == action
                    && resource.contains(part)
            });
            match known {
                Some(index) => drop(excused.insert(index)),
                None => wrong.push(format!("{operation} never used {action} on {resource}")),
            }
        }
        for (action, resource) in pairs(record, "refused") {
            wrong.push(format!("{operation} lacks {action} on {resource}"));
        }
    }
    for (_, (role, action, part, _)) in
        UNSEEN.iter().enumerate().filter(|(index, _)| !excused.contains(index))
    {
        wrong.push(format!("an exception that nothing needs: {role} {action} {part}"));
    }
    ensure(wrong.is_empty(), format!("{} findings:\n{}", wrong.len(), wrong.join("\n")))
}
