//! `template.yaml`: what neither cfn-lint nor `sam validate` sees.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    names::Named,
    policy::{Action, Rule},
};
use serde_json::{Map, Value, json};

use crate::checkout::{camel, listed, operations, read, template};

/// Where a wildcard action is right, and why: where, the action, the reason.
const WILD_ACTIONS: [(&str, &str, &str); 5] = [
    ("VaultKey", "kms:*", "a key without its account's root cannot be administered"),
    ("StorageKey", "kms:*", "a key without its account's root cannot be administered"),
    ("StorageKey", "kms:ReEncrypt*", "two actions that AWS documents under this name"),
    ("StorageKey", "kms:GenerateDataKey*", "four actions that AWS documents under this name"),
    ("BucketPolicy", "s3:*", "denies, over plain HTTP"),
];

/// Which actions have no resource to name, and why.
const WILD_RESOURCES: [(&str, &str); 4] = [
    ("dynamodb:ListStreams", "AWS defines no resource for it"),
    ("textract:DetectDocumentText", "Textract has no resources"),
    ("textract:StartDocumentTextDetection", "Textract has no resources"),
    ("textract:GetDocumentTextDetection", "Textract has no resources"),
];

fn resources(template: &Value) -> &Map<String, Value> {
    template["Resources"].as_object().unwrap()
}

fn of_type<'a>(template: &'a Value, kind: &str) -> BTreeMap<&'a str, &'a Value> {
    let all = resources(template).iter();
    all.filter(|(_, it)| it["Type"] == kind).map(|(id, it)| (id.as_str(), it)).collect()
}

fn functions(template: &Value) -> BTreeMap<String, &Value> {
    let functions = of_type(template, "AWS::Serverless::Function");
    let name = |it: &Value| {
        let name = it["Properties"]["FunctionName"]["Fn::Sub"].as_str().unwrap_or_default();
        name.strip_prefix("${AWS::StackName}-").unwrap_or_default().to_owned()
    };
    functions.into_values().map(|it| (name(it), it)).collect()
}

fn api_events(function: &Value) -> Vec<&Value> {
    let events = function["Properties"]["Events"].as_object();
    let events = events.into_iter().flat_map(Map::values);
    events.filter(|event| event["Type"] == "Api").map(|event| &event["Properties"]).collect()
}

/// Method and path of each operation that has a route.
pub(crate) fn routes(template: &Value) -> BTreeMap<String, (String, String)> {
    let mut routes = BTreeMap::new();
    for (operation, function) in functions(template) {
        for event in api_events(function) {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let route = (text("Method").to_uppercase(), text("Path"));
            assert!(routes.insert(operation.clone(), route).is_none(), "{operation}: two routes");
        }
    }
    routes
}

#[test]
fn functions_are_the_operations() {
    let template = template();
    let names: BTreeSet<_> = functions(&template).into_keys().collect();
    assert_eq!(names, operations());
    assert_eq!(of_type(&template, "AWS::Serverless::Function").len(), operations().len());
}

#[test]
fn each_function_is_built_by_us_and_has_its_own_role_log_and_alarm() {
    let template = template();
    for (operation, function) in functions(&template) {
        let id = camel(&operation);
        let properties = &function["Properties"];
        assert_eq!(&resources(&template)[&id], function, "{operation}: its logical id is {id}");
        assert_eq!(function["Metadata"], json!({ "SkipBuild": true }), "{operation}");
        assert_eq!(properties["CodeUri"], format!("target/lambda/{operation}/"));
        assert_eq!(properties["Role"], json!({ "Fn::GetAtt": format!("{id}Role.Arn") }));
        assert_eq!(
            properties["LoggingConfig"],
            json!({ "LogGroup": { "Ref": format!("{id}Logs") } })
        );
        for name in ["Runtime", "Handler", "Architectures", "Policies"] {
            assert!(properties[name].is_null(), "{operation}: {name} is not its to say");
        }
        has_role(&template, &operation);
        has_logs_and_alarm(&template, &operation);
    }
}

