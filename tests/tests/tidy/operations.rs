//! An operation has the same name everywhere: action, file, binary, module, event, function.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    names::Named,
    policy::{Action, Rule},
};
use serde_json::Value;
use tests::reference::camel;

use crate::{
    checkout::{names_in, operations, read, root_template, services, without_tests},
    template::routes,
};

/// The service that an operation stands in.
pub(crate) fn service_of(operation: &str) -> String {
    let holds = |service: &String| {
        names_in(&format!("functions/{service}/src")).contains(&format!("{operation}.rs"))
    };
    services().into_iter().find(holds).unwrap_or_else(|| panic!("{operation}.rs is in no service"))
}

fn stems(folder: &str, ending: &str) -> Vec<String> {
    let names = names_in(folder).into_iter();
    names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
}

#[test]
fn each_action_has_one_file_that_serves_under_its_name_and_no_file_serves_anything_else() {
    let mut files = BTreeSet::new();
    for service in services() {
        for stem in stems(&format!("functions/{service}/src"), ".rs") {
            let text = read(&format!("functions/{service}/src/{stem}.rs"));
            if text.contains("pub fn operation()") {
                // Where the name is needed twice it is a constant.
                let constant = format!("constNAME:&str=\"{stem}\";");
                let text: String = text.split_whitespace().collect();
                let text = if text.contains(&constant) {
                    text.replace("(NAME,", &format!("(\"{stem}\","))
                } else {
                    text
                };
                let served = ["http", "event"].map(|kind| format!("edge::{kind}(\"{stem}\","));
                assert!(
                    served.iter().any(|call| text.contains(call)),
                    "{stem} serves another name"
                );
                assert!(files.insert(stem.clone()), "{stem} stands in two services");
            }
        }
    }
    assert_eq!(files, operations());
}

#[test]
fn each_operation_is_a_public_module_of_its_service() {
    for operation in operations() {
        let service = service_of(&operation);
        let library = read(&format!("functions/{service}/src/lib.rs"));
        let line = format!("pub mod {operation};");
        assert_eq!(library.lines().filter(|found| *found == line).count(), 1, "{service}: {line}");
    }
}

#[test]
fn each_binary_is_one_call_and_there_is_one_for_each_operation() {
    let mut binaries = BTreeSet::new();
    for service in services() {
        for operation in stems(&format!("functions/{service}/src/bin"), ".rs") {
            let expected = format!(
                "//! The Lambda of `{operation}`.\nfn main() -> std::process::ExitCode {{\n    \
                 {service}::{operation}::operation().serve()\n}}\n"
            );
            let text = read(&format!("functions/{service}/src/bin/{operation}.rs"));
            assert_eq!(text, expected, "{service}/{operation}");
            binaries.insert(operation);
        }
    }
    assert_eq!(binaries, operations());
}

#[test]
fn the_local_stack_serves_each_operation_of_each_service() {
    let services = functions::services().into_iter();
    let served: Vec<_> = services
        .flat_map(|(service, all)| all.into_iter().map(move |one| (service, one.name)))
        .map(|(service, operation)| (operation.to_owned(), service.to_owned()))
        .collect();
    let expected = operations().into_iter().map(|one| (one.clone(), service_of(&one)));
    assert_eq!(served.iter().cloned().collect::<BTreeMap<_, _>>(), expected.collect());
    assert_eq!(served.len(), operations().len(), "each once");
}

#[test]
fn each_operation_has_a_sample_event_in_its_service() {
    let mut events = BTreeSet::new();
    for service in names_in("events") {
        for operation in stems(&format!("events/{service}"), ".json") {
            assert_eq!(service, service_of(&operation), "{operation}: the event's folder");
            let text = read(&format!("events/{service}/{operation}.json"));
            let event: Value = serde_json::from_str(&text).unwrap();
            let fields = event.as_object().unwrap_or_else(|| panic!("{operation}: no object"));
            assert!(!fields.is_empty(), "{operation}: an empty event");
            events.insert(operation);
        }
    }
    assert_eq!(events, operations());
}

#[test]
fn the_sample_events_of_routes_are_requests_to_them() {
    for (operation, (method, path)) in routes(&root_template()) {
        let service = service_of(&operation);
        let text = read(&format!("events/{service}/{operation}.json"));
        let event: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(event["httpMethod"], method, "{operation}");
        assert_eq!(event["resource"], path.as_str(), "{operation}");
        let given = event["pathParameters"].as_object();
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')) {
            let name = name.trim_end_matches('}');
            assert!(given.is_some_and(|given| given.contains_key(name)), "{operation}: {name}");
        }
        if let Some(body) = event["body"].as_str() {
            serde_json::from_str::<Value>(body).unwrap_or_else(|_| panic!("{operation}: body"));
        }
        let rule = Action::from_name(&operation).unwrap().rule();
        let claims = &event["requestContext"]["authorizer"]["claims"];
        assert_eq!(claims["sub"].is_string(), rule != Rule::Public, "{operation}: claims");
        assert_eq!(claims["role"].is_string(), rule != Rule::Public, "{operation}: role");
    }
}

#[test]
fn operations_fit_in_200_lines_before_their_tests() {
    for operation in operations() {
        let text = read(&format!("functions/{}/src/{operation}.rs", service_of(&operation)));
        let lines = without_tests(&text).lines().count();
        assert!(lines < 200, "{operation} has {lines} lines before its tests");
    }
}

#[test]
fn names_are_noun_and_verb_and_so_are_variants() {
    for (action, name) in Action::NAMES {
        assert!(name.contains('_'), "{name} is no noun_verb");
        assert_eq!(format!("{action:?}"), camel(name));
    }
}
