//! `cargo xtask lint`: the template, under cfn-lint and `sam validate --lint`.

use std::fs;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::Result;

use crate::process::run_checked;
use crate::setup::create_lint_environment;
use crate::workspace::Workspace;

/// Sets the linters up when they are not, and runs both.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    create_lint_environment(&workspace)?;
    check(&workspace, "cfn-lint", &["--template", "template.yaml"])?;
    check(&workspace, "sam", &["validate", "--lint", "--template", "template.yaml"])?;
    Ok(ExitCode::SUCCESS)
}

fn check(workspace: &Workspace, program: &str, arguments: &[&str]) -> Result<()> {
    println!("{program} {}", arguments.join(" "));
    let since = Instant::now();
    let home = workspace.local().join("sam");
    fs::create_dir_all(&home)?;
    let mut command = Command::new(workspace.lint_environment().join("bin").join(program));
    command
        .args(arguments)
        // Nothing is told to anybody, and nothing is written to the developer's home.
        .env("SAM_CLI_TELEMETRY", "0")
        .env("__SAM_CLI_APP_DIR", home)
        .current_dir(&workspace.root);
    run_checked(&mut command, &format!("pass {program}"))?;
    println!("  no findings ({:.0} s)", since.elapsed().as_secs_f32());
    Ok(())
}
