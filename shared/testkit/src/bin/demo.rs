//! Plays the story against a running stack and tells it. `cargo xtask demo` calls this.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use testkit::{Outcome, Stack, documents, ended, story};

/// Plays the story over HTTP; exits non-zero on the first thing that is not as expected.
#[derive(Parser)]
struct Args {
    /// The stack.json of the running stack.
    #[arg(long)]
    stack: PathBuf,
    /// Documents to upload: at least one JPEG, one PNG and one PDF.
    #[arg(long)]
    documents: Option<PathBuf>,
}

fn main() -> ExitCode {
    ended(play(&Args::parse()).map(|()| ExitCode::SUCCESS))
}

fn play(args: &Args) -> Outcome {
    let stack = Stack::read(&args.stack)?;
    let folder = args.documents.clone().unwrap_or_else(documents::samples);
    story::play(&stack, &folder, &mut |line| println!("{line}"))
}
