//! The two servers of a local stack: the local AWS and the OCR server.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::process::{ask_to_end, command_line, end_foreign, wait_or_kill};
use crate::workspace::Workspace;

/// The local AWS writes its state when it is asked to end; large stacks take a while.
const TIME_TO_SAVE: Duration = Duration::from_secs(60);
/// Keys of the root account of the local AWS; only used to create the operator.
const ROOT_KEY: &str = "test";

/// How a stack is run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where it keeps its state and logs.
    pub(crate) dir: PathBuf,
    /// Whether data survives the stack.
    pub(crate) keep_data: bool,
    /// Whether it goes on after this command ends.
    pub(crate) detached: bool,
    /// The pretended AWS region.
    pub(crate) region: String,
}

/// What is remembered of a server between commands.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Known {
    /// Process id while it runs, 0 otherwise.
    pub(crate) pid: u32,
    /// Its port, kept for the next start.
    pub(crate) port: u16,
}

/// `servers.json`: written before anything can go wrong, so that `down` always
/// knows what to stop.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The local AWS.
    pub(crate) aws: Known,
    /// The OCR server.
    pub(crate) textract: Known,
}

impl Record {
    /// Reads what an earlier command left; nothing readable counts as nothing.
    pub(crate) fn read(dir: &Path) -> Self {
        fs::read(dir.join("servers.json"))
            .ok()
            .and_then(|raw| serde_json::from_slice(&raw).ok())
            .unwrap_or_default()
    }

    fn write(self, dir: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(&self)?;
        fs::write(dir.join("servers.json"), text).context("writing servers.json")
    }

    /// Whether both servers of this folder are alive. Process ids are reused, so
    /// the command line has to be ours.
    pub(crate) fn is_running(self, dir: &Path) -> bool {
        is_ours(self.aws.pid, "aws.py", dir) && is_ours(self.textract.pid, "textract.py", dir)
    }
}

fn is_ours(pid: u32, script: &str, dir: &Path) -> bool {
    pid != 0
        && command_line(pid)
            .is_some_and(|line| line.contains(script) && line.contains(&*dir.to_string_lossy()))
}

/// Stops the servers an earlier command left behind, if any.
pub(crate) fn stop_recorded(dir: &Path) -> Result<bool> {
    let mut record = Record::read(dir);
    let mut stopped = false;
    for (known, script) in [(&mut record.textract, "textract.py"), (&mut record.aws, "aws.py")] {
        if is_ours(known.pid, script, dir) {
            end_foreign(known.pid, TIME_TO_SAVE);
            stopped = true;
        }
        known.pid = 0;
    }
    if dir.exists() {
        remove_scratch(dir);
        record.write(dir)?;
    }
    Ok(stopped)
}

/// Running servers; dropping them ends them, unless they were left to themselves.
pub(crate) struct Servers {
    dir: PathBuf,
    left_running: bool,
    children: Vec<Child>,
    /// Ports and process ids.
    pub(crate) record: Record,
}

impl Servers {
    /// Starts both servers, on their earlier ports when these are free.
    pub(crate) fn start(workspace: &Workspace, settings: &Settings) -> Result<Self> {
        remove_scratch(&settings.dir);
        fs::create_dir_all(settings.dir.join("tmp"))?;
        let earlier = Record::read(&settings.dir);
        let mut servers = Self {
            dir: settings.dir.clone(),
            left_running: false,
            children: Vec::new(),
            record: Record::default(),
        };
        servers.record.aws.port = free_port(earlier.aws.port)?;
        servers.record.textract.port = free_port(earlier.textract.port)?;

        let mut aws = script(workspace, settings, "aws.py")?;
        aws_environment(&mut aws, settings, servers.record.aws.port);
        servers.record.aws.pid = servers.spawn(aws)?;
        servers.record.write(&settings.dir)?;

        let mut textract = script(workspace, settings, "textract.py")?;
        textract
            .arg("--port")
            .arg(servers.record.textract.port.to_string())
            .arg("--endpoint")
            .arg(endpoint(servers.record.aws.port))
            .arg("--region")
            .arg(&settings.region);
        servers.record.textract.pid = servers.spawn(textract)?;
        servers.record.write(&settings.dir)?;
        Ok(servers)
    }

