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
const PATTERN_TEMPLATE: &str = "functions/records/template.yaml";
/// The service that new ones follow: its functions need no more than all do.
const SERVICE_TEMPLATE: &str = "functions/profile/template.yaml";

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
        let template = format!("functions/{service}/template.yaml");
        files.push((template.clone(), self.service_template(&template)?));
        files.push(("template.yaml".into(), self.root_template()?));
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

    /// The service's template with one more function, and a line in its alarm.
    fn service_template(&self, path: &str) -> Result<String> {
        let pattern = self.read(PATTERN_TEMPLATE)?;
        let text = if self.path(path).exists() { self.read(path)? } else { self.empty_service()? };
        let line = cut(&pattern, &format!("        - {{Id: {PATTERN},"), "\n")?;
        let (metrics, rest) = split_after(&text, "SUM(METRICS())}\n")?;
        let block = cut(&pattern, &format!("\n  # {PATTERN}\n"), "\n\n")?;
        let block = block.replace("RecordsLogs", &format!("{}Logs", camel(self.service)));
        let text = format!("{metrics}{}\n{rest}", self.renamed(&line));
        Ok(format!("{}\n{}\n", text.trim_end(), self.renamed(&block).trim_end()))
    }

    /// The template of a new service: a log group, and an alarm that watches nothing as yet.
    fn empty_service(&self) -> Result<String> {
        let (head, _) = split_after(&self.read(SERVICE_TEMPLATE)?, "SUM(METRICS())}\n")?;
        let head = head.replace("profile", self.service).replace("Profile", &camel(self.service));
        Ok(format!("{head}\n  # {} operations\n", "-".repeat(60)))
    }

    /// The root's template with one more route, the API's right to call its function, and the
    /// service's stack if it is new.
    fn root_template(&self) -> Result<String> {
        let mut text = self.read("template.yaml")?;
        let route = cut(&text, &format!("          {PATTERN_PATH}:\n"), "\n          /v1/")?;
        let route = self.renamed(&route).replace(PATTERN_PATH, &self.route());
        text = insert_before(&text, "\n  ApiRole:\n", &format!("\n{route}"))?;
        let is_right = |line: &&str| line.ends_with(&format!("-{PATTERN}:live"));
        let right = text.lines().find(is_right).context("the API may not call the pattern")?;
        let right = format!("\n{}", self.renamed(right));
        text = insert_before(&text, "\n  ApiLogs:\n", &right)?;
        let service = camel(self.service);
        if text.contains(&format!("\n  {service}:\n    Type: AWS::Serverless::Application\n")) {
            return Ok(text);
        }
        let stack = resource(&text, "Profile")?.replace("Profile", &service);
        let stack = stack.replace("profile", self.service);
        text = insert_before(&text, "\nOutputs:\n", &stack)?;
        let (before, after) = split_after(&text, "\n    DependsOn: [")?;
        Ok(format!("{before}{service}, {after}"))
    }

    fn renamed(&self, text: &str) -> String {
        text.replace(PATTERN, self.operation).replace(&camel(PATTERN), &camel(self.operation))
    }

    fn left_to_do(&self) -> String {
        let Self { service, operation, .. } = self;
        let variant = camel(operation);
        format!(
            "\nLeft to do by hand:\n  \
             1. shared/domain/src/action.rs: a row for `{variant}`: its name, its rule and two phrases.\n  \
             2. shared/domain/policy/*.cedar: the same rule in another language.\n  \
             3. template.yaml: the route, where it belongs in the list.\n     \
             functions/{service}/template.yaml: exactly the permissions that it uses; `cargo xtask test`\n     compares them with the calls that were made.\n  \
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

/// A resource of a template, up to the next.
fn resource(text: &str, id: &str) -> Result<String> {
    let head = format!("  {id}:\n");
    let (_, after) = split_after(text, &format!("\n{head}"))?;
    let own = after.lines().take_while(|line| line.starts_with("    "));
    Ok(own.fold(head, |block, line| block + line + "\n"))
}

fn split_after(text: &str, mark: &str) -> Result<(String, String)> {
    let (before, after) =
        text.split_once(mark).with_context(|| format!("a template has no `{mark}`"))?;
    Ok((format!("{before}{mark}"), after.to_owned()))
}

fn insert_before(text: &str, mark: &str, more: &str) -> Result<String> {
    let (before, after) =
        text.split_once(mark).with_context(|| format!("a template has no `{mark}`"))?;
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
    policy::acts::VARIANT,
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
    let permit = found.permit::<VARIANT>(input.purpose, request.now)?;
    let (row, _) = permit.record()?;
    let reply = Reply::new(&Output { id: input.record, version: row.version })?;
    permit.disclose(&permit.entry()).await?;
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
            PATTERN_TEMPLATE,
            SERVICE_TEMPLATE,
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
        assert_eq!(files.len(), 6);
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

    /// The text has every line of before, in order, though one may have grown.
    fn keeps(text: &str, before: &str, grown: &str) {
        let old = |line: &&str| !line.is_empty() && !line.starts_with(grown);
        let mut kept = before.lines().filter(old).peekable();
        for line in text.lines() {
            kept.next_if(|kept| *kept == line);
        }
        assert_eq!(kept.next(), None, "a line of before is gone");
    }

    #[test]
    fn the_root_gains_a_route_and_a_service_the_first_time() {
        let root = checkout("root");
        let before = fs::read_to_string(root.join("template.yaml")).unwrap();
        for (service, operation, is_new) in
            [("records", "record_fold", 0), ("letters", "letter_send", 1)]
        {
            let plan = Plan { root: &root, service, operation };
            let text = made(&plan.files().unwrap(), "template.yaml");
            keeps(&text, &before, "    DependsOn: [");
            let (_, verb) = operation.split_once('_').unwrap();
            for (line, more) in [
                (format!("\n          {PATTERN_PATH}/{verb}:\n"), 1),
                (format!("operationId: {operation}\n"), 1),
                (format!("${{AWS::StackName}}-{operation}:live/invocations\n"), 1),
                (format!("${{AWS::StackName}}-{operation}:live\n"), 1),
                (format!("Location: functions/{service}/template.yaml\n"), is_new),
                (format!("DependsOn: [{}, ", camel(service)), is_new),
            ] {
                assert_eq!(
                    text.matches(&line).count(),
                    before.matches(&line).count() + more,
                    "{line}"
                );
            }
        }
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn the_services_template_gains_an_operation_and_keeps_the_rest() {
        let root = checkout("template");
        let before = fs::read_to_string(root.join(PATTERN_TEMPLATE)).unwrap();
        for (service, operation) in [("records", "record_fold"), ("letters", "letter_send")] {
            let plan = Plan { root: &root, service, operation };
            let path = format!("functions/{service}/template.yaml");
            let text = made(&plan.files().unwrap(), &path);
            if path == PATTERN_TEMPLATE {
                keeps(&text, &before, "\0");
            }
            let (id, section) = (camel(operation), camel(service));
            for line in [
                format!("\n  {id}:\n"),
                format!("\n  {id}Role:\n"),
                format!("- PolicyName: {operation}\n"),
                format!("CodeUri: ../../target/lambda/{operation}/\n"),
                format!("LogGroupName: !Sub /aws/lambda/${{Stack}}/{service}\n"),
                format!("AlarmName: !Sub ${{Stack}}-{section}Errors\n"),
                format!("- {{Id: {operation}, "),
            ] {
                assert_eq!(text.matches(&line).count(), 1, "{line}");
            }
            assert!(!text.contains("profile") && !text.contains("Profile"), "{service}");
            let logs = format!("LogGroup: !Ref {section}Logs");
            assert_eq!(text.matches(&logs).count(), text.matches("LogGroup: !Ref").count());
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
