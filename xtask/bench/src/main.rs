//! The part of `cargo xtask bench` that has to be quick: AWS as the functions see it, the rows and
//! events they work on, and the clock. `bench.py` says what is measured and tells what came of it.

mod aws;
mod cpu;
mod function;
mod http;
mod measure;
mod seed;
mod standins;
mod usage;

use std::{io::Read as _, net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

use aws::Watch;

/// Measures the functions. Started by `cargo xtask bench`.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves AWS until standard input ends; prints the variables that lead there.
    Serve(Endpoints),
    /// Measures what the plan on standard input names; prints what was found.
    Measure(Endpoints),
    /// Writes the rows that the events of every operation work on, and the events.
    Seed(seed::Args),
}

/// Where AWS is made of.
#[derive(clap::Args)]
struct Endpoints {
    /// The table's server.
    #[arg(long)]
    dynamo: SocketAddr,
    /// The folder of the endpoints' certificate.
    #[arg(long)]
    tls: PathBuf,
    /// The folder of recorded answers.
    #[arg(long)]
    answers: PathBuf,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let start = |at: &Endpoints, watch| aws::Aws::start(at.dynamo, &at.tls, &at.answers, watch);
    match command {
        Command::Serve(at) => aws::serve(&start(&at, Watch::No)?),
        Command::Measure(at) => {
            let mut plan = String::new();
            std::io::stdin().read_to_string(&mut plan)?;
            measure::run(&start(&at, Watch::Yes)?, &plan)
        }
        Command::Seed(args) => seed::run(&args),
    }
}
