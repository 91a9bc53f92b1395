//! `cargo xtask dev` and `cargo xtask demo`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::demo;
use crate::process::interrupted;
use crate::stack::{Stack, StackInfo, persistent, throw_away};
use crate::workspace::Workspace;

/// Brings the development stack up, plays the demo, serves until Ctrl-C.
pub(crate) fn serve(dir: PathBuf, with_demo: bool) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut stack = Stack::up(&workspace, &persistent(&workspace.path(&dir)))?;
    if with_demo {
        demo::play(&stack.info, None)?;
    }
    println!(
        "\nServing at {}\nCtrl-C stops; the data stays in {}",
        stack.info.api_url,
        dir.display()
    );
    while !interrupted() {
        stack.servers.check()?;
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("\nStopping; saving the data");
    drop(stack);
    Ok(ExitCode::SUCCESS)
}

/// Plays the demo on the running development stack or on a throw-away one.
pub(crate) fn demo(documents: Option<PathBuf>) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let documents = documents.map(std::path::absolute).transpose()?;
    if let Some(info) = StackInfo::running(&workspace.path(Path::new(".local/dev"))) {
        println!("Playing on the running stack at {}", info.api_url);
        demo::play(&info, documents)?;
        return Ok(ExitCode::SUCCESS);
    }
    let stack = Stack::up(
        &workspace,
        &throw_away(&workspace.path(Path::new(".local/demo"))),
    )?;
    demo::play(&stack.info, documents)?;
    Ok(ExitCode::SUCCESS)
}
