//! The templates: what neither cfn-lint nor `sam validate` sees.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    names::Named,
    policy::{Action, Rule},
};
use serde_json::{Map, Value, json};
use tests::reference::{self, camel};

use crate::{
    checkout::{
        listed, operations, read, service_template, services, template_paths, whole_template,
    },
    operations::service_of,
};

/// Where a wildcard action is right, and why: where, the action, the reason.
const WILD_ACTIONS: [(&str, &str, &str); 6] = [
    ("VaultKey", "kms:*", "a key without its account's root cannot be administered"),
    ("StorageKey", "kms:*", "a key without its account's root cannot be administered"),
    ("StorageKey", "kms:ReEncrypt*", "two actions that AWS documents under this name"),
    ("StorageKey", "kms:GenerateDataKey*", "four actions that AWS documents under this name"),
    ("BucketPolicy", "s3:*", "denies, over plain HTTP"),
    ("ArchivePolicy", "s3:*", "denies, over plain HTTP"),
];

/// Which actions have no resource to name, and why.
const WILD_RESOURCES: [(&str, &str); 6] = [
    ("xray:PutTraceSegments", "AWS defines no resource for it"),
    ("xray:PutTelemetryRecords", "AWS defines no resource for it"),
    ("dynamodb:ListStreams", "AWS defines no resource for it"),
    ("textract:DetectDocumentText", "Textract has no resources"),
    ("textract:StartDocumentTextDetection", "Textract has no resources"),
    ("textract:GetDocumentTextDetection", "Textract has no resources"),
];

/// What the names of functions have in front where the root refers to them.
const FUNCTIONS: &str = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:\
                         ${AWS::StackName}-";

pub(crate) fn resources(template: &Value) -> &Map<String, Value> {
    template["Resources"].as_object().unwrap()
}

pub(crate) fn of_type<'a>(template: &'a Value, kind: &str) -> BTreeMap<&'a str, &'a Value> {
    let all = resources(template).iter();
    all.filter(|(_, it)| it["Type"] == kind).map(|(id, it)| (id.as_str(), it)).collect()
}

pub(crate) fn functions(template: &Value) -> BTreeMap<String, &Value> {
    let functions = of_type(template, "AWS::Serverless::Function");
    let name = |it: &Value| {
        let name = it["Properties"]["FunctionName"]["Fn::Sub"].as_str().unwrap_or_default();
        name.strip_prefix("${Stack}-").unwrap_or_default().to_owned()
    };
    functions.into_values().map(|it| (name(it), it)).collect()
}

/// Method, path and definition of each route, by the operation that it names.
fn api(template: &Value) -> BTreeMap<&str, (String, &str, &Value)> {
    let paths = &template["Resources"]["Api"]["Properties"]["DefinitionBody"]["paths"];
    let mut routes = BTreeMap::new();
    for (path, methods) in paths.as_object().unwrap() {
        for (method, route) in methods.as_object().unwrap() {
            let operation = route["operationId"].as_str().unwrap();
            let place = (method.to_uppercase(), path.as_str(), route);
            assert!(routes.insert(operation, place).is_none(), "{operation}: two routes");
        }
    }
    routes
}

/// Method and path of each operation that has a route.
pub(crate) fn routes(template: &Value) -> BTreeMap<String, (String, String)> {
    let routes = api(template).into_iter();
    routes.map(|(name, (method, path, _))| (name.to_owned(), (method, path.to_owned()))).collect()
}

#[test]
fn the_reference_has_the_routes_of_the_template() {
    let template = whole_template();
    let routes = api(&template).into_values().map(|(method, path, route)| {
        (format!("{method} {path}"), route["security"] == json!([{ "NONE": [] }]))
    });
    let contracts = reference::contracts().into_iter();
    let promised = contracts.map(|(_, one)| (one.route.to_owned(), one.is_public()));
    assert_eq!(promised.collect::<BTreeMap<_, _>>(), routes.collect());
}

#[test]
fn functions_are_the_operations() {
    let template = whole_template();
    let names: BTreeSet<_> = functions(&template).into_keys().collect();
    assert_eq!(names, operations());
    assert_eq!(of_type(&template, "AWS::Serverless::Function").len(), operations().len());
}

