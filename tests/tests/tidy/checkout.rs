//! Reads the checkout.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use domain::{names::Named, policy::Action};
use serde_json::{Map, Value, json};

/// The checkout's top folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The text of a file, by its path from the top.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a folder holds, by name, sorted; nothing when there is no such folder.
pub(crate) fn names_in(path: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root().join(path)) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Every Rust file under a folder, as paths from the top.
pub(crate) fn rust_files(path: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in names_in(path) {
        let inner = format!("{path}/{name}");
        if root().join(&inner).is_dir() {
            found.extend(rust_files(&inner));
        } else if inner.ends_with(".rs") {
            found.push(inner);
        }
    }
    found
}

/// The folders of the workspace's crates.
pub(crate) fn crates() -> Vec<String> {
    let manifest = read("Cargo.toml");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    let members: Vec<String> = serde_json::from_str(members).unwrap();
    let folders = |member: String| match member.strip_suffix("/*") {
        Some(all) => names_in(all).into_iter().map(|name| format!("{all}/{name}")).collect(),
        None => vec![member],
    };
    members.into_iter().flat_map(folders).collect()
}

/// The services: the folders of `functions/`.
pub(crate) fn services() -> Vec<String> {
    names_in("functions")
}

/// The operations: the names of the policy's actions.
pub(crate) fn operations() -> BTreeSet<String> {
    Action::NAMES.iter().map(|(_, name)| (*name).to_owned()).collect()
}

/// The part of a Rust file before its own tests.
pub(crate) fn without_tests(text: &str) -> &str {
    text.split_once("#[cfg(test)]\nmod tests").map_or(text, |(code, _)| code)
}

/// The paths of the templates: the root's first.
pub(crate) fn template_paths() -> Vec<String> {
    let nested = services().into_iter().map(|service| format!("functions/{service}/template.yaml"));
    std::iter::once("template.yaml".to_owned()).chain(nested).collect()
}

/// A template, with CloudFormation's short tags spelled out: `!Ref X` as `{"Ref": "X"}`,
/// `!GetAtt X.Y` as `{"Fn::GetAtt": "X.Y"}`.
pub(crate) fn template(path: &str) -> Value {
    plain(yaml_serde::from_str(&read(path)).unwrap())
}

/// The root's template.
pub(crate) fn root_template() -> Value {
    template("template.yaml")
}

/// The template of a service.
pub(crate) fn service_template(service: &str) -> Value {
    template(&format!("functions/{service}/template.yaml"))
}

/// The root's template with the resources of all services, and what their functions share.
pub(crate) fn whole_template() -> Value {
    let mut whole = root_template();
    for service in services() {
        let nested = service_template(&service);
        whole["Globals"] = nested["Globals"].clone();
        for (id, resource) in nested["Resources"].as_object().unwrap() {
            assert!(whole["Resources"][id].is_null(), "{id} stands in two templates");
            whole["Resources"][id] = resource.clone();
        }
    }
    whole
}

fn plain(value: yaml_serde::Value) -> Value {
    use yaml_serde::Value as Yaml;
    match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => flag.into(),
        Yaml::Number(number) => number.as_i64().map_or_else(|| number.as_f64().into(), Value::from),
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => items.into_iter().map(plain).collect(),
        Yaml::Mapping(pairs) => {
            let pairs = pairs.into_iter().map(|(name, value)| {
                let name = name.as_str().map_or_else(|| format!("{name:?}"), str::to_owned);
                (name, plain(value))
            });
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                short @ ("Ref" | "Condition") => short.to_owned(),
                function => format!("Fn::{function}"),
            };
            json!({ name: plain(tagged.value) })
        }
    }
}

/// A list, or the one thing that stands for a list of one.
pub(crate) fn listed(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}