fn has_role(template: &Value, operation: &str) {
    let role = &resources(template)[&format!("{}Role", camel(operation))];
    assert_eq!(role["Type"], "AWS::IAM::Role", "{operation}");
    let properties = &role["Properties"];
    assert!(properties["ManagedPolicyArns"].is_null(), "{operation}: a policy that is not ours");
    let trust = &properties["AssumeRolePolicyDocument"]["Statement"];
    assert_eq!(trust[0]["Principal"], json!({ "Service": "lambda.amazonaws.com" }), "{operation}");
    assert_eq!(listed(trust).len(), 1, "{operation}: one principal");
    let policies = listed(&properties["Policies"]);
    assert_eq!(policies.len(), 1, "{operation}: one policy");
    assert_eq!(policies[0]["PolicyName"], operation);
}

fn has_logs_and_alarm(template: &Value, operation: &str) {
    let id = camel(operation);
    let logs = &resources(template)[&format!("{id}Logs")];
    assert_eq!(logs["Type"], "AWS::Logs::LogGroup", "{operation}");
    let name = format!("/aws/lambda/${{AWS::StackName}}-{operation}");
    assert_eq!(logs["Properties"]["LogGroupName"], json!({ "Fn::Sub": name }));
    assert_eq!(logs["Properties"]["RetentionInDays"], json!({ "Ref": "LogRetentionDays" }));
    assert!(!logs["Properties"]["KmsKeyId"].is_null(), "{operation}: logs are encrypted");
    let alarm = &resources(template)[&format!("{id}Alarm")];
    assert_eq!(alarm["Type"], "AWS::CloudWatch::Alarm", "{operation}");
    let about = alarm["Properties"]["Metrics"].to_string();
    assert!(about.contains(&format!("{{\"Ref\":\"{id}\"}}")), "{operation}: another's alarm");
    assert_eq!(alarm["Properties"]["AlarmActions"], json!([{ "Ref": "Alarms" }]), "{operation}");
}

#[test]
fn nothing_stands_beside_the_functions_that_has_no_function() {
    let template = template();
    let ids: BTreeSet<_> = operations().iter().map(|operation| camel(operation)).collect();
    for kind in ["AWS::IAM::Role", "AWS::Logs::LogGroup"] {
        for (id, _) in of_type(&template, kind) {
            let owner = id.trim_end_matches("Role").trim_end_matches("Logs");
            let service = ["Textract", "GrantSweepSchedule"].contains(&owner);
            assert!(ids.contains(owner) || service, "{id} belongs to no operation");
        }
    }
}

#[test]
fn the_runtime_is_one_that_exists() {
    let globals = template()["Globals"]["Function"].clone();
    assert_eq!(globals["Runtime"], "provided.al2023");
    assert_eq!(globals["Handler"], "bootstrap");
    assert_eq!(globals["Architectures"], json!([{ "Ref": "Architecture" }]));
}

#[test]
fn routes_are_unique_and_open_only_where_the_rule_is_public() {
    let template = template();
    let mut taken = BTreeSet::new();
    for (operation, function) in functions(&template) {
        let rule = Action::from_name(&operation).unwrap().rule();
        let routes = api_events(function);
        assert_eq!(routes.len(), usize::from(rule != Rule::System), "{operation}: its routes");
        for route in routes {
            assert_eq!(route["RestApiId"], json!({ "Ref": "Api" }), "{operation}");
            let open = route["Auth"] == json!({ "Authorizer": "NONE" });
            assert_eq!(open, rule == Rule::Public, "{operation}: {}", route["Auth"]);
            assert!(open || route["Auth"].is_null(), "{operation}: an authorizer of its own");
            let path = route["Path"].as_str().unwrap();
            let names = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
            let place = names.collect::<Vec<_>>().join("/");
            assert!(taken.insert((route["Method"].to_string(), place)), "{operation}: {path}");
        }
    }
    assert_eq!(template["Resources"]["Api"]["Properties"]["Auth"]["DefaultAuthorizer"], "Cognito");
}

