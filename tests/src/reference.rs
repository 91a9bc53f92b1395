//! `docs/openapi.json` (OpenAPI 3.1): every operation with what it takes, what it answers, every
//! problem, and examples.
//!
//! What is taken is told by the code that reads it (`edge::Input`), what is answered by the types
//! that are written (`schemars`), the prose by the first comment of the operation's file, and the
//! example of a request by its sample event.

mod shape;

use std::{collections::BTreeMap, fs, path::PathBuf};

use edge::{
    Contract, Known,
    contract::problem_body,
    read::{Asked, Place},
};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// Where schemas of the document are found.
const SCHEMAS: &str = "#/components/schemas/";
/// Where other components of the document are found.
const RESPONSES: &str = "#/components/responses/";

/// Every operation with a route, by service.
#[must_use]
pub fn contracts() -> Vec<(&'static str, Contract)> {
    let services = functions::services().into_iter();
    services
        .flat_map(|(service, operations)| operations.into_iter().map(move |one| (service, one)))
        .filter_map(|(service, operation)| Some((service, operation.contract?)))
        .collect()
}

/// The document as it is kept in the repository.
#[must_use]
pub fn text() -> String {
    format!("{:#}\n", document())
}

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut made = schemas();
    problem_body(&mut made);
    let mut operations: Vec<_> = contracts()
        .into_iter()
        .map(|(service, contract)| (service, contract, contract.body(&mut made)))
        .collect();
    operations.sort_by_key(|(_, contract, _)| contract.route);
    let mut components = made.take_definitions(true);
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for (service, contract, answer) in operations {
        let answer = answer.map(Value::from);
        if let Some(request) = request_schema(&contract.asked()) {
            components.insert(request_name(&contract), request);
        }
        let operation = operation(service, &contract, answer.as_ref(), &components);
        let (method, path) = contract.route.split_once(' ').expect("a route is METHOD /path");
        paths.entry(path).or_default().insert(method.to_lowercase(), operation);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "MediVault",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A medical vault that belongs to the patient.",
            "description": ABOUT,
            "contact": { "name": "MediVault" },
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "accessToken": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "accessToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The access token of `session_create`; an ID token is refused.",
                },
            },
            "schemas": components,
            "responses": problem_responses(contracts().into_iter().map(|(_, contract)| contract)),
        },
        "tags": tags(),
    });
    shape::shape(&mut document);
    document
}

/// The services, as `lib.rs` of each tells of it.
fn tags() -> Vec<Value> {
    let mut services: Vec<_> = contracts().into_iter().map(|(service, _)| service).collect();
    services.sort_unstable();
    services.dedup();
    let tag = |service: &str| {
        let comment = comment(&format!("functions/{service}/src/lib.rs"));
        let (_, told) = comment.split_once(": ").expect("a service is told as `Name: what`");
        let told = told.split("\n\n").next().unwrap_or_default();
        json!({ "name": service, "description": sentence(told) })
    };
    services.into_iter().map(tag).collect()
}

const ABOUT: &str = "Times are RFC 3339 in UTC, ids are UUIDs, bodies are JSON in UTF-8 of at most \
    65 535 bytes. Problems are `application/problem+json` (RFC 9457) with a stable `code`; a 400 lists \
    everything that is wrong at once; a 429 or 503 says in `Retry-After` when to come back. A POST that \
    changes something takes an `Idempotency-Key`: the same key and request get the same answer for 24 \
    hours. What a caller may not know about answers 404. A list leads on by `nextCursor`. Names and titles \
    are one line, notes and messages several; they are kept in NFC, without blanks around them and with \
    line feeds, otherwise exactly as they were written.";

fn schemas() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    settings.into_generator()
}

fn operation(
    service: &str,
    contract: &Contract,
    answer: Option<&Value>,
    components: &Map<String, Value>,
) -> Value {
    let (summary, description) = prose(service, contract);
    let mut operation = json!({
        "operationId": contract.operation,
        "tags": [service],
        "summary": summary,
        "description": description,
        "parameters": parameters(&contract.asked()),
        "responses": responses(contract, answer),
    });
    if contract.is_public() {
        operation["security"] = json!([]);
    }
    if components.contains_key(&request_name(contract)) {
        let media = json!({
            "schema": { "$ref": format!("{SCHEMAS}{}", request_name(contract)) },
            "example": sample_body(service, contract),
        });
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": media } });
    }
    operation
}

fn request_name(contract: &Contract) -> String {
    camel(contract.operation) + "Request"
}

