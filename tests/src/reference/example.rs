//! An example of what a schema describes.

use serde_json::{Map, Value, json};

/// Where schemas of the document are found.
pub(super) const SCHEMAS: &str = "#/components/schemas/";

/// A value that the schema takes, made of the first choice at each place.
pub(super) fn example(schema: &Value, components: &Map<String, Value>) -> Value {
    let again = |schema: &Value| example(schema, components);
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix(SCHEMAS)) {
        return again(&components[name]);
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(value) = schema["enum"].get(0) {
        return value.clone();
    }
    let mut value = match kind(schema) {
        Some("object") | None => of_object(schema, components),
        Some("array") => json!([again(&schema["items"])]),
        Some("string") => json!(of_string(schema)),
        Some("integer") => json!(schema["minimum"].as_u64().unwrap_or(1).max(1)),
        Some("number") => json!(0.5),
        Some("boolean") => json!(true),
        Some(_) => Value::Null,
    };
    let choice = ["oneOf", "anyOf"].into_iter().find_map(|word| schema[word].get(0)).map(again);
    for more in
        choice.into_iter().chain(schema["allOf"].as_array().into_iter().flatten().map(again))
    {
        match (value.as_object_mut(), more) {
            (Some(fields), Value::Object(more)) => fields.extend(more),
            (_, more) => value = more,
        }
    }
    value
}

fn kind(schema: &Value) -> Option<&str> {
    schema["type"].as_str().or_else(|| schema["type"].get(0).and_then(Value::as_str))
}

fn of_object(schema: &Value, components: &Map<String, Value>) -> Value {
    let fields = schema["properties"].as_object().into_iter().flatten();
    fields.map(|(name, field)| (name.clone(), example(field, components))).collect()
}

fn of_string(schema: &Value) -> &'static str {
    match schema["format"].as_str() {
        Some("uuid") => "0190a6f0-0000-7000-8000-000000000001",
        Some("date-time") => "2026-01-31T09:30:00Z",
        Some("date") => "2026-01-31",
        _ => "text",
    }
}
