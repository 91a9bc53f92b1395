//! The developer's commands: set up, run, test and show the vault on this machine.

mod bench;
mod binary;
mod demo;
mod dev;
mod lint;
mod new;
mod openapi;
mod operator;
mod package;
mod process;
mod rehearsal;
mod servers;
mod setup;
mod smoke;
mod stack;
mod test;
mod torture;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Everything a developer of the vault runs. No command writes outside the
/// checkout's ignored folders, `.local/` and `target/`.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set up, start the local stack, play the demo, then serve until Ctrl-C.
    ///
    /// Data survives: the next `dev` continues where this one stopped.
    Dev {
        /// Where the stack keeps its state and logs.
        #[arg(long, default_value = ".local/dev")]
        dir: PathBuf,
        /// Serve without playing the demo first.
        #[arg(long)]
        no_demo: bool,
    },
    /// Play the story over HTTP; exits non-zero on the first surprise.
    ///
    /// Uses the running `dev` stack; without one, brings up a throw-away stack
    /// and takes it down afterwards.
    Demo {
        /// Documents to upload instead of the samples in tests/data.
        #[arg(long)]
        documents: Option<PathBuf>,
    },
    /// Run every test on a throw-away stack of its own, then rehearse a deployment.
    ///
    /// Tests find the stack through MEDIVAULT_STACK, the path of its stack.json. Arguments for
    /// cargo leave the rehearsal out.
    Test {
        /// Where the throw-away stack keeps its state and logs.
        #[arg(long, default_value = ".local/test")]
        dir: PathBuf,
        /// Leave the stack running afterwards, to look at it.
        #[arg(long)]
        keep: bool,
        /// Passed on to `cargo test --workspace --no-fail-fast`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        cargo_args: Vec<String>,
    },
    /// Run README's commands of a deployment, as they stand, against a local AWS of its own.
    ///
    /// `sam build` and `sam deploy`, `smoke`, then the same again with one function changed.
    Rehearse,
    /// Play random patients, doctors and admins while the table fails, on a throw-away stack.
    ///
    /// Ends with three counters that have to be zero: acknowledged writes lost,
    /// disclosures without an earlier committed audit entry, disclosures after a
    /// committed revoke, suspension or expiry. Exits non-zero otherwise, with the
    /// story of the first finding.
    Torture(torture::Settings),
    /// Start, stop or look at a local stack.
    #[command(subcommand)]
    Stack(stack::Command),
    /// Put templates, dependencies and checkout before the judges.
    ///
    /// cfn-lint, `sam validate --lint`, checkov and cfn-guard on the templates, cargo-deny on what
    /// is depended on, detect-secrets on the checkout. Sets them up in .local the first time.
    Lint,
    /// Write docs/openapi.json, made from the types that the operations read and answer with.
    Openapi,
    /// Check a deployment from outside, without credentials; changes nothing.
    Smoke {
        /// The stack's output ApiUrl.
        #[arg(long)]
        endpoint: String,
    },
    /// Make the files of a new operation, after the pattern of record_get.
    ///
    /// Source, binary, sample event, template block and route; prints what is left to
    /// do by hand.
    New {
        /// The service, a folder of functions/; made when there is none.
        service: String,
        /// The operation's name, noun first: grant_revoke.
        operation: String,
    },
    /// Build every function for Lambda, to target/lambda/<operation>/bootstrap.
    ///
    /// One release build with Zig as the linker (set up in .local/package-venv the first time);
    /// prints what each package weighs and checks the glibc it needs.
    Package {
        /// The processor; the template's parameter of that name must say the same.
        #[arg(long, value_enum, default_value = "arm64")]
        architecture: package::Architecture,
    },
    /// Measure every function, beside the same work in Node.js and Python.
    ///
    /// Prints tables and writes target/bench.json. Wants a machine that does nothing else. What it
    /// needs beside Rust and Python is set up in .local/bench the first time.
    Bench(bench::Args),
    /// Bootstrap a hospital and its first admin, locally or on AWS.
    HospitalAdd(operator::Args),
    /// Bind a patient's vault to a new account, once they proved who they are (docs/OPERATIONS.md).
    VaultBind(operator::Args),
    /// Make the register of a patient's vault anew from its records, locally or on AWS.
    RegisterRebuild(operator::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    process::catch_interrupt()?;
    match command {
        Command::Dev { dir, no_demo } => dev::serve(dir, !no_demo),
        Command::Demo { documents } => dev::demo(documents),
        Command::Test { dir, keep, cargo_args } => test::run(dir, keep, &cargo_args),
        Command::Rehearse => rehearsal::run(),
        Command::Torture(settings) => torture::run(&settings),
        Command::Stack(command) => stack::run(command),
        Command::Openapi => openapi::run(),
        Command::Lint => lint::run_all(),
        Command::Smoke { endpoint } => smoke::run(&endpoint),
        Command::New { service, operation } => new::run(&service, &operation),
        Command::Package { architecture } => package::run(architecture),
        Command::Bench(args) => bench::run(&args),
        Command::HospitalAdd(args) => operator::run("hospital-add", &args),
        Command::VaultBind(args) => operator::run("vault-bind", &args),
        Command::RegisterRebuild(args) => operator::run("register-rebuild", &args),
    }
}
