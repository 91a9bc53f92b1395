//! `cargo xtask hospital-add`: hands over to the command that makes the AWS calls.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::process;
use crate::setup::build_functions;
use crate::workspace::Workspace;

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
    // Built with all the others: by itself, Cargo would select other features of its dependencies
    // and compile them once more.
    build_functions(&workspace)?;
    let mut command = Command::new(workspace.target.join("debug/hospital_add"));
    command.args(&args.args).current_dir(&workspace.root);
    let status = process::run(&mut command)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}
