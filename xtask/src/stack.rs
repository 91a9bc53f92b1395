//! A local stack as a whole: servers started, template deployed, `stack.json` written.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use serde::Deserialize;

use crate::process::run_checked;
use crate::servers::{Record, Servers, Settings, stop_recorded};
use crate::setup;
use crate::workspace::Workspace;

/// The pretended region; nothing depends on which it is.
const REGION: &str = "eu-central-1";

/// What `stack.json` says of a deployed stack.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StackInfo {
    /// The HTTP API, stage included, without a slash at the end.
    pub(crate) api_url: String,
    /// The local AWS.
    pub(crate) endpoint: String,
    /// The OCR server.
    pub(crate) textract_url: String,
    /// The pretended AWS region.
    pub(crate) region: String,
    /// An ordinary IAM user that may do everything.
    pub(crate) operator: Operator,
    /// The stack's CloudFormation outputs.
    pub(crate) outputs: BTreeMap<String, String>,
}

/// The operator's access key.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operator {
    /// Access key id.
    pub(crate) access_key_id: String,
    /// Secret access key; worthless outside this machine.
    pub(crate) secret_access_key: String,
}

impl StackInfo {
    /// Reads `stack.json` of a stack folder.
    pub(crate) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("stack.json");
        let raw = fs::read(&path).with_context(|| format!("no stack in {}", dir.display()))?;
        serde_json::from_slice(&raw).with_context(|| format!("reading {}", path.display()))
    }

    /// The stack of a folder, if it is up at this moment.
    pub(crate) fn running(dir: &Path) -> Option<Self> {
        Record::read(dir).is_running(dir).then(|| Self::read(dir).ok()).flatten()
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start a stack in the background; a running one gets what changed.
    Up {
        /// Where the stack keeps its state and logs.
        #[arg(long, default_value = ".local/dev")]
        dir: PathBuf,
    },
    /// Stop a stack; its data stays for the next `up`.
    Down {
        /// Where the stack keeps its state and logs.
        #[arg(long, default_value = ".local/dev")]
        dir: PathBuf,
        /// Delete its data too.
        #[arg(long)]
        delete_data: bool,
    },
    /// Print what an operator's commands and other tools need, to be read by a shell; of an
    /// operation, its function's environment, for `cargo lambda watch --env-file`.
    Env {
        /// The operation, such as session_create.
        operation: Option<String>,
        /// Where the stack keeps its state and logs.
        #[arg(long, default_value = ".local/dev")]
        dir: PathBuf,
    },
    /// Say whether a stack runs, and where.
    Status {
        /// Where the stack keeps its state and logs.
        #[arg(long, default_value = ".local/dev")]
        dir: PathBuf,
    },
}

/// Runs one of the `stack` commands.
pub(crate) fn run(command: Command) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Up { dir } => {
            let info = up_in_background(&workspace, &workspace.path(&dir))?;
            println!("Serving at {}\nStop with `cargo xtask stack down`", info.api_url);
        }
        Command::Down { dir, delete_data } => down(&workspace.path(&dir), delete_data)?,
        Command::Env { operation, dir } => {
            let dir = workspace.path(&dir);
            match operation {
                Some(operation) => print_environment(&workspace, &dir, &operation)?,
                None => print_exports(&running(&dir)?),
            }
        }
        Command::Status { dir } => return Ok(status(&workspace.path(&dir))),
    }
    Ok(ExitCode::SUCCESS)
}

fn running(dir: &Path) -> Result<StackInfo> {
    StackInfo::running(dir).with_context(|| {
        format!("no stack runs in {}; start one with `cargo xtask stack up`", dir.display())
    })
}

/// What `hospital-add` and its like read, and any tool that calls AWS.
fn print_exports(info: &StackInfo) {
    let operator = &info.operator;
    println!("export AWS_ENDPOINT_URL={} AWS_REGION={}", info.endpoint, info.region);
    println!("export AWS_ACCESS_KEY_ID={}", operator.access_key_id);
    println!("export AWS_SECRET_ACCESS_KEY={}", operator.secret_access_key);
    let outputs =
        [("TABLE_NAME", "TableName"), ("KEY_ARN", "VaultKeyArn"), ("USER_POOL_ID", "UserPoolId")];
    for (variable, output) in outputs {
        if let Some(value) = info.outputs.get(output) {
            println!("export {variable}={value}");
        }
    }
}

fn print_environment(workspace: &Workspace, dir: &Path, operation: &str) -> Result<()> {
    running(dir)?;
    let mut command = Process::new(workspace.python());
    command.arg(workspace.script("env.py")).arg(dir.join("stack.json")).arg(operation);
    run_checked(&mut command, "ask the stack for the function's environment")
}

