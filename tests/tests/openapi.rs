//! The API reference is true: made from the types of today, on the routes of the template, with
//! examples that it itself admits. That the running stack answers as it says is held by the test
//! kit, on every answer of every test.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};
use tests::reference;

fn from_root(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_reference_in_the_repository_is_that_of_today() {
    assert!(
        from_root("docs/openapi.json") == reference::text(),
        "docs/openapi.json is not up to date: run `cargo xtask openapi`"
    );
}

/// Method and path of each function that has one, and whether it is open to anybody.
fn routes_of_the_template() -> BTreeMap<String, bool> {
    let template: Value = yaml_serde::from_str(&untagged(&from_root("template.yaml"))).unwrap();
    let paths = &template["Resources"]["Api"]["Properties"]["DefinitionBody"]["paths"];
    let mut routes = BTreeMap::new();
    for (path, methods) in paths.as_object().unwrap() {
        for (method, route) in methods.as_object().unwrap() {
            let open = route["security"] == json!([{ "NONE": [] }]);
            routes.insert(format!("{} {path}", method.to_uppercase()), open);
        }
    }
    routes
}

/// The template without CloudFormation's tags, which say nothing about routes.
fn untagged(template: &str) -> String {
    let words = ["!Ref", "!Sub", "!GetAtt", "!If", "!Equals", "!Not", "!Join", "!Select", "!And"];
    words.iter().fold(template.to_owned(), |text, word| text.replace(&format!("{word} "), ""))
}

#[test]
fn the_reference_has_the_routes_of_the_template() {
    let contracts = reference::contracts().into_iter();
    let promised: BTreeMap<_, _> =
        contracts.map(|(_, one)| (one.route.to_owned(), one.is_public())).collect();
    assert_eq!(promised, routes_of_the_template());
}

/// A schema with the components it refers to.
fn validator(document: &Value, schema: &Value) -> jsonschema::Validator {
    let schema = json!({ "allOf": [schema], "components": document["components"] });
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
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
                let validator = validator(&document, &media["schema"]);
                let errors: Vec<_> = validator.iter_errors(&media["example"]).collect();
                assert!(errors.is_empty(), "{name}: {}: {errors:?}", media["example"]);
                bodies += 1;
            }
        }
    }
    for (name, response) in document["components"]["responses"].as_object().unwrap() {
        let media = &response["content"]["application/problem+json"];
        let validator = validator(&document, &media["schema"]);
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
