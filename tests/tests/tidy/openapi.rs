//! The API reference is true: made from the types of today, with examples that it itself admits.
//! That it has the routes of the template is held in `tidy/template.rs`; that the running stack
//! answers as it says, by the test kit, on every answer of every test.

use serde_json::{Value, json};
use testkit::reference::checker;
use tests::reference;

#[test]
fn the_reference_in_the_repository_is_that_of_today() {
    assert!(
        reference::read("docs/openapi.json") == reference::text(),
        "docs/openapi.json is not up to date: run `cargo xtask openapi`"
    );
}

#[test]
fn every_example_is_as_its_schema_says() {
    let document = reference::document();
    let operations = document["paths"].as_object().unwrap().values();
    let operations = operations.flat_map(|methods| methods.as_object().unwrap().values());
    let mut bodies = 0;
    for operation in operations {
        let name = operation["operationId"].as_str().unwrap();
        let responses = operation["responses"].as_object().unwrap().values();
        for body in responses.chain([&operation["requestBody"]]) {
            for media in body["content"].as_object().into_iter().flatten().map(|(_, media)| media) {
                let validator = checker(&document, &media["schema"]).unwrap();
                let several = media["examples"].as_object().into_iter().flatten();
                let several = several.map(|(_, example)| &example["value"]);
                let examples: Vec<_> = several.chain(media.get("example")).collect();
                assert!(!examples.is_empty(), "{name} has no example");
                for example in examples {
                    let errors: Vec<_> = validator.iter_errors(example).collect();
                    assert!(errors.is_empty(), "{name}: {example}: {errors:?}");
                }
                bodies += 1;
            }
        }
    }
    for (name, response) in document["components"]["responses"].as_object().unwrap() {
        let media = &response["content"]["application/problem+json"];
        let validator = checker(&document, &media["schema"]).unwrap();
        for example in media["examples"].as_object().unwrap().values() {
            assert!(validator.is_valid(&example["value"]), "{name}: {example}");
            bodies += 1;
        }
    }
    assert!(bodies > 40, "only {bodies} examples");
}

#[test]
fn fields_have_limits() {
    let document = reference::document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        if name.ends_with("Request") && name != "AccessRequest" {
            limited(name, schema);
        }
    }
}

fn limited(at: &str, schema: &Value) {
    let is = |kind: &str| {
        let types = &schema["type"];
        types == kind || types.as_array().is_some_and(|types| types.contains(&json!(kind)))
    };
    let has = |words: &[&str]| words.iter().any(|word| !schema[word].is_null());
    if is("string") {
        assert!(has(&["maxLength", "enum", "pattern", "format"]), "{at} has no limit");
    }
    if is("integer") {
        assert!(has(&["maximum"]), "{at} has no limit");
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        limited(&format!("{at}/{name}"), field);
    }
    if is("array") {
        limited(&format!("{at}/-"), &schema["items"]);
    }
}
