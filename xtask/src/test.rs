//! `cargo xtask test`: every test, on a stack of its own, and a rehearsed deployment.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::Result;

use crate::process;
use crate::rehearsal;
use crate::setup::{create_client, program};
use crate::stack::{Stack, throw_away};
use crate::workspace::{Workspace, cargo};

/// Brings a stack up, runs the tests, takes it down; passes cargo's verdict on.
pub(crate) fn run(dir: PathBuf, keep: bool, cargo_args: &[String]) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let dir = workspace.path(&dir);
    create_client(&workspace)?;
    let mut settings = throw_away(&dir);
    settings.detached = keep;
    let stack = Stack::up(&workspace, &settings)?;

    let status = run_tests(&workspace, &dir, cargo_args);
    if keep {
        println!("The stack stays up at {}", stack.info.api_url);
        println!("Stop it with `cargo xtask stack down --dir {}`", dir.display());
    }
    drop(stack);
    let status = status?;
    if status.success() && cargo_args.is_empty() {
        return rehearsal::run();
    }
    Ok(process::exit_code(status))
}

fn run_tests(workspace: &Workspace, dir: &Path, cargo_args: &[String]) -> Result<ExitStatus> {
    let mut command = cargo();
    command
        .args(["test", "--workspace", "--no-fail-fast"])
        // Not the functions' binaries: each is one call, and linking them would only cost time.
        .args(["--lib", "--test", "*", "--bin", "xtask"])
        .args(cargo_args)
        .env("MEDIVAULT_STACK", dir.join("stack.json"))
        // Tests wait for the stack more than they compute.
        .env("RUST_TEST_THREADS", "4")
        .current_dir(&workspace.root);
    let mut status = process::run(&mut command)?;
    if status.success() && cargo_args.is_empty() {
        status = process::run(&mut look_back(workspace, dir)?)?;
    }
    Ok(status)
}

/// What can only be said when everything has run: which permissions were used.
fn look_back(workspace: &Workspace, dir: &Path) -> Result<Command> {
    let mut command = program(workspace, "permissions")?;
    command.env("MEDIVAULT_STACK", dir.join("stack.json"));
    Ok(command)
}