#[test]
fn each_function_is_built_by_us_and_has_its_own_role_and_its_services_log_and_alarm() {
    let template = whole_template();
    for (operation, function) in functions(&template) {
        let (id, service) = (camel(&operation), service_of(&operation));
        let properties = &function["Properties"];
        let own = &service_template(&service)["Resources"][&id];
        assert_eq!(own, function, "{operation}: {id} in the template of {service}");
        assert_eq!(function["Metadata"], json!({ "SkipBuild": true }), "{operation}");
        assert_eq!(properties["CodeUri"], format!("../../target/lambda/{operation}/"));
        assert_eq!(properties["Role"], json!({ "Fn::GetAtt": format!("{id}Role.Arn") }));
        let log = json!({ "LogGroup": { "Ref": format!("{}Logs", camel(&service)) } });
        assert_eq!(properties["LoggingConfig"], log, "{operation}");
        for name in ["Runtime", "Handler", "Architectures", "Policies", "Tracing"] {
            assert!(properties[name].is_null(), "{operation}: {name} is not its to say");
        }
        has_role(&template, &operation);
    }
}

/// What none of the suite's requests is checked for: those two call Cognito unsigned.
#[test]
fn i8_who_calls_nothing_signed_may_do_nothing_but_log() {
    let template = whole_template();
    for operation in ["account_confirm", "session_refresh"] {
        let role = &resources(&template)[&format!("{}Role", camel(operation))];
        let policy = &role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"];
        let actions: Vec<_> = listed(policy).iter().flat_map(|it| listed(&it["Action"])).collect();
        let service = |action: &&&Value| {
            let action = action.as_str().unwrap();
            !action.starts_with("logs:") && !action.starts_with("xray:")
        };
        assert_eq!(actions.iter().find(service), None, "{operation}");
    }
}

#[test]
fn each_function_is_under_the_alarm_of_its_service() {
    let template = whole_template();
    let alarms = of_type(&template, "AWS::CloudWatch::Alarm");
    for operation in operations() {
        let service = camel(&service_of(&operation));
        let function = json!([{ "Name": "FunctionName", "Value": { "Ref": camel(&operation) } }]);
        let watches = |alarm: &&Value| {
            listed(&alarm["Properties"]["Metrics"]).iter().any(|metric| {
                let metric = &metric["MetricStat"]["Metric"];
                metric["MetricName"] == "Errors" && metric["Dimensions"] == function
            })
        };
        let watching: Vec<_> = alarms.iter().filter(|(_, alarm)| watches(alarm)).collect();
        assert_eq!(watching.len(), 1, "{operation}: one alarm on its errors");
        assert!(watching[0].0.starts_with(&format!("{service}Errors")), "{operation}: another's");
    }
    for (id, alarm) in alarms {
        let properties = &alarm["Properties"];
        assert_eq!(properties["AlarmActions"], json!([{ "Ref": "Alarms" }]), "{id}");
        // CloudWatch takes no more in one alarm; a service that grows past it gets a second.
        let metrics = listed(&properties["Metrics"]);
        let read = metrics.iter().filter(|metric| !metric["MetricStat"].is_null()).count();
        assert!(read <= 10, "{id}: {read} metrics in one alarm");
    }
}