/// Every policy statement, with the resource it stands in.
fn statements(template: &Value) -> Vec<(&str, &Value)> {
    fn walk<'a>(id: &'a str, value: &'a Value, found: &mut Vec<(&'a str, &'a Value)>) {
        match value {
            Value::Object(fields) => {
                if fields.contains_key("Effect") {
                    found.push((id, value));
                }
                fields.values().for_each(|value| walk(id, value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(id, value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    resources(template).iter().for_each(|(id, value)| walk(id, value, &mut found));
    found
}

#[test]
fn i8_no_action_is_a_wildcard_but_for_a_reason() {
    let template = template();
    let mut used: BTreeSet<&(&str, &str, &str)> = BTreeSet::new();
    for (id, statement) in statements(&template) {
        assert!(statement["NotAction"].is_null() && statement["NotResource"].is_null(), "{id}");
        for action in listed(&statement["Action"]) {
            let action = action.as_str().unwrap();
            assert_ne!(action, "dynamodb:Scan", "{id}");
            let known = WILD_ACTIONS.iter().find(|(at, name, _)| (*at, *name) == (id, action));
            assert!(!action.contains('*') || known.is_some(), "{id}: {action}");
            used.extend(known);
        }
    }
    assert_eq!(used.len(), WILD_ACTIONS.len(), "an exception that nothing needs");
}

#[test]
fn i8_no_resource_is_a_wildcard_where_it_can_be_named() {
    let template = template();
    let mut used: BTreeSet<&(&str, &str)> = BTreeSet::new();
    for (id, statement) in statements(&template) {
        // In a key's own policy the resource is the key.
        let is_key = template["Resources"][id]["Type"] == "AWS::KMS::Key";
        if is_key || !listed(&statement["Resource"]).contains(&&json!("*")) {
            continue;
        }
        for action in listed(&statement["Action"]) {
            let known = WILD_RESOURCES.iter().find(|(name, _)| action == name);
            assert!(known.is_some(), "{id}: {action} on every resource");
            used.extend(known);
        }
    }
    assert_eq!(used.len(), WILD_RESOURCES.len(), "an exception that nothing needs");
}

#[test]
fn names_of_policies_are_used_once() {
    let mut taken = BTreeSet::new();
    for line in read("template.yaml").lines() {
        if let Some(name) = line.trim().strip_prefix("- PolicyName: ") {
            assert!(taken.insert(name.to_owned()), "{name}");
        }
    }
    assert!(taken.len() >= operations().len());
}

#[test]
fn i11_what_failed_every_time_is_kept_and_raises_an_alarm() {
    let template = template();
    let queues = of_type(&template, "AWS::SQS::Queue");
    let (dead, fed): (Vec<&str>, Vec<&str>) =
        queues.keys().partition(|id| id.ends_with("DeadLetters"));
    for id in fed {
        let policy = &queues[id]["Properties"]["RedrivePolicy"];
        let target = policy["deadLetterTargetArn"]["Fn::GetAtt"].as_str().unwrap_or_default();
        let target = target.trim_end_matches(".Arn");
        assert!(dead.contains(&target), "{id} has no queue for what failed");
    }
    for id in dead {
        let alarm = &template["Resources"][format!("{id}Alarm")]["Properties"];
        let name = json!({ "Fn::GetAtt": format!("{id}.QueueName") });
        assert_eq!(alarm["Dimensions"][0]["Value"], name, "{id} has no alarm");
        assert_eq!(queues[id]["Properties"]["MessageRetentionPeriod"], 1_209_600, "{id}");
    }
}

#[test]
fn i11_batches_report_what_failed_and_streams_and_schedules_keep_it() {
    let template = template();
    for (operation, function) in functions(&template) {
        let events = function["Properties"]["Events"].as_object();
        for event in events.into_iter().flat_map(Map::values) {
            let properties = &event["Properties"];
            match event["Type"].as_str().unwrap() {
                "SQS" | "DynamoDB" => assert_eq!(
                    properties["FunctionResponseTypes"],
                    json!(["ReportBatchItemFailures"]),
                    "{operation}"
                ),
                "Api" => {}
                "ScheduleV2" => {
                    assert!(!properties["DeadLetterConfig"].is_null(), "{operation}");
                }
                other => panic!("{operation}: {other} is a source this test does not know"),
            }
            if event["Type"] == "DynamoDB" {
                assert!(!properties["DestinationConfig"]["OnFailure"].is_null(), "{operation}");
                assert!(!properties["MaximumRetryAttempts"].is_null(), "{operation}");
            }
        }
    }
}