    /// Starts the page of the API reference beside a deployed stack; answers its port.
    pub(crate) fn start_reference(
        &mut self,
        workspace: &Workspace,
        settings: &Settings,
    ) -> Result<u16> {
        let port = free_port(0)?;
        let mut command = script(workspace, settings, "reference.py")?;
        command.arg("--port").arg(port.to_string());
        self.spawn(command)?;
        Ok(port)
    }

    fn spawn(&mut self, mut command: Command) -> Result<u32> {
        let child = command.spawn().context("starting a local server")?;
        let pid = child.id();
        self.children.push(child);
        Ok(pid)
    }

    /// Lets detached servers go on when this command ends.
    pub(crate) fn leave_running(&mut self) {
        self.left_running = true;
    }

    /// Fails when a server ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        for child in &mut self.children {
            if let Some(status) = child.try_wait()? {
                bail!(
                    "a local server ended by itself ({status}); see the logs in {}",
                    self.dir.display()
                );
            }
        }
        Ok(())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        if self.left_running {
            return;
        }
        for child in &self.children {
            ask_to_end(child.id());
        }
        for child in &mut self.children {
            wait_or_kill(child, TIME_TO_SAVE);
        }
        remove_scratch(&self.dir);
        self.record.aws.pid = 0;
        self.record.textract.pid = 0;
        // Best effort: a stale process id is recognized anyway.
        let _ = self.record.write(&self.dir);
    }
}

/// Unpacked functions and pages take much room and are made again when needed.
fn remove_scratch(dir: &Path) {
    // Nothing depends on it: what stays is removed at the next start.
    let _ = fs::remove_dir_all(dir.join("tmp"));
}

/// A local script, in a process group of its own, with its log, tied to our life
/// by its standard input unless it is detached.
fn script(workspace: &Workspace, settings: &Settings, name: &str) -> Result<Command> {
    use std::os::unix::process::CommandExt as _;

    let stem = name.trim_end_matches(".py");
    let log = File::create(settings.dir.join(format!("{stem}.log")))?;
    let python = match name {
        "reference.py" => workspace.reference_environment().join("bin/python"),
        _ => workspace.python(),
    };
    let mut command = Command::new(python);
    command
        .arg(workspace.script(name))
        .arg(&settings.dir)
        .current_dir(&workspace.root)
        // Functions inherit this environment; on AWS they would see none of ours.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", settings.dir.join("tmp"))
        .env("LANG", "C.UTF-8")
        .env("TMPDIR", settings.dir.join("tmp"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("MEDIVAULT_DETACHED", if settings.detached { "1" } else { "0" })
        .stdin(if settings.detached { Stdio::null() } else { Stdio::piped() })
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0);
    Ok(command)
}

fn aws_environment(command: &mut Command, settings: &Settings, port: u16) {
    let flag = if settings.keep_data { "1" } else { "0" };
    command
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        // IAM, sign-up codes and sign-out are only checked with this.
        .env("AUTH", "true")
        // Without it functions would call the real AWS.
        .env("AWS_ENDPOINT_URL", endpoint(port))
        .env("AWS_ACCESS_KEY_ID", ROOT_KEY)
        .env("AWS_SECRET_ACCESS_KEY", ROOT_KEY)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("MINISTACK_REGION", &settings.region)
        .env("MINISTACK_COGNITO_PRETOKEN_STRICT", "1")
        .env("PERSIST_STATE", flag)
        .env("STATE_DIR", settings.dir.join("state"))
        .env("S3_PERSIST", flag)
        .env("S3_DATA_DIR", settings.dir.join("s3"))
        .env("SFTP_ENABLED", "0")
        .env("IOT_MTLS_ENABLED", "0")
        .env("LOG_LEVEL", "WARNING")
        .env("MEDIVAULT_TTL_SECONDS", if settings.keep_data { "20" } else { "3" });
}

/// The address of a server on this machine.
pub(crate) fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// The wanted port when it is free, any free one otherwise.
fn free_port(wanted: u16) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .context("finding a free port")?;
    let port = listener.local_addr()?.port();
    if wanted != 0 && wanted != port {
        println!("Port {wanted} is taken; using {port}");
    }
    Ok(port)
}
