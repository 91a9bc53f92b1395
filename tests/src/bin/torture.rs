//! Tortures a running stack and tells what came of it. `cargo xtask torture` calls this.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use testkit::{Outcome, Stack, ended};
use tests::torture::{Report, Settings, run};

/// Plays random patients, doctors and admins against a stack whose table fails; exits non-zero when
/// anything was lost or disclosed that should not have been.
#[derive(Parser)]
struct Args {
    /// The stack.json of the running stack.
    #[arg(long)]
    stack: PathBuf,
    /// How many steps.
    #[arg(long)]
    steps: usize,
    /// The seed of the steps and the faults.
    #[arg(long)]
    seed: u64,
    /// How many play at once.
    #[arg(long)]
    workers: usize,
    /// How many of a thousand calls to the table each of the seven kinds of fault meets.
    #[arg(long)]
    per_mille: u64,
}

fn main() -> ExitCode {
    ended(torture(&Args::parse()).map(|report| {
        println!("{report}");
        if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }))
}

fn torture(args: &Args) -> Outcome<Report> {
    let stack = Stack::read(&args.stack)?;
    let Args { steps, seed, workers, per_mille, .. } = *args;
    println!("Torture: {steps} steps of seed {seed}");
    let progress = |done: usize| {
        if done.is_multiple_of(100) {
            println!("  {done} of {steps} steps");
        }
    };
    run(&stack, Settings { steps, seed, workers, per_mille }, &progress)
}
