//! `cargo xtask new`: the files of a new operation, after the pattern of `record_get`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::workspace::Workspace;

/// The operation that new ones follow.
const PATTERN: &str = "record_get";
const PATTERN_EVENT: &str = "events/records/record_get.json";
const PATTERN_PATH: &str = "/v1/patients/{patientId}/records/{recordId}";

/// What is to be made.
struct Plan<'a> {
    root: &'a Path,
    service: &'a str,
    operation: &'a str,
}

/// Makes the operation's files and says what is left to do.
pub(crate) fn run(service: &str, operation: &str) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let plan = Plan { root: &workspace.root, service, operation };
    for (path, text) in plan.files()? {
        let to = workspace.root.join(&path);
        let verb = if to.exists() { "changed" } else { "made   " };
        write(&to, &text)?;
        println!("{verb} {path}");
    }
    println!("{}", plan.left_to_do());
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

impl Plan<'_> {
    /// Every file to write, with its text; nothing is written before all of them are known.
    fn files(&self) -> Result<Vec<(String, String)>> {
        let Self { service, operation, .. } = self;
        self.check_names()?;
        let source = format!("functions/{service}/src");
        let mut files = Vec::new();
        let manifest = format!("functions/{service}/Cargo.toml");
        if !self.path(&manifest).exists() {
            let pattern = self.read("functions/audit/Cargo.toml")?;
            files.push((
                manifest,
                pattern.replace("name = \"audit\"", &format!("name = \"{service}\"")),
            ));
        }
        files.push((format!("{source}/lib.rs"), self.library()?));
        files.push((format!("{source}/{operation}.rs"), self.stub()));
        files.push((format!("{source}/bin/{operation}.rs"), self.binary()));
        files.push((format!("events/{service}/{operation}.json"), self.event()?));
        files.push(("template.yaml".into(), self.template()?));
        Ok(files)
    }

    fn check_names(&self) -> Result<()> {
        let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase());
        if !word(self.service) {
            bail!("a service is one lower-case word, such as `records`");
        }
        if !(self.operation.contains('_') && self.operation.split('_').all(word)) {
            bail!("an operation is noun_verb in lower case, such as `grant_revoke`");
        }
        for entry in fs::read_dir(self.path("functions"))? {
            let file = entry?.path().join(format!("src/{}.rs", self.operation));
            if file.exists() {
                bail!("{} exists already", file.display());
            }
        }
        Ok(())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.path(path)).with_context(|| format!("reading {path}"))
    }

    /// The service's list of operations with one more, in order.
    fn library(&self) -> Result<String> {
        let path = format!("functions/{}/src/lib.rs", self.service);
        let text = match self.path(&path).exists() {
            true => self.read(&path)?,
            false => LIBRARY.replace("SERVICE", self.service),
        };
        let line = format!("pub mod {};", self.operation);
        let mut lines: Vec<&str> = text.lines().collect();
        let is_module = |found: &&str| found.starts_with("pub mod ");
        let place = lines.iter().position(|found| is_module(found) && *found > line.as_str());
        let last = lines.iter().rposition(is_module);
        let end = last.map_or_else(|| lines.len().min(2), |last| last + 1);
        lines.insert(place.unwrap_or(end), &line);
        self.with_function(&(lines.join("\n") + "\n"))
    }

    /// The library with the operation in its list.
    fn with_function(&self, library: &str) -> Result<String> {
        let list = library.split_once("    vec![").and_then(|(before, rest)| {
            let (inside, after) = rest.split_once("]\n")?;
            Some((before, inside, after))
        });
        let (before, inside, after) = list.context("the library lists no operations")?;
        let one = format!("{}::operation().function()", self.operation);
        let mut items: Vec<&str> = inside.split(',').map(str::trim).collect();
        items.push(&one);
        items.retain(|item| !item.is_empty());
        items.sort_unstable();
        let list = match items.as_slice() {
            [one] => format!("    vec![{one}]"),
            several => format!("    vec![\n        {},\n    ]", several.join(",\n        ")),
        };
        Ok(format!("{before}{list}\n{after}"))
    }

    fn binary(&self) -> String {
        let Self { service, operation, .. } = self;
        format!(
            "//! The Lambda of `{operation}`.\nfn main() -> std::process::ExitCode {{\n    \
             {service}::{operation}::operation().serve()\n}}\n"
        )
    }

    fn stub(&self) -> String {
        STUB.replace("OPERATION", self.operation)
            .replace("VARIANT", &camel(self.operation))
            .replace("PATH", &self.route())
    }

    /// A route to begin with; the author sets the real one.
    fn route(&self) -> String {
        let verb = self.operation.rsplit('_').next().unwrap_or_default();
        format!("{PATTERN_PATH}/{verb}")
    }

    fn event(&self) -> Result<String> {
        let route = self.route();
        let ending = route.strip_prefix(PATTERN_PATH).unwrap_or_default();
        let pattern: serde_json::Value = serde_json::from_str(&self.read(PATTERN_EVENT)?)?;
        let concrete = pattern.get("path").and_then(|path| path.as_str());
        let concrete = concrete.with_context(|| format!("{PATTERN_EVENT} has no path"))?;
        let text = self.read(PATTERN_EVENT)?;
        let text = text.replace(&format!("{concrete}\""), &format!("{concrete}{ending}\""));
        Ok(text.replace(&format!("{PATTERN_PATH}\""), &format!("{route}\"")))
    }

    /// The template with one more function, its route, the API's right to call it, and a line in
    /// the alarm of its service.
    fn template(&self) -> Result<String> {
        let mut text = self.read("template.yaml")?;
        let (service, id) = (camel(self.service), camel(self.operation));
        if !text.contains(&format!("\n  {service}Logs:\n")) {
            text = insert_before(&text, "\nOutputs:\n", &self.section(&text)?)?;
        }
        let route = cut(&text, &format!("          {PATTERN_PATH}:\n"), "\n          /v1/")?;
        let route = self.renamed(&route).replace(PATTERN_PATH, &self.route());
        text = insert_before(&text, "\n  ApiRole:\n", &format!("\n{route}"))?;
        let right = format!("\n                  - !Ref {id}.Alias");
        text = insert_before(&text, "\n  ApiLogs:\n", &right)?;
        let line = cut(&text, &format!("        - {{Id: {PATTERN},"), "\n")?;
        let (before, after) = split_after(&text, &format!("\n  {service}Errors:\n"))?;
        let (metrics, rest) = split_after(&after, "SUM(METRICS())}\n")?;
        text = format!("{before}{metrics}{}\n{rest}", self.renamed(&line));
        let block = cut(&text, &format!("\n  # {PATTERN}\n"), "\n\n")?;
        let block = self.renamed(&block).replace("RecordsLogs", &format!("{service}Logs"));
        let (before, after) = split_after(&text, &format!("\n  {service}Logs:\n"))?;
        let section = after.find("\n  # -----").or_else(|| after.find("\nOutputs:\n"));
        let (own, rest) = after.split_at(section.context("a section of template.yaml has no end")?);
        Ok(format!("{before}{}\n{}\n{rest}", own.trim_end(), block.trim_end()))
    }

    fn renamed(&self, text: &str) -> String {
        text.replace(PATTERN, self.operation).replace(&camel(PATTERN), &camel(self.operation))
    }

    /// The log group and the alarm of a new service, which as yet watches nothing.
    fn section(&self, template: &str) -> Result<String> {
        let line = "-".repeat(60);
        let head = cut(template, &format!("  # {line} records\n"), "SUM(METRICS())}")?;
        let head = head.replace("records", self.service).replace("Records", &camel(self.service));
        Ok(format!("\n{head}SUM(METRICS())}}\n"))
    }

    fn left_to_do(&self) -> String {
        let Self { service, operation, .. } = self;
        let variant = camel(operation);
        format!(
            "\nLeft to do by hand:\n  \
             1. shared/domain/src/policy.rs: `{variant} = \"{operation}\"` in `actions!`, and its rule\n     \
             in `Action::rule`; the same rule in shared/domain/policy/*.cedar.\n  \
             2. shared/domain/src/audit.rs: how the trail tells it, in one plain sentence.\n  \
             3. template.yaml: the route, where it belongs in the list, and exactly the permissions that\n     it uses; `cargo xtask test` compares them with the calls that were made.\n  \
             4. functions/{service}/src/{operation}.rs: what it reads, permits and answers.\n  \
             5. events/{service}/{operation}.json: a request as it will come.\n  \
             6. tests/tests/http: what it does, and what it refuses.\n\
             Then `cargo xtask test`, whose tidy tests say what was forgotten."
        )
    }
}

