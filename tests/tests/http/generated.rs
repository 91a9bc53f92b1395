//! An app developer's view: a Python client generated from docs/openapi.json does the main job on the
//! running stack. `cargo xtask test` sets the generator up.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use testkit::{Outcome, Patient, Stack, Ward, ensure};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn run(command: &mut Command) -> Outcome<String> {
    let output = command.output()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    ensure(output.status.success(), format!("{command:?}: {told}{wrong}"))?;
    Ok(told)
}

#[test]
fn a_generated_client_does_the_main_job_and_reads_every_sentence() -> Outcome {
    let (stack, root) = (Stack::get()?, fs::canonicalize(root())?);
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Gena Rated")?;
    let (programs, client) = (root.join(".local/client-venv/bin"), root.join(".local/generated"));
    let mut generate = Command::new(programs.join("openapi-generator-cli"));
    generate.args(["generate", "--generator-name", "python", "--package-name", "generated"]);
    generate.arg("--input-spec").arg(root.join("docs/openapi.json"));
    run(generate.arg("--output").arg(&client))?;
    let mut job = Command::new(programs.join("python"));
    job.arg(root.join("tests/client/main_job.py"))
        .env("PYTHONPATH", &client)
        .env("MEDIVAULT_API", &stack.api_url)
        .env("MEDIVAULT_EMAIL", &patient.account.email)
        .env("MEDIVAULT_PASSWORD", &patient.account.password)
        .env("MEDIVAULT_DOCTOR", ward.doctor.token());
    let told = run(&mut job)?;
    for sentence in [
        "You started to add a document (\u{201c}Blood count\u{201d}).",
        "Dr. Lena Sommer (Ward of the tests) asked for access for treatment.",
        "Dr. Lena Sommer (Ward of the tests) read a record (\u{201c}Blood count\u{201d}) under the grant \
         you gave for treatment.",
        "Dr. Lena Sommer (Ward of the tests) tried to read a record (\u{201c}Blood count\u{201d}) and \
         was refused: they hold no grant from you.",
    ] {
        ensure(told.lines().any(|line| line == sentence), format!("{sentence}\n{told}"))?;
    }
    Ok(())
}
