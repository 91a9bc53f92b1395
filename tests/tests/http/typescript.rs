//! An app developer's view: a TypeScript client whose types are generated from docs/openapi.json
//! compiles, signs in and lists records on the running stack. `cargo xtask test` sets Node.js up.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;
use testkit::{Outcome, Patient, Stack, Surprise, ensure};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs one of the client's scripts, in the folder where `cargo xtask test` installed its packages.
fn npm(script: &str, variables: &[(&str, &str)]) -> Outcome<String> {
    let root = fs::canonicalize(root())?;
    let programs = root.join(".local/client-venv/bin");
    let path = std::env::var("PATH")?;
    let output = Command::new(programs.join("npm"))
        .args(["run", "--silent", script])
        .current_dir(root.join(".local/client"))
        .env("PATH", format!("{}:{path}", programs.display()))
        .envs(variables.iter().copied())
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    ensure(output.status.success(), format!("npm run {script}: {told}{wrong}"))?;
    Ok(told)
}

#[test]
fn a_client_with_generated_types_compiles_signs_in_and_lists_records() -> Outcome {
    let stack = Stack::get()?;
    let folder = root().join(".local/client");
    fs::copy(root().join("docs/openapi.json"), folder.join("openapi.json"))?;
    npm("types", &[])?;
    npm("build", &[])?;
    let patient = Patient::join(stack, "Ana Lima")?;
    let titles = ["Blood count of January", "Blood count of February"];
    for title in titles {
        patient.note(stack, "lab-report", "2026-01-31", title, "Haemoglobin 13.9 g/dL")?;
    }
    let variables = [
        ("MEDIVAULT_API", stack.api_url.as_str()),
        ("MEDIVAULT_EMAIL", &patient.account.email),
        ("MEDIVAULT_PASSWORD", &patient.account.password),
    ];
    let listed = npm("start", &variables)?;
    for title in titles {
        ensure(listed.contains(title), format!("{title} is not in {listed}"))?;
    }
    Ok(())
}

#[test]
fn what_the_reference_does_not_promise_does_not_compile() -> Outcome {
    let folder = root().join(".local/client");
    fs::copy(root().join("docs/openapi.json"), folder.join("openapi.json"))?;
    npm("types", &[])?;
    let types = fs::read_to_string(folder.join("api.d.ts"))?;
    for promised in ["durationSeconds", "awaiting-confirmation", "otpauthUri"] {
        ensure(types.contains(promised), format!("no {promised} in the generated types"))?;
    }
    let wrong = "import type { components } from \"./api.js\";\n\
        export const purpose: components[\"schemas\"][\"Purpose\"] = \"curiosity\";\n";
    fs::write(folder.join("wrong.ts"), wrong)?;
    let config = json!({ "extends": "./tsconfig.json", "files": ["wrong.ts"], "compilerOptions": { "noEmit": true } });
    fs::write(folder.join("wrong.json"), config.to_string())?;
    let Err(Surprise(told)) = npm("wrong", &[]) else {
        return Err(Surprise("a purpose that does not exist compiles".into()));
    };
    ensure(told.contains("curiosity"), told)
}