#[test]
fn each_event_function_is_under_the_alarm_on_durations() {
    let template = whole_template();
    let percent = &template["Resources"]["EventDurations"]["Properties"]["Metrics"][0];
    let percent = percent["Expression"].as_str().unwrap();
    for (operation, function) in functions(&template) {
        let timeout = &function["Properties"]["Timeout"];
        let timeout =
            timeout.as_u64().or_else(|| template["Globals"]["Function"]["Timeout"].as_u64());
        let term = format!("{operation}/{}", timeout.unwrap() * 10);
        let watched =
            percent.contains(&format!("{term},")) || percent.contains(&format!("{term}]"));
        let is_event = !api(&template).contains_key(operation.as_str());
        assert_eq!(watched, is_event, "{operation}: {term} in EventDurations");
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

#[test]
fn each_service_has_a_log_group_and_nothing_stands_there_for_nobody() {
    let template = whole_template();
    for service in services() {
        let logs = &service_template(&service)["Resources"][&format!("{}Logs", camel(&service))];
        let name = format!("/aws/lambda/${{Stack}}/{service}");
        assert_eq!(logs["Properties"]["LogGroupName"], json!({ "Fn::Sub": name }));
    }
    for (id, logs) in of_type(&template, "AWS::Logs::LogGroup") {
        let keeps = &logs["Properties"]["RetentionInDays"];
        assert_eq!(keeps, &json!({ "Ref": "LogRetentionDays" }), "{id}");
        assert!(!logs["Properties"]["KmsKeyId"].is_null(), "{id}: logs are encrypted");
        let service = |service: &String| format!("{}Logs", camel(service)) == id;
        assert!(services().iter().any(service) || id == "ApiLogs", "{id}");
    }
    let ids: BTreeSet<_> = operations().iter().map(|operation| camel(operation)).collect();
    for (id, _) in of_type(&template, "AWS::IAM::Role") {
        let owner = id.trim_end_matches("Role").trim_end_matches("Schedule");
        let service = ["Textract", "Api", "ApiLog"].contains(&owner);
        assert!(ids.contains(owner) || service, "{id} belongs to no operation");
    }
}

#[test]
fn the_runtime_is_one_that_exists() {
    let globals = whole_template()["Globals"]["Function"].clone();
    assert_eq!(globals["Runtime"], "provided.al2023");
    assert_eq!(globals["Handler"], "bootstrap");
    assert_eq!(globals["Architectures"], json!([{ "Ref": "Architecture" }]));
}

#[test]
fn routes_are_unique_and_open_only_where_the_rule_is_public() {
    let template = whole_template();
    let routes = api(&template);
    let mut taken = BTreeSet::new();
    for (operation, function) in functions(&template) {
        let rule = Action::from_name(&operation).unwrap().rule();
        let Some((method, path, route)) = routes.get(operation.as_str()) else {
            assert_eq!(rule, Rule::System, "{operation} has no route");
            continue;
        };
        assert_ne!(rule, Rule::System, "{operation} has a route");
        assert!(function["Properties"]["Events"].is_null(), "{operation}: events beside its route");
        let open = route["security"] == json!([{ "NONE": [] }]);
        assert_eq!(open, rule == Rule::Public, "{operation}: {}", route["security"]);
        assert!(open || route["security"].is_null(), "{operation}: an authorizer of its own");
        let names = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
        let place = names.collect::<Vec<_>>().join("/");
        assert!(taken.insert((method, place)), "{operation}: {path}");
    }
    assert_eq!(template["Resources"]["Api"]["Properties"]["Auth"]["DefaultAuthorizer"], "Cognito");
}

#[test]
fn each_route_calls_the_released_version_of_its_own_function_and_nothing_else_has_one() {
    let template = whole_template();
    let routes = api(&template);
    let policy = &template["Resources"]["ApiRole"]["Properties"]["Policies"][0]["PolicyDocument"];
    let may_call = listed(&policy["Statement"][0]["Resource"]);
    assert_eq!(may_call.len(), routes.len(), "what the API may call is what it routes to");
    for (operation, function) in functions(&template) {
        let alias = &function["Properties"]["AutoPublishAlias"];
        let preference = &function["Properties"]["DeploymentPreference"];
        let Some((_, _, route)) = routes.get(operation.as_str()) else {
            assert!(alias.is_null(), "{operation}: called by events, as it is");
            assert_eq!(preference, &json!({ "Enabled": false }), "{operation}");
            continue;
        };
        assert_eq!(alias, "live", "{operation}");
        // A change of configuration alone is released like one of code.
        assert_eq!(function["Properties"]["AutoPublishAliasAllProperties"], true, "{operation}");
        assert!(preference.is_null(), "{operation}: it is released like all others");
        let call = &route["x-amazon-apigateway-integration"];
        let live = format!("{FUNCTIONS}{operation}:live");
        let uri = call["uri"]["Fn::Sub"].as_str().unwrap();
        assert!(uri.ends_with(&format!("/functions/{live}/invocations")), "{operation}");
        assert_eq!(call["credentials"], json!({ "Fn::GetAtt": "ApiRole.Arn" }), "{operation}");
        assert_eq!(call["type"], "aws_proxy", "{operation}");
        let live = json!({ "Fn::Sub": live });
        assert!(may_call.contains(&&live), "{operation}: ApiRole may not call it");
    }
}

#[test]
fn what_is_open_without_signing_in_takes_fewer_requests() {
    let template = whole_template();
    let settings = &template["Resources"]["Api"]["Properties"]["MethodSettings"];
    let tighter: BTreeSet<_> = listed(settings)
        .into_iter()
        .filter(|it| it["ThrottlingRateLimit"] == json!({ "Ref": "SignInsPerSecond" }))
        .map(|it| (it["HttpMethod"].to_string(), it["ResourcePath"].to_string()))
        .collect();
    for (operation, (method, path, _)) in api(&template) {
        let rule = Action::from_name(operation).unwrap().rule();
        let path = format!("/{}", path.replace('/', "~1"));
        let tight = tighter.contains(&(json!(method).to_string(), json!(path).to_string()));
        // A second factor has a million codes.
        assert_eq!(tight, rule == Rule::Public || operation == "mfa_verify", "{operation}");
    }
    for setting in listed(settings) {
        assert_eq!(setting["DataTraceEnabled"], false, "what was asked is not logged");
    }
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
    let template = whole_template();
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
    let template = whole_template();
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
    let templates: String = template_paths().iter().map(|path| read(path)).collect();
    for line in templates.lines() {
        if let Some(name) = line.trim().strip_prefix("- PolicyName: ") {
            assert!(taken.insert(name.to_owned()), "{name}");
        }
    }
    assert!(taken.len() >= operations().len());
}

#[test]
fn i11_what_failed_every_time_is_kept_and_raises_an_alarm() {
    let template = whole_template();
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
    let template = whole_template();
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
                "ScheduleV2" => {
                    assert!(!properties["DeadLetterConfig"].is_null(), "{operation}");
                    // SAM's own name would be the same in every stack of an account.
                    let name = json!({ "Fn::Sub": format!("${{Stack}}-{operation}") });
                    assert_eq!(properties["Name"], name, "{operation}");
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

/// The types of answers that API Gateway makes itself (Developer Guide, "Gateway response types").
const GATEWAY_ANSWERS: [&str; 21] = [
    "ACCESS_DENIED",
    "API_CONFIGURATION_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED",
];

#[test]
fn every_answer_of_the_gateway_is_a_problem_that_browsers_may_read_and_echoes_nothing() {
    let template = whole_template();
    let answers = &resources(&template)["Api"]["Properties"]["GatewayResponses"];
    let named: BTreeSet<_> = answers.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(named, BTreeSet::from(GATEWAY_ANSWERS));
    for (kind, answer) in answers.as_object().unwrap() {
        let headers = &answer["ResponseParameters"]["Headers"];
        assert_eq!(headers["Content-Type"], "'application/problem+json'", "{kind}");
        assert_eq!(headers["Access-Control-Allow-Origin"], "'*'", "{kind}");
        let text = answer["ResponseTemplates"]["application/json"].as_str().unwrap();
        let said: Value = serde_json::from_str(text).unwrap();
        assert_eq!(said["status"], answer["StatusCode"], "{kind}");
        assert_eq!(text.matches('$').count(), 1, "{kind} echoes nothing but the request's id");
        let status = answer["StatusCode"].as_u64().unwrap();
        assert_eq!(headers["Retry-After"].is_string(), matches!(status, 429 | 503), "{kind}");
        assert_eq!(headers["WWW-Authenticate"].is_string(), status == 401, "{kind}");
    }
}

#[test]
fn the_firewalls_rules_on_bodies_and_queries_count_and_do_not_block() {
    let template = whole_template();
    let rules = &resources(&template)["Firewall"]["Properties"]["Rules"];
    let groups = rules.as_array().unwrap().iter();
    let groups = groups.filter_map(|rule| rule["Statement"].get("ManagedRuleGroupStatement"));
    let mut counted = BTreeSet::new();
    for group in groups {
        for change in group["RuleActionOverrides"].as_array().into_iter().flatten() {
            assert!(change["ActionToUse"]["Count"].is_object(), "{change}");
            counted.insert(change["Name"].as_str().unwrap().to_owned());
        }
    }
    for part in ["GenericLFI", "GenericRFI", "CrossSiteScripting", "EC2MetaDataSSRF"] {
        for place in ["BODY", "QUERYARGUMENTS"] {
            assert!(counted.contains(&format!("{part}_{place}")), "{part}_{place}");
        }
    }
    for part in ["JavaDeserializationRCE", "Log4JRCE"] {
        for place in ["BODY", "QUERYSTRING"] {
            assert!(counted.contains(&format!("{part}_{place}")), "{part}_{place}");
        }
    }
    assert!(counted.contains("SizeRestrictions_QUERYSTRING"));
}