/// From `begin` on, up to `end`.
fn cut(text: &str, begin: &str, end: &str) -> Result<String> {
    let (_, after) = split_after(text, begin)?;
    let (more, _) = after.split_once(end).with_context(|| format!("`{begin}` has no end"))?;
    Ok(format!("{begin}{more}"))
}

fn split_after(text: &str, mark: &str) -> Result<(String, String)> {
    let (before, after) =
        text.split_once(mark).with_context(|| format!("template.yaml has no `{mark}`"))?;
    Ok((format!("{before}{mark}"), after.to_owned()))
}

fn insert_before(text: &str, mark: &str, more: &str) -> Result<String> {
    let (before, after) =
        text.split_once(mark).with_context(|| format!("template.yaml has no `{mark}`"))?;
    Ok(format!("{before}{more}{mark}{after}"))
}

/// `record_get` as a logical id and a variant: `RecordGet`.
fn camel(operation: &str) -> String {
    let mut name = String::new();
    for word in operation.split('_') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

const LIBRARY: &str = r"//! What the service `SERVICE` does.

/// The operations of the service.
#[must_use]
pub fn functions() -> Vec<edge::Function> {
    vec![]
}
";

const STUB: &str = r#"//! `GET PATH`: what it does, for whom, and why it may.

use domain::{
    RecordId,
    policy::{acts::VARIANT, permit},
};
use edge::{Failure, Http, Promise, RecordPath, Reply, Request};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Look, Store};

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http(
        "OPERATION",
        "GET PATH",
        |store, request, input| Box::pin(handle(store, request, input)),
    )
}

