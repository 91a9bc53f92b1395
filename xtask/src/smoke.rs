//! `cargo xtask smoke`: a deployment, looked at from outside.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::process;
use crate::setup::python3;
use crate::workspace::Workspace;

/// Asks what every deployment has to answer to a stranger. Needs no libraries and no stack.
pub(crate) fn run(endpoint: &str) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut command = Command::new(python3()?);
    command.arg(workspace.script("smoke.py")).args(["--endpoint", endpoint]);
    process::pass_on(&mut command)
}