fn up_in_background(workspace: &Workspace, dir: &Path) -> Result<StackInfo> {
    let record = Record::read(dir);
    if !record.is_running(dir) {
        let settings = Settings { detached: true, ..persistent(dir) };
        return Ok(Stack::up(workspace, &settings)?.info.clone());
    }
    let _lock = lock(dir)?;
    println!("A stack is already running in {}; deploying what changed", dir.display());
    setup::prepare(workspace)?;
    setup::build_functions(workspace)?;
    deploy(workspace, &persistent(dir), record)
}

fn down(dir: &Path, delete_data: bool) -> Result<()> {
    if stop_recorded(dir)? {
        println!("Stopped the stack in {}", dir.display());
    } else {
        println!("No stack is running in {}", dir.display());
    }
    if delete_data && dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("deleting {}", dir.display()))?;
        println!("Deleted its data");
    }
    Ok(())
}

fn status(dir: &Path) -> ExitCode {
    let Some(info) = StackInfo::running(dir) else {
        println!("No stack is running in {}", dir.display());
        return ExitCode::FAILURE;
    };
    println!("API        {}", info.api_url);
    println!("local AWS  {}", info.endpoint);
    println!("OCR        {}", info.textract_url);
    println!("region     {}", info.region);
    println!("details    {}", dir.join("stack.json").display());
    for (name, value) in &info.outputs {
        println!("  {name} = {value}");
    }
    println!("\nFor other tools:");
    print_exports(&info);
    ExitCode::SUCCESS
}

/// Settings of a stack whose data survives.
pub(crate) fn persistent(dir: &Path) -> Settings {
    Settings { dir: dir.to_path_buf(), keep_data: true, detached: false, region: REGION.to_owned() }
}

/// Settings of a stack that starts empty and leaves nothing.
pub(crate) fn throw_away(dir: &Path) -> Settings {
    Settings { keep_data: false, ..persistent(dir) }
}

/// A running stack. Dropping it stops the servers, unless they are detached and it is up.
pub(crate) struct Stack {
    /// Where everything answers.
    pub(crate) info: StackInfo,
    /// The servers under it.
    pub(crate) servers: Servers,
    _lock: File,
}

impl Stack {
    /// Sets up, builds, starts the servers and deploys the template.
    pub(crate) fn up(workspace: &Workspace, settings: &Settings) -> Result<Self> {
        fs::create_dir_all(&settings.dir)?;
        let lock = lock(&settings.dir)?;
        setup::prepare(workspace)?;
        setup::build_functions(workspace)?;
        if stop_recorded(&settings.dir)? {
            println!("Stopped the stack that was still running in {}", settings.dir.display());
        }
        if !settings.keep_data {
            // What a crashed run left would not be an empty stack.
            let _ = fs::remove_file(settings.dir.join("stack.json"));
        }
        println!("Starting the local stack in {}", settings.dir.display());
        let mut servers = Servers::start(workspace, settings)?;
        let info = deploy(workspace, settings, servers.record)?;
        if settings.detached {
            servers.leave_running();
        }
        Ok(Self { info, servers, _lock: lock })
    }
}

/// One command at a time works on a stack folder; the lock dies with its holder.
pub(crate) fn lock(dir: &Path) -> Result<File> {
    let file = File::create(dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another command is using the stack in {0}; stop it (Ctrl-C), or name another folder with --dir",
            dir.display()
        ),
        Err(TryLockError::Error(error)) => Err(error).context("locking the stack folder"),
    }
}

/// A script that deploys what was built to a local AWS, with the arguments that each takes.
pub(crate) fn deploying(
    workspace: &Workspace,
    settings: &Settings,
    python: &Path,
    script: &str,
) -> Process {
    let mut command = Process::new(python);
    command
        .arg(workspace.script(script))
        .arg("--root")
        .arg(&workspace.root)
        .arg("--dir")
        .arg(&settings.dir)
        .arg("--binary")
        .arg(workspace.target.join("debug/functions"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn deploy(workspace: &Workspace, settings: &Settings, record: Record) -> Result<StackInfo> {
    let pids = serde_json::json!({ "aws": record.aws.pid, "textract": record.textract.pid });
    let mut command = deploying(workspace, settings, &workspace.python(), "deploy.py");
    command
        .arg("--cache")
        .arg(workspace.local().join("packages"))
        .args(["--aws-port", &record.aws.port.to_string()])
        .args(["--textract-port", &record.textract.port.to_string()])
        .args(["--region", &settings.region])
        .args(["--pids", &pids.to_string()])
        // Zipping costs half a minute of work for nothing when nothing is kept.
        .args(["--zip-level", if settings.keep_data { "1" } else { "0" }]);
    run_checked(&mut command, "deploy the templates to the local stack")?;
    StackInfo::read(&settings.dir)
}
