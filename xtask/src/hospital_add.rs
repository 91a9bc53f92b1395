//! `cargo xtask hospital-add`.

use std::process::ExitCode;

use anyhow::{Result, bail};

/// What it takes to bootstrap a hospital.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The hospital's name.
    #[arg(long)]
    name: String,
}

/// Bootstraps a hospital and its first admin.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    bail!("cannot add {} yet", args.name)
}
