//! Child processes that end when we do, and Ctrl-C.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

const BEAT: Duration = Duration::from_millis(50);
/// How long a child may take to end by itself after it was asked to.
const PATIENCE: Duration = Duration::from_secs(5);

/// Turns Ctrl-C, SIGTERM and SIGHUP into a flag, so that clean-up always runs.
pub(crate) fn catch_interrupt() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst)).context("catching Ctrl-C")
}

/// Whether the developer asked to stop.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Runs a command to its end; an interrupt ends it and everything it started.
pub(crate) fn run(command: &mut Command) -> Result<ExitStatus> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.process_group(0).spawn().with_context(|| format!("starting {name}"))?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupted() {
            signal_group(child.id(), Signal::INT);
            wait_or_kill(&mut child, PATIENCE);
            bail!("interrupted");
        }
        std::thread::sleep(BEAT);
    }
}

/// Runs a command to its end, and answers with its own exit code.
pub(crate) fn pass_on(command: &mut Command) -> Result<ExitCode> {
    Ok(exit_code(run(command)?))
}

/// The exit code of a command that ended, 1 where a signal ended it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}

/// Runs a command that has to succeed; `what` completes "could not …".
pub(crate) fn run_checked(command: &mut Command, what: &str) -> Result<()> {
    let status = run(command)?;
    if !status.success() {
        bail!("could not {what} ({status})");
    }
    Ok(())
}

/// Waits for a child to end by itself; then kills its whole group.
pub(crate) fn wait_or_kill(child: &mut Child, patience: Duration) {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            break;
        }
        std::thread::sleep(BEAT);
    }
    signal_group(child.id(), Signal::KILL);
    // Reaps it; an error means that there is nothing left to reap.
    let _ = child.wait();
}

/// Asks one process to end.
pub(crate) fn ask_to_end(id: u32) {
    if let Some(pid) = pid(id) {
        // It may have ended in the meantime, which is what we want.
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// Sends a signal to the group a process leads; nothing happens when it is gone.
pub(crate) fn signal_group(id: u32, signal: Signal) {
    if let Some(pid) = pid(id) {
        let _ = kill_process_group(pid, signal);
    }
}

/// Ends a process that is not our child, and the group it leads.
pub(crate) fn end_foreign(id: u32, patience: Duration) {
    ask_to_end(id);
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline && exists(id) {
        std::thread::sleep(BEAT);
    }
    signal_group(id, Signal::KILL);
}

fn exists(id: u32) -> bool {
    pid(id).is_some_and(|pid| test_kill_process(pid).is_ok())
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

/// The command line of a live process, to recognize what we started earlier.
pub(crate) fn command_line(id: u32) -> Option<String> {
    if !exists(id) {
        return None;
    }
    if let Ok(raw) = std::fs::read(format!("/proc/{id}/cmdline")) {
        let text = String::from_utf8_lossy(&raw).replace('\0', " ");
        return (!text.is_empty()).then_some(text);
    }
    let output =
        Command::new("ps").args(["-o", "command=", "-p", &id.to_string()]).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
