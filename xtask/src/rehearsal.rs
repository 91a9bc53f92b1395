//! `cargo xtask rehearse`: a deployment as README tells it, to a local AWS.

use std::fs;
use std::process::ExitCode;

use anyhow::Result;

use crate::process::run_checked;
use crate::servers::{Servers, endpoint, stop_recorded};
use crate::setup::{build_functions, create_sam, prepare};
use crate::stack::{deploying, lock, throw_away};
use crate::workspace::Workspace;

/// Starts an empty local AWS and deploys to it with the SAM CLI.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let settings = throw_away(&workspace.local().join("rehearsal"));
    fs::create_dir_all(&settings.dir)?;
    let _lock = lock(&settings.dir)?;
    prepare(&workspace)?;
    create_sam(&workspace)?;
    build_functions(&workspace)?;
    stop_recorded(&settings.dir)?;
    println!("Rehearsing a deployment in {}", settings.dir.display());
    let servers = Servers::start(&workspace, &settings)?;
    let python = workspace.lint_environment().join("bin/python");
    let mut command = deploying(&workspace, &settings, &python, "rehearsal.py");
    command.args(["--endpoint", &endpoint(servers.record.aws.port)]);
    run_checked(&mut command, "deploy as README says")?;
    Ok(ExitCode::SUCCESS)
}
