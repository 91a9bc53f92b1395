//! People to sign in as on the development stack: handed over to `testkit`'s program.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

use crate::process::{pass_on, run_checked};
use crate::setup::program;
use crate::workspace::Workspace;

/// Whom a command is about.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Their address.
    address: String,
    /// Where the stack keeps its state.
    #[arg(long, default_value = ".local/dev")]
    dir: PathBuf,
}

/// Says whom one can sign in as on the stack of `dir`; makes them the first time.
pub(crate) fn tell(workspace: &Workspace, dir: &Path) -> Result<()> {
    let mut command = program(workspace, "people")?;
    run_checked(command.arg("--dir").arg(dir).arg("tell"), "make people to sign in as")
}

/// Prints somebody's `code` or `mail`.
pub(crate) fn of(what: &str, Args { address, dir }: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let dir = workspace.path(dir);
    let mut command = program(&workspace, "people")?;
    pass_on(command.arg("--dir").arg(dir).args([what, address]))
}