/// `record_get` and `record-get` as `RecordGet`.
#[must_use]
pub fn camel(name: &str) -> String {
    name.split(['_', '-']).map(sentence).collect()
}

fn parameters(asked: &[Asked]) -> Vec<Value> {
    let parameter = |asked: &Asked| {
        let place = match asked.place {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
            Place::Body => return None,
        };
        Some(json!({
            "name": asked.name,
            "in": place,
            "description": described(&asked.name),
            "required": asked.required,
            "schema": asked.schema,
        }))
    };
    asked.iter().filter_map(parameter).collect()
}

/// What each parameter means, wherever it is asked for.
const PARAMETERS: [(&str, &str); 23] = [
    ("patientId", "Whose vault."),
    ("recordId", "Which record."),
    ("requestId", "Which request for access."),
    ("grantId", "Which grant."),
    ("hospitalId", "Which hospital."),
    ("doctorId", "Which doctor."),
    ("limit", "How many to show at most."),
    (
        "cursor",
        "`nextCursor` of the page before. It serves the same list, filters and caller alone.",
    ),
    (
        "purpose",
        "What the records are wanted for. Where a grant is relied on, it must be the grant's; \
                 the trail tells it.",
    ),
    ("type", "Only records of this type."),
    ("status", "Only those that have come this far."),
    ("standing", "Only doctors of this standing."),
    ("from", "From this day on."),
    ("to", "Up to this day, it included; not before `from`."),
    ("sort", "By the day the record speaks of, or by when it was added; newest first."),
    ("q", "Words that must all begin a word of the record."),
    ("page", "The first page of the text to show, from 1."),
    ("fold", "Whether equal entries of one day are one line that counts them."),
    ("role", "Only what somebody of this role did."),
    ("actor", "Only what this person did, by their id."),
    ("action", "Only this operation."),
    ("outcome", "Only what happened, or what was refused."),
    ("record", "Only what concerned this record."),
];

fn described(name: &str) -> &'static str {
    const KEY: &str = "A new value for each change, and the same when that change is sent again: it \
        then gets the same answer, for 24 hours.";
    if name == "Idempotency-Key" {
        return KEY;
    }
    let known = PARAMETERS.iter().find(|(known, _)| *known == name);
    known.unwrap_or_else(|| panic!("PARAMETERS does not describe {name}")).1
}

/// The body as one schema: pointers become nested objects.
fn request_schema(asked: &[Asked]) -> Option<Value> {
    let mut body = object();
    let mut any = false;
    for asked in asked.iter().filter(|asked| asked.place == Place::Body) {
        any = true;
        let (parent, name) = asked.name.rsplit_once('/')?;
        let mut at = &mut body;
        for step in parent.split('/').skip(1) {
            at = &mut at["properties"][step];
        }
        let schema = match asked.schema == json!({ "type": "object" }) {
            true => object(),
            false => asked.schema.clone(),
        };
        at["properties"][name] = if asked.required { schema } else { or_null(schema) };
        if asked.required {
            at["required"].as_array_mut()?.push(json!(name));
        }
    }
    any.then_some(body)
}

/// What may be absent may be null as well.
fn or_null(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
    schema
}

fn object() -> Value {
    json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false })
}

fn responses(contract: &Contract, answer: Option<&Value>) -> Map<String, Value> {
    let mut responses = Map::new();
    let description = match contract.status() {
        201 => "Made.",
        202 => "Accepted: it is being done.",
        204 => "Done; there is nothing to tell.",
        _ => "Done.",
    };
    let done = match answer {
        None => json!({ "description": description }),
        Some(schema) => json!({
            "description": description,
            "content": { "application/json": {
                "schema": schema,
                "examples": answers(contract),
            } },
        }),
    };
    responses.insert(contract.status().to_string(), done);
    for (status, problems) in by_status(contract) {
        let reference = format!("{RESPONSES}{}", response_name(&problems));
        responses.insert(status.to_string(), json!({ "$ref": reference }));
    }
    responses
}

/// What operations answer with when something is wrong, each kind of answer once.
fn problem_responses(contracts: impl Iterator<Item = Contract>) -> BTreeMap<String, Value> {
    let statuses = contracts.flat_map(|contract| by_status(&contract).into_values());
    statuses.map(|problems| (response_name(&problems), problem_response(&problems))).collect()
}

fn by_status(contract: &Contract) -> BTreeMap<u16, Vec<Known>> {
    let mut statuses: BTreeMap<u16, Vec<Known>> = BTreeMap::new();
    for problem in contract.problems() {
        statuses.entry(problem.status).or_default().push(problem);
    }
    statuses
}

