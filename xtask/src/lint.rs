//! `cargo xtask lint`: the templates, the dependencies and the checkout, before judges that nobody
//! here wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::package::services;
use crate::process::{run, run_checked};
use crate::setup::{create_client, create_lint_environments, program};
use crate::stack::{Stack, throw_away};
use crate::workspace::Workspace;

/// Sets the judges up when they are not, and asks each.
pub(crate) fn run_all() -> Result<ExitCode> {
    let judges = Judges::ready()?;
    // SAM reads .cfnlintrc.yaml too, and an operator's has no rules but its own.
    judges.ask("cfn-lint", &["--append-rules", "cfn_lint_serverless.rules"])?;
    for template in judges.templates()? {
        judges.ask("sam", &["validate", "--lint", "--template", &template])?;
    }
    let expanded = judges.expand()?;
    let config = ["--config-file", ".checkov.yaml", "--directory"];
    judges.ask("checkov", &[&config[..], &[&expanded]].concat())?;
    let rules = ["validate", "--rules", "xtask/local/rules.guard", "--show-summary", "fail"];
    judges.ask("cfn-guard", &[&rules[..], &["--data", &expanded]].concat())?;
    judges.ask("cargo-deny", &["check", "licenses", "bans", "sources"])?;
    judges.advisories()?;
    judges.secrets()?;
    judges.reference()?;
    judges.api()?;
    Ok(ExitCode::SUCCESS)
}

/// What app developers generate clients for.
const CLIENTS: [&str; 5] = ["dart", "kotlin", "python", "swift6", "typescript-fetch"];

/// What `cast` of the test kit prints.
#[derive(Deserialize)]
struct Cast {
    tokens: BTreeMap<String, String>,
    ids: BTreeMap<String, String>,
}

impl Cast {
    /// What schemathesis is told of `role`. Every role asks examples and random requests of every
    /// operation; the cases its coverage phase goes through one by one, ten times as many, are asked
    /// of each operation by those who may call it.
    fn config(&self, role: &str) -> String {
        let own = match role {
            "patient" => "^/v1/(?!hospitals)",
            "doctor" => "^/v1/(access-requests|patients)",
            _ => "^/v1/hospitals",
        };
        let ids = self.ids.iter().map(|(name, id)| format!("{name} = \"{id}\"\n"));
        format!(
            "[parameters]\n{}\n[[operations]]\nexclude-path-regex = \"{own}\"\n\
             phases.coverage.enabled = false\n",
            ids.collect::<String>()
        )
    }
}

struct Judges {
    workspace: Workspace,
    /// What the judges leave; ignored by git.
    scratch: PathBuf,
}

impl Judges {
    fn ready() -> Result<Self> {
        let workspace = Workspace::find()?;
        create_lint_environments(&workspace)?;
        let scratch = workspace.local().join("lint");
        fs::create_dir_all(scratch.join("sam"))?;
        Ok(Self { workspace, scratch })
    }

