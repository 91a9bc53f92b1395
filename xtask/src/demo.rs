//! The story, played over HTTP by `testkit`'s demo.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::process::run_checked;
use crate::setup::program;
use crate::workspace::Workspace;

/// Plays the story against the stack of a folder; fails on the first surprise.
pub(crate) fn play(workspace: &Workspace, dir: &Path, documents: Option<&Path>) -> Result<()> {
    let mut command = program(workspace, "demo")?;
    command.arg("--stack").arg(dir.join("stack.json"));
    if let Some(documents) = documents {
        command.arg("--documents").arg(documents);
    }
    run_checked(&mut command, "play the demo")
}

/// The documents folder as the demo, which runs elsewhere, can find it.
pub(crate) fn absolute(documents: Option<PathBuf>) -> Result<Option<PathBuf>> {
    Ok(documents.map(std::path::absolute).transpose()?)
}