fn response_name(problems: &[Known]) -> String {
    let names = problems.iter().map(|problem| camel(problem.code));
    names.collect::<Vec<_>>().join("Or")
}

fn problem_response(problems: &[Known]) -> Value {
    let told = |problem: &Known| format!("`{}`: {}", problem.code, problem.detail);
    let examples =
        problems.iter().map(|problem| (problem.code.to_owned(), problem_example(problem)));
    let mut response = json!({
        "description": problems.iter().map(told).collect::<Vec<_>>().join(" "),
        "content": { "application/problem+json": {
            "schema": { "$ref": format!("{SCHEMAS}Problem") },
            "examples": examples.collect::<Map<_, _>>(),
        } },
    });
    let status = problems.first().map_or(0, |problem| problem.status);
    if let Some((name, told, schema)) = header_of(status) {
        response["headers"] = json!({ name: { "description": told, "schema": schema } });
    }
    response
}

/// What else a problem's answer says.
fn header_of(status: u16) -> Option<(&'static str, &'static str, Value)> {
    match status {
        401 => Some(("WWW-Authenticate", "`Bearer` (RFC 6750).", json!({ "type": "string" }))),
        429 | 503 => {
            let told = "After how many seconds to try again.";
            Some(("Retry-After", told, json!({ "type": "integer" })))
        }
        _ => None,
    }
}

fn problem_example(problem: &Known) -> Value {
    let mut value = json!({
        "type": "about:blank",
        "title": http::StatusCode::from_u16(problem.status).ok().and_then(|s| s.canonical_reason()),
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    });
    if problem.code == "invalid-request" {
        value["errors"] =
            json!([{ "parameter": "limit", "detail": "must be a whole number from 1 to 100" }]);
    }
    json!({ "value": value })
}

/// What the first comment of the operation's file says: its first sentence, and all of it.
fn prose(service: &str, contract: &Contract) -> (String, String) {
    let comment = comment(&format!("functions/{service}/src/{}.rs", contract.operation));
    let route = format!("`{}`: ", contract.route);
    let comment = comment
        .strip_prefix(&route)
        .unwrap_or_else(|| panic!("{}.rs does not begin with {route}", contract.operation));
    let first = comment.split_inclusive(". ").next().unwrap_or_default();
    let first = first.split("\n\n").next().unwrap_or_default().trim().trim_end_matches('.');
    (sentence(first), sentence(comment))
}

/// The first comment of a file, a line for each paragraph and without the codes of invariants.
fn comment(path: &str) -> String {
    let text = read(path);
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let comment = lines.map(str::trim).collect::<Vec<_>>().join("\n");
    let paragraphs = comment.split("\n\n").map(|one| one.replace('\n', " "));
    without_codes(&paragraphs.collect::<Vec<_>>().join("\n\n"))
}

/// A text without what only the project's own developers read: "(I2)", "(I2, I7)".
fn without_codes(text: &str) -> String {
    let mut parts = text.split(" (I");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((codes, rest)) if codes.starts_with(|c: char| c.is_ascii_digit()) => told += rest,
            _ => told += &format!(" (I{part}"),
        }
    }
    told
}

/// The same with a capital letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// Answers of the operation by what they show: `docs/examples/<operation>.json`, or one file for
/// each, `<operation>.<what>.json`.
fn answers(contract: &Contract) -> Map<String, Value> {
    let begin = format!("{}.", contract.operation);
    let found = fs::read_dir(repository("docs/examples")).expect("docs/examples");
    let found = found.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let mut files: Vec<_> = found.filter(|name| name.starts_with(&begin)).collect();
    files.sort_unstable();
    assert!(!files.is_empty(), "docs/examples has no answer of {}", contract.operation);
    let example = |name: &String| {
        let value: Value = serde_json::from_str(&read(&format!("docs/examples/{name}")))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let what = name.trim_start_matches(&begin).trim_end_matches("json").trim_end_matches('.');
        let what = if what.is_empty() { "done" } else { what };
        (what.to_owned(), json!({ "value": value }))
    };
    files.iter().map(example).collect()
}

/// The body of the operation's sample event.
fn sample_body(service: &str, contract: &Contract) -> Value {
    let text = read(&format!("events/{service}/{}.json", contract.operation));
    let event: Value = serde_json::from_str(&text).expect("an event is JSON");
    let body = event["body"].as_str().expect("the sample event has a body");
    serde_json::from_str(body).expect("a sample body is JSON")
}

/// The text of a file of the repository.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn read(path: &str) -> String {
    let path = repository(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
