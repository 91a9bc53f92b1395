//! `cargo xtask hospital-add`: hands over to the command that makes the AWS calls.

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

/// Bootstraps a hospital and its first admin.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    process::pass_on(program(&workspace, "hospital_add")?.args(&args.args))
}
