//! The stacks: what the root hands to the services, and by which names it refers to what they hold.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tests::reference::camel;

use crate::{
    checkout::{
        operations, read, root_template, service_template, services, template, template_paths,
    },
    template::{functions, of_type, resources},
};

fn parameters(template: &Value) -> BTreeMap<&str, &Value> {
    let declared = template["Parameters"].as_object().unwrap().iter();
    declared.map(|(name, it)| (name.as_str(), it)).collect()
}

#[test]
fn the_root_nests_each_service_hands_it_what_it_declares_and_routes_to_it_last() {
    let root = root_template();
    let nested = of_type(&root, "AWS::Serverless::Application");
    assert_eq!(nested.len(), services().len(), "a stack for each service and no other");
    for service in services() {
        let id = camel(&service);
        let properties = &nested[id.as_str()]["Properties"];
        assert_eq!(properties["Location"], format!("functions/{service}/template.yaml"));
        let template = service_template(&service);
        let handed = properties["Parameters"].as_object().unwrap();
        let names: BTreeSet<_> = handed.keys().map(String::as_str).collect();
        assert_eq!(names, parameters(&template).into_keys().collect(), "{service}");
        assert_eq!(handed["Stack"], json!({ "Ref": "AWS::StackName" }), "{service}");
        for (name, own) in parameters(&template) {
            assert!(own["Default"].is_null(), "{service}: the root decides on {name}");
            if let Some(of_root) = root["Parameters"].get(name) {
                assert_eq!(handed[name], json!({ "Ref": name }), "{service}");
                assert_eq!(own["Type"], of_root["Type"], "{service}: {name}");
            }
        }
        let waits = root["Resources"]["Api"]["DependsOn"].as_array().unwrap();
        assert!(waits.contains(&json!(id)), "routes come before the functions of {service}");
    }
}

#[test]
fn functions_share_the_same_in_every_service() {
    let mut shared = services().into_iter().map(|service| service_template(&service));
    let first = shared.next().unwrap()["Globals"].clone();
    assert!(shared.all(|template| template["Globals"] == first), "Globals differ");
    assert!(root_template()["Globals"].is_null(), "the root has no functions");
}

#[test]
fn what_the_root_refers_to_by_name_has_that_name_in_a_service() {
    let mut held: BTreeSet<_> = operations();
    for service in services() {
        let template = service_template(&service);
        for (kind, field) in
            [("AWS::SQS::Queue", "QueueName"), ("AWS::CloudWatch::Alarm", "AlarmName")]
        {
            for (id, resource) in of_type(&template, kind) {
                let name = json!({ "Fn::Sub": format!("${{Stack}}-{id}") });
                assert_eq!(resource["Properties"][field], name, "{service}: {id}");
                held.insert(id.to_owned());
            }
        }
    }
    let text = read("template.yaml");
    let mut named = BTreeSet::new();
    for rest in text.split("${AWS::StackName}-").skip(1) {
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        named.insert(rest[..end.unwrap_or(rest.len())].to_owned());
    }
    let buckets = ["files", "archive"].map(str::to_owned);
    assert!(named.len() > 40, "found only {named:?}");
    named.retain(|name| !held.contains(name));
    assert_eq!(named, buckets.into(), "of a name that nothing has");
}

/// The bucket waits for the queue of documents, so its name is handed on, not the bucket.
#[test]
fn services_get_the_name_that_the_bucket_has() {
    let root = root_template();
    let name = &root["Resources"]["Bucket"]["Properties"]["BucketName"];
    let nested = of_type(&root, "AWS::Serverless::Application");
    let handed = nested.values().map(|it| &it["Properties"]["Parameters"]["Bucket"]);
    let handed: Vec<_> = handed.filter(|name| !name.is_null()).collect();
    assert!(handed.len() > 1 && handed.iter().all(|handed| *handed == name), "{handed:?}");
}

/// CloudFormation takes 500 resources, 200 parameters and 200 outputs in a stack, and a megabyte
/// of template; `cargo xtask lint` prints what each has.
#[test]
fn each_stack_stays_under_cloudformations_limits_with_room_to_grow() {
    for path in template_paths() {
        let template = template(&path);
        let released = functions(&template).into_values();
        let released =
            released.filter(|it| !it["Properties"]["AutoPublishAlias"].is_null()).count();
        let events = functions(&template).into_values();
        let events = events.filter_map(|it| it["Properties"]["Events"].as_object());
        // Beside a function that is released: version, alias, group of releases. Once: their
        // application and its role; beside the API, deployment and stage. An event makes one.
        let made = 3 * released + 2 + events.map(Map::len).sum::<usize>();
        let all = resources(&template).len() + made;
        println!("{path}: {all} resources");
        assert!(all <= 400, "{path}: {all} of 500 resources");
        for section in ["Parameters", "Outputs"] {
            let held = template[section].as_object().map_or(0, Map::len);
            assert!(held <= 60, "{path}: {section}: 200 at most");
        }
        assert!(read(&path).len() < 500_000, "{path}: a megabyte at most when expanded");
    }
}

#[test]
fn sam_is_told_the_same_of_every_environment_that_is_deployed_and_asks_no_plugin() {
    let settings = read("samconfig.toml");
    let deployed: Vec<_> = settings.split("\n[").filter(|it| it.contains("resolve_s3")).collect();
    assert_eq!(deployed.len(), 2, "staging and production");
    let mut names = BTreeSet::new();
    for one in deployed {
        assert!(one.contains("\ncapabilities = \"CAPABILITY_IAM CAPABILITY_AUTO_EXPAND\"\n"));
        names.extend(one.lines().filter(|line| line.starts_with("stack_name")).map(str::to_owned));
    }
    assert_eq!(names.len(), 2, "stacks of an account have names of their own");
    // SAM reads it as well, and an operator's knows no rules but its own.
    assert!(!read(".cfnlintrc.yaml").contains("append_rules"), "a rule that plain SAM lacks");
}
