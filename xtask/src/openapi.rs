//! `cargo xtask openapi`: the API reference, written by the program that knows every operation.

use std::process::ExitCode;

use anyhow::Result;

use crate::process::run_checked;
use crate::setup::program;
use crate::workspace::Workspace;

/// Writes docs/openapi.json.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    run_checked(&mut program(&workspace, "openapi")?, "write docs/openapi.json")?;
    println!("Wrote docs/openapi.json");
    Ok(ExitCode::SUCCESS)
}
