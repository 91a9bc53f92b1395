//! What an operator does: hands over to the program that makes the AWS calls.

use std::process::ExitCode;

use anyhow::Result;

use crate::process;
use crate::setup::program;
use crate::workspace::Workspace;

/// Everything is passed on; `--help` tells what it takes.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Passed on to the command; try `--help`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Runs a command of the operator's program.
pub(crate) fn run(command: &str, args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    process::pass_on(program(&workspace, "operator")?.arg(command).args(&args.args))
}