/// What it answers.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "VARIANT")]
struct Output {
    id: RecordId,
    version: u32,
}

async fn handle(
    store: &Store,
    request: &Request,
    input: RecordPath,
) -> Result<Reply<Output>, Failure> {
    let caller = request.caller()?;
    let found = store.look(Look::vault(&caller, input.patient).record(input.record)).await?;
    let facts = found.facts(input.purpose);
    let permit = permit::<VARIANT>(&caller, &facts, found.target(), request.now)?;
    let (row, _) = found.record(&permit)?;
    let reply = Reply::new(&Output { id: input.record, version: row.version })?;
    store.change(&permit).audit(&permit.entry(found.target()), request.now).commit().await?;
    Ok(reply)
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkout with what a new operation is made from.
    fn checkout(name: &str) -> PathBuf {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let root = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        let needed = [
            "template.yaml",
            PATTERN_EVENT,
            "functions/audit/Cargo.toml",
            "functions/records/Cargo.toml",
            "functions/records/src/lib.rs",
            "functions/records/src/record_get.rs",
        ];
        for path in needed {
            write(&root.join(path), &fs::read_to_string(here.join(path)).unwrap()).unwrap();
        }
        root
    }

    fn made(files: &[(String, String)], path: &str) -> String {
        files.iter().find(|(name, _)| name == path).map(|(_, text)| text.clone()).unwrap()
    }

    #[test]
    fn an_operation_gets_every_file_under_its_name() {
        let root = checkout("operation");
        let plan = Plan { root: &root, service: "records", operation: "record_fold" };
        let files = plan.files().unwrap();
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(files.len(), 5);
        let library = made(&files, "functions/records/src/lib.rs");
        assert!(library.contains("        record_fold::operation().function(),\n"));
        let (before, after) = library.split_once("pub mod record_fold;\n").unwrap();
        assert!(
            before.contains("pub mod record_download;") && after.contains("pub mod record_get;")
        );
        let stub = made(&files, "functions/records/src/record_fold.rs");
        assert!(stub.contains("\"record_fold\",") && stub.contains("permit::<RecordFold>"));
        let binary = made(&files, "functions/records/src/bin/record_fold.rs");
        assert!(binary.contains("records::record_fold::operation().serve()"));
        let event = made(&files, "events/records/record_fold.json");
        let event: serde_json::Value = serde_json::from_str(&event).unwrap();
        assert_eq!(event["resource"], "/v1/patients/{patientId}/records/{recordId}/fold");
        assert!(event["path"].as_str().unwrap().ends_with("/fold"));
    }

    #[test]
    fn the_template_gains_an_operation_and_keeps_the_rest() {
        let root = checkout("template");
        let before = fs::read_to_string(root.join("template.yaml")).unwrap();
        for (service, operation) in [("records", "record_fold"), ("letters", "letter_send")] {
            let plan = Plan { root: &root, service, operation };
            let text = made(&plan.files().unwrap(), "template.yaml");
            let (id, section) = (camel(operation), camel(service));
            let (_, verb) = operation.split_once('_').unwrap();
            let mut kept = before.lines().filter(|line| !line.is_empty()).peekable();
            for line in text.lines() {
                kept.next_if(|kept| *kept == line);
            }
            assert_eq!(kept.next(), None, "{operation}: a line of before is gone");
            for line in [
                format!("\n  {id}:\n"),
                format!("\n  {id}Role:\n"),
                format!("- PolicyName: {operation}\n"),
                format!("\n          {PATTERN_PATH}/{verb}:\n"),
                format!("operationId: {operation}\n"),
                format!("functions/${{{id}.Arn}}:live/invocations\n"),
                format!("                  - !Ref {id}.Alias\n"),
                format!("\n  {section}Logs:\n"),
                format!("\n  {section}Errors:\n"),
                format!("- {{Id: {operation}, "),
            ] {
                assert_eq!(text.matches(&line).count(), 1, "{line}");
            }
            let logs = format!("LogGroup: !Ref {section}Logs");
            assert_eq!(text.matches(&logs).count(), before.matches(&logs).count() + 1);
        }
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_new_service_gets_its_crate_and_bad_names_get_nothing() {
        let root = checkout("service");
        let plan = Plan { root: &root, service: "letters", operation: "letter_send" };
        let files = plan.files().unwrap();
        assert!(made(&files, "functions/letters/Cargo.toml").contains("name = \"letters\""));
        let library = made(&files, "functions/letters/src/lib.rs");
        assert!(library.contains("\npub mod letter_send;\n"));
        assert!(library.contains("    vec![letter_send::operation().function()]\n"));
        for (service, operation) in [
            ("records", "record_get"),
            ("records", "fold"),
            ("records", "record_Fold"),
            ("records", "../record_fold"),
            ("../records", "record_fold"),
            ("", "record_fold"),
        ] {
            let plan = Plan { root: &root, service, operation };
            assert!(plan.files().is_err(), "{service} {operation}");
        }
        fs::remove_dir_all(&root).unwrap();
    }
}
