//! `cargo xtask bench`: builds what is deployed, and measures it.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::package::{self, Architecture};
use crate::process::run_checked;
use crate::setup;
use crate::workspace::{Workspace, cargo};

/// What is measured, and how often.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this function; may be given more than once.
    #[arg(long, value_name = "OPERATION")]
    only: Vec<String>,
    /// How often each function is started.
    #[arg(long, default_value_t = 21)]
    runs: u32,
    /// Leave out how cost grows with a vault.
    #[arg(long)]
    no_growth: bool,
    /// Put the results into docs/PERFORMANCE.md.
    #[arg(long)]
    write: bool,
}

/// Builds, measures, prints the tables and writes target/bench.json.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    setup::prepare_python(&workspace)?;
    // The very binaries that are deployed, built as they are deployed.
    let services = package::services(&workspace)?;
    let packages: Vec<&str> = services.iter().map(String::as_str).chain(["bench_empty"]).collect();
    let binaries = package::build(&workspace, Architecture::host(), &packages)?;
    let bench = build_bench(&workspace)?;
    let mut command = Command::new(workspace.python());
    command
        .arg(workspace.root.join("xtask/bench/bench.py"))
        .arg("--binaries")
        .arg(binaries)
        .arg("--bench")
        .arg(bench)
        .arg("--work")
        .arg(workspace.local().join("bench"))
        .arg("--out")
        .arg(workspace.target.join("bench.json"))
        .args(["--runs", &args.runs.to_string()])
        .args(args.only.iter().flat_map(|name| ["--only", name]))
        .current_dir(&workspace.root);
    if args.no_growth {
        command.arg("--no-growth");
    }
    if args.write {
        command.args(["--write", "docs/PERFORMANCE.md"]);
    }
    run_checked(&mut command, "measure")?;
    Ok(ExitCode::SUCCESS)
}

/// Builds what stands for AWS and holds the clock; not as the functions are built, whose size matters.
fn build_bench(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = cargo();
    command
        .args(["build", "--locked", "--profile", "measure", "--package", "bench", "--bin", "bench"])
        .current_dir(&workspace.root);
    run_checked(&mut command, "build the benchmark")?;
    Ok(workspace.target.join("measure/bench"))
}
