//! The shape of the document: what generators of clients make whole classes of. Each variant of a
//! choice is a schema of its own behind a discriminator, nothing stands beside a `$ref`, values of a
//! set have one name, and what is never null is not said to be.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{SCHEMAS, camel, without_codes};

/// Brings the document into shape.
pub(super) fn shape(document: &mut Value) {
    let schemas = document["components"]["schemas"].as_object_mut().expect("schemas");
    let names: Vec<_> = schemas.keys().cloned().collect();
    for name in &names {
        part(name, schemas);
        if !is_asked(name) {
            never_null(&mut schemas[name]);
        }
    }
    let sets = sets(schemas);
    walk(document, &mut |schema| {
        name_set(schema, &sets);
        stand_alone(schema);
        plain(schema);
    });
    without_codes_anywhere(document);
}

/// No text says what only the project's own developers read.
fn without_codes_anywhere(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "description" => *text = without_codes(text),
                    _ => without_codes_anywhere(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(without_codes_anywhere),
        _ => {}
    }
}

/// Whether a schema describes what is asked and not what is answered.
fn is_asked(name: &str) -> bool {
    name.ends_with("Request") && name != "AccessRequest"
}

/// Makes each variant of a choice a schema of its own, told apart by the property that is constant.
fn part(name: &str, schemas: &mut Map<String, Value>) {
    let Some(variants) = schemas[name]["oneOf"].as_array().cloned() else { return };
    let Some(property) = variants.first().and_then(constant) else { return };
    let (mut references, mut mapping) = (Vec::new(), Map::new());
    for mut variant in variants {
        let value =
            variant["properties"][&property]["const"].as_str().unwrap_or_default().to_owned();
        let own = camel(&value) + name;
        let reference = format!("{SCHEMAS}{own}");
        never_null(&mut variant);
        schemas.insert(own, variant);
        references.push(json!({ "$ref": reference }));
        mapping.insert(value, json!(reference));
    }
    let choice = &mut schemas[name];
    choice["oneOf"] = json!(references);
    choice["discriminator"] = json!({ "propertyName": property, "mapping": mapping });
}

/// The property of a variant that has one value.
fn constant(variant: &Value) -> Option<String> {
    let properties = variant["properties"].as_object()?;
    let found = properties.iter().find(|(_, schema)| schema["const"].is_string());
    found.map(|(name, _)| name.clone())
}

/// What may be absent from an answer is left out, never null.
fn never_null(schema: &mut Value) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        if required.contains(&json!(name)) {
            continue;
        }
        if let Some(kinds) = property["type"].as_array()
            && let [kind, _] = kinds.as_slice()
        {
            property["type"] = kind.clone();
        }
        let only = match property["anyOf"].as_array().map(Vec::as_slice) {
            Some([only, null]) if null["type"] == "null" => only["$ref"].clone(),
            _ => continue,
        };
        let fields = property.as_object_mut().expect("a schema");
        fields.remove("anyOf");
        fields.insert("$ref".into(), only);
    }
}

/// The sets of values that have a name, by their values.
fn sets(schemas: &Map<String, Value>) -> BTreeMap<String, String> {
    let named = schemas.iter().filter(|(_, schema)| schema["enum"].is_array());
    named.map(|(name, schema)| (schema["enum"].to_string(), name.clone())).collect()
}

/// A set of values that has a name is told by it.
fn name_set(schema: &mut Value, sets: &BTreeMap<String, String>) {
    let Some(values) = schema["enum"].as_array() else { return };
    let nullable = values.contains(&Value::Null);
    let values: Vec<_> = values.iter().filter(|value| !value.is_null()).collect();
    let Some(name) = sets.get(&json!(values).to_string()) else { return };
    let reference = json!({ "$ref": format!("{SCHEMAS}{name}") });
    let fields = schema.as_object_mut().expect("a schema");
    fields.retain(|word, _| word != "enum" && word != "type");
    match nullable {
        false => fields.extend(reference.as_object().cloned().unwrap_or_default()),
        true => {
            fields.insert("anyOf".into(), json!([reference, { "type": "null" }]));
        }
    }
}

/// Nothing stands beside a `$ref`.
fn stand_alone(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    if fields.len() > 1 && fields.get("$ref").is_some_and(Value::is_string) {
        let reference = fields.remove("$ref");
        fields.insert("allOf".into(), json!([{ "$ref": reference }]));
    }
}

/// Words that all tools know.
fn plain(schema: &mut Value) {
    if let Some(value) = schema.as_object_mut().and_then(|fields| fields.remove("const")) {
        schema["enum"] = json!([value]);
    }
    let known = match schema["format"].as_str() {
        Some("uint8" | "uint16" | "uint32") => "int32",
        Some("uint64") => "int64",
        _ => return,
    };
    schema["format"] = json!(known);
}

/// Shows `edit` every schema of a document but those that have a name themselves.
fn walk(document: &mut Value, edit: &mut impl FnMut(&mut Value)) {
    for schema in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        let is_named_set = schema.1["enum"].is_array();
        if !is_named_set {
            within(schema.1, edit);
        }
    }
    for response in document["components"]["responses"].as_object_mut().into_iter().flatten() {
        contents(response.1, edit);
    }
    for methods in document["paths"].as_object_mut().into_iter().flatten() {
        for operation in methods.1.as_object_mut().into_iter().flatten() {
            let operation = operation.1;
            for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
                within(&mut parameter["schema"], edit);
            }
            for response in operation["responses"].as_object_mut().into_iter().flatten() {
                contents(response.1, edit);
            }
        }
    }
}

fn contents(response: &mut Value, edit: &mut impl FnMut(&mut Value)) {
    if let Some(contents) = response.get_mut("content").and_then(Value::as_object_mut) {
        contents.values_mut().for_each(|media| within(&mut media["schema"], edit));
    }
}

/// The schema and all within it.
fn within(schema: &mut Value, edit: &mut impl FnMut(&mut Value)) {
    edit(schema);
    let Some(fields) = schema.as_object_mut() else { return };
    for (word, inner) in fields {
        match word.as_str() {
            "properties" => {
                inner.as_object_mut().into_iter().flatten().for_each(|(_, one)| within(one, edit));
            }
            "items" | "additionalProperties" if inner.is_object() => within(inner, edit),
            "oneOf" | "anyOf" | "allOf" => {
                inner.as_array_mut().into_iter().flatten().for_each(|one| within(one, edit));
            }
            _ => {}
        }
    }
}
