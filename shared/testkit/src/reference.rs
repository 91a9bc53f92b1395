//! Holds every answer of the API against the API reference, so that no test can pass on an answer
//! that app developers were not promised.

use std::{collections::HashMap, sync::OnceLock};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::{Outcome, Surprise, ensure};

/// The reference, as it is in the repository.
const DOCUMENT: &str = include_str!("../../../docs/openapi.json");

/// What is promised of one operation.
struct Promise {
    method: String,
    path: Vec<String>,
    answers: HashMap<u16, Option<Validator>>,
}

/// Whether an answer is one of those that the reference promises; `body` is `None` where nothing
/// came. Routes that it does not know are no business of it.
///
/// # Errors
/// When the answer is not promised; says what is wrong with it.
pub(crate) fn hold(method: &str, url: &str, status: u16, body: Option<&Value>) -> Outcome {
    let Some((_, path)) = url.split_once("/v1/") else { return Ok(()) };
    let path = path.split('?').next().unwrap_or_default();
    let path: Vec<&str> = path.split('/').collect();
    let Some(promise) = promises()?.iter().find(|promise| promise.is_of(method, &path)) else {
        return Ok(());
    };
    let told = body.unwrap_or(&Value::Null);
    let what = format!("{method} {}: {status}", path.join("/"));
    match promise.answers.get(&status) {
        None => Err(Surprise(format!("{what} is not promised: {told}"))),
        Some(None) => ensure(body.is_none(), format!("{what}: a body where none is promised")),
        Some(Some(validator)) => {
            let errors = validator.iter_errors(told);
            let errors = errors.map(|error| format!("{}: {error}", error.instance_path()));
            // The first few tell enough; a page of records would fill a screen.
            let errors = errors.take(3).collect::<Vec<_>>().join("; ");
            let told = told.to_string();
            ensure(errors.is_empty(), format!("{what}: {told:.300} is not as promised: {errors}"))
        }
    }
}

impl Promise {
    fn is_of(&self, method: &str, path: &[&str]) -> bool {
        let fits = |(part, given): (&String, &&str)| part.starts_with('{') || part == given;
        self.method == method
            && self.path.len() == path.len()
            && self.path.iter().zip(path).all(fits)
    }
}

fn promises() -> Outcome<&'static [Promise]> {
    static PROMISES: OnceLock<Outcome<Vec<Promise>>> = OnceLock::new();
    PROMISES.get_or_init(read).as_deref().map_err(Clone::clone)
}

fn read() -> Outcome<Vec<Promise>> {
    let document: Value = serde_json::from_str(DOCUMENT)?;
    let mut promises = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let path = path.trim_start_matches("/v1/").split('/').map(str::to_owned).collect();
            let answers = operation["responses"].as_object().into_iter().flatten();
            let answers = answers
                .map(|(status, answer)| Ok((status.parse()?, validator(&document, answer)?)))
                .collect::<Outcome<_>>()?;
            promises.push(Promise { method: method.to_uppercase(), path, answers });
        }
    }
    Ok(promises)
}

/// What checks the body of an answer; `None` where it has none.
fn validator(document: &Value, answer: &Value) -> Outcome<Option<Validator>> {
    let answer = match answer["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')),
        None => Some(answer),
    };
    let content = answer.and_then(|answer| answer["content"].as_object());
    let Some(media) = content.and_then(|content| content.values().next()) else { return Ok(None) };
    checker(document, &media["schema"]).map(Some)
}

/// What checks a value against a schema of the document, formats included.
pub fn checker(document: &Value, schema: &Value) -> Outcome<Validator> {
    let schema = json!({ "allOf": [schema], "components": document["components"] });
    Ok(jsonschema::options().should_validate_formats(true).build(&schema)?)
}
