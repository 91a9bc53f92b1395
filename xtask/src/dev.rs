//! `cargo xtask dev` and `cargo xtask demo`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::demo;
use crate::people;
use crate::process::interrupted;
use crate::servers::endpoint;
use crate::setup::create_reference;
use crate::stack::{Stack, StackInfo, persistent, throw_away};
use crate::workspace::Workspace;

/// Brings the development stack up, plays the demo, serves until Ctrl-C.
pub(crate) fn serve(dir: PathBuf, with_demo: bool) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let place = workspace.path(&dir);
    create_reference(&workspace)?;
    let settings = persistent(&place);
    let mut stack = Stack::up(&workspace, &settings)?;
    let reference = stack.servers.start_reference(&workspace, &settings)?;
    if with_demo {
        demo::play(&workspace, &place, None)?;
    }
    people::tell(&workspace, &place)?;
    println!(
        "\nServing at {}\nThe API reference is at {}\nCtrl-C stops; the data stays in {}",
        stack.info.api_url,
        endpoint(reference),
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
    let documents = demo::absolute(documents)?;
    let running = workspace.path(Path::new(".local/dev"));
    if let Some(info) = StackInfo::running(&running) {
        println!("Playing on the running stack at {}", info.api_url);
        demo::play(&workspace, &running, documents.as_deref())?;
        return Ok(ExitCode::SUCCESS);
    }
    let dir = workspace.path(Path::new(".local/demo"));
    let _stack = Stack::up(&workspace, &throw_away(&dir))?;
    demo::play(&workspace, &dir, documents.as_deref())?;
    Ok(ExitCode::SUCCESS)
}
