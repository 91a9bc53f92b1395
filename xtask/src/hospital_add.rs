//! `cargo xtask hospital-add`: hands over to the command that makes the AWS calls.

use std::process::ExitCode;

use anyhow::Result;

use crate::process;
use crate::workspace::{Workspace, cargo};

/// Everything is passed on; `--help` tells what it takes.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Passed on to the command; try `--help`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Bootstraps a hospital and its first admin.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut command = cargo();
    command
        .args(["run", "--quiet", "--package", "testkit", "--bin", "hospital_add", "--"])
        .args(&args.args)
        .current_dir(&workspace.root);
    let status = process::run(&mut command)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}
