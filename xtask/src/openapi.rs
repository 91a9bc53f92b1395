//! `cargo xtask openapi`: the API reference, written by the program that knows every operation.

use std::process::ExitCode;

use anyhow::Result;

use crate::process::run_checked;
use crate::setup::build_functions;
use crate::workspace::Workspace;

/// Writes docs/openapi.json.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    build_functions(&workspace)?;
    run_checked(&mut workspace.program("openapi"), "write docs/openapi.json")?;
    println!("Wrote docs/openapi.json");
    Ok(ExitCode::SUCCESS)
}