    fn command(&self, program: &str) -> Command {
        let folder = match program {
            "checkov" => self.workspace.checkov_environment().join("bin"),
            "cfn-guard" => self.workspace.tools().join("bin"),
            _ => self.workspace.lint_environment().join("bin"),
        };
        let mut command = Command::new(folder.join(program));
        command
            // Nothing is told to anybody, and nothing is written to the developer's home.
            .env("SAM_CLI_TELEMETRY", "0")
            .env("__SAM_CLI_APP_DIR", self.scratch.join("sam"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(&self.workspace.root);
        command
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> Result<()> {
        println!("{program} {}", arguments.join(" "));
        let since = Instant::now();
        run_checked(self.command(program).args(arguments), &format!("pass {program}"))?;
        println!("  no findings ({:.0} s)", since.elapsed().as_secs_f32());
        Ok(())
    }

    /// The root's template and those of the services.
    fn templates(&self) -> Result<Vec<String>> {
        let services = services(&self.workspace)?.into_iter();
        let nested = services.map(|service| format!("functions/{service}/template.yaml"));
        Ok(std::iter::once("template.yaml".to_owned()).chain(nested).collect())
    }

    /// A folder of the templates after the SAM transform, for those who do not know it.
    fn expand(&self) -> Result<String> {
        let folder = self.scratch.join("expanded");
        if folder.exists() {
            fs::remove_dir_all(&folder).context("removing what was expanded before")?;
        }
        println!("expanding the templates");
        let mut command = self.command("python");
        command.arg(self.workspace.script("expand.py")).arg("template.yaml").arg(&folder);
        run_checked(&mut command, "expand the templates")?;
        Ok(folder.to_string_lossy().into_owned())
    }

    /// Known weaknesses of what we depend on. Their database is not everywhere to be had.
    fn advisories(&self) -> Result<()> {
        println!("cargo-deny check advisories");
        let mut command = self.command("cargo-deny");
        let output = command.args(["check", "advisories"]).output().context("asking cargo-deny")?;
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("failed to fetch advisory database") {
            println!("  NOT CHECKED: the database of advisories cannot be reached from here");
        } else if output.status.success() {
            println!("  no findings");
        } else {
            bail!("could not pass cargo-deny's advisories\n{said}");
        }
        Ok(())
    }

    /// The API reference, before linters of it and generators of clients.
    fn reference(&self) -> Result<()> {
        create_client(&self.workspace)?;
        let folder = self.workspace.local().join("client");
        let document = self.workspace.root.join("docs/openapi.json");
        fs::copy(&document, folder.join("openapi.json")).context("copying the reference")?;
        let programs = self.workspace.client_environment().join("bin");
        for linter in ["redocly", "spectral"] {
            println!("{linter} lint docs/openapi.json");
            let path = std::env::var_os("PATH").unwrap_or_default();
            let paths = [programs.clone()].into_iter().chain(std::env::split_paths(&path));
            let mut npm = Command::new(programs.join("npm"));
            npm.args(["run", "--silent", linter]).current_dir(&folder);
            npm.env("PATH", std::env::join_paths(paths)?).env("REDOCLY_TELEMETRY", "off");
            run_checked(&mut npm, &format!("pass {linter}"))?;
        }
        for language in CLIENTS {
            println!("openapi-generator-cli generate --generator-name {language}");
            let mut command = Command::new(programs.join("openapi-generator-cli"));
            command.args(["generate", "--generator-name", language, "--input-spec"]);
            command.arg(&document).arg("--output").arg(self.scratch.join("clients").join(language));
            let output = command.output().context("starting openapi-generator-cli")?;
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            let wrong = ["ERROR", "rror:", "rrors:"].iter().any(|word| said.contains(word));
            if !output.status.success() || wrong {
                bail!("could not generate a client for {language}\n{said}");
            }
        }
        println!("  no findings");
        Ok(())
    }

    /// What the API answers to what nobody here thought of: schemathesis, as each role, on a stack
    /// of its own.
    fn api(&self) -> Result<()> {
        let workspace = &self.workspace;
        create_client(workspace)?;
        let dir = workspace.local().join("lint-stack");
        let stack = Stack::up(workspace, &throw_away(&dir))?;
        let cast = self.cast(&dir)?;
        for (role, token) in &cast.tokens {
            println!("schemathesis run docs/openapi.json, as {role}");
            let since = Instant::now();
            let config = self.scratch.join(format!("schemathesis.{role}.toml"));
            fs::write(&config, cast.config(role))?;
            let mut command = Command::new(workspace.client_environment().join("bin/schemathesis"));
            command.arg("--config-file").arg(&config).arg("run");
            command.arg(workspace.root.join("docs/openapi.json"));
            command.args(["--url", &stack.info.api_url, "--no-color", "--checks", "all"]);
            // What a schema cannot say (a cursor of ours, a code that is not wrong) is refused all
            // the same; and API Gateway answers a method it does not know 404, never 405.
            command.args(["--exclude-checks", "positive_data_acceptance,unsupported_method"]);
            command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "4"]);
            // One worker: before Python 3.11.8 two threads that parse at once may fail
            // (python/cpython#106905).
            command.args(["--seed", "1", "--workers", "1", "--warnings", "off"]);
            command.arg("--header").arg(format!("Authorization: Bearer {token}"));
            // It leaves its own notes where it runs.
            command.current_dir(&self.scratch);
            run_checked(&mut command, &format!("pass schemathesis as {role}"))?;
            println!("  no findings ({:.0} s)", since.elapsed().as_secs_f32());
        }
        Ok(())
    }

    /// Signed-in users of each role, and the ids of what is theirs.
    fn cast(&self, dir: &Path) -> Result<Cast> {
        let output = program(&self.workspace, "cast")?
            .arg("--stack")
            .arg(dir.join("stack.json"))
            .output()
            .context("starting cast")?;
        if !output.status.success() {
            bail!("could not sign users in: {}", String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout).context("reading the cast")
    }

    /// Anything that looks like a secret and is not in `.secrets.baseline`.
    fn secrets(&self) -> Result<()> {
        println!("detect-secrets-hook --baseline .secrets.baseline");
        let since = Instant::now();
        // It brings line numbers up to date; only the copy may change.
        let baseline = self.scratch.join("secrets.baseline");
        fs::copy(self.workspace.root.join(".secrets.baseline"), &baseline)?;
        let files = Command::new("git")
            .args(["ls-files", "-z"])
            .current_dir(&self.workspace.root)
            .output()
            .context("asking git for the files")?;
        let files = String::from_utf8_lossy(&files.stdout).into_owned();
        let mut command = self.command("detect-secrets-hook");
        command.arg("--baseline").arg(&baseline);
        command.args(files.split_terminator('\0').filter(|file| *file != ".secrets.baseline"));
        let status = run(&mut command)?;
        // 3: nothing new, but lines moved.
        if !matches!(status.code(), Some(0 | 3)) {
            bail!("could not pass detect-secrets; docs/OPERATIONS.md says what to do");
        }
        println!("  no findings ({:.0} s)", since.elapsed().as_secs_f32());
        Ok(())
    }
}
