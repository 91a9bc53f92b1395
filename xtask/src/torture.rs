//! `cargo xtask torture`: random use of a stack of its own while its table fails.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::process;
use crate::setup::program;
use crate::stack::{Stack, throw_away};
use crate::workspace::Workspace;

/// How a run is made.
#[derive(Args)]
pub(crate) struct Settings {
    /// How many steps.
    #[arg(long, default_value_t = 1000)]
    steps: u64,
    /// The seed of the steps and the faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many play at once.
    #[arg(long, default_value_t = 6)]
    workers: u16,
    /// How many of a thousand calls to the table each of the seven kinds of fault meets.
    #[arg(long, default_value_t = 70)]
    per_mille: u16,
    /// Where the throw-away stack keeps its state and logs.
    #[arg(long, default_value = ".local/torture")]
    dir: PathBuf,
}

/// Brings a stack up, tortures it, takes it down; passes the verdict on.
pub(crate) fn run(settings: &Settings) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let dir = workspace.path(&settings.dir);
    let _stack = Stack::up(&workspace, &throw_away(&dir))?;
    let mut command = program(&workspace, "torture")?;
    command.arg("--stack").arg(dir.join("stack.json"));
    for (name, value) in [
        ("--steps", settings.steps),
        ("--seed", settings.seed),
        ("--workers", settings.workers.into()),
        ("--per-mille", settings.per_mille.into()),
    ] {
        command.arg(name).arg(value.to_string());
    }
    process::pass_on(&mut command)
}
