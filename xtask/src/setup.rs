//! Gets a machine ready: the OCR engine, the virtual environment, the binaries.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::process::{run, run_checked};
use crate::workspace::{Workspace, cargo};

/// Programs the OCR server calls, and the Debian package each comes from.
const TOOLS: [(&str, &str); 2] = [("tesseract", "tesseract-ocr"), ("pdftoppm", "poppler-utils")];

const GUARD: &str = "3.2.1";

/// Two commands started at once set up one after the other; ends with what is answered.
fn alone(workspace: &Workspace) -> Result<File> {
    fs::create_dir_all(workspace.local())?;
    let lock = File::create(workspace.local().join("setup.lock"))?;
    lock.lock().context("waiting for another set-up to end")?;
    Ok(lock)
}

/// Makes everything ready that a local stack needs; quick when it already is.
pub(crate) fn prepare(workspace: &Workspace) -> Result<()> {
    let _alone = alone(workspace)?;
    install_tools(workspace)?;
    create_environment(workspace)
}

/// Makes only the local stack's Python libraries ready.
pub(crate) fn prepare_python(workspace: &Workspace) -> Result<()> {
    let _alone = alone(workspace)?;
    create_environment(workspace)
}

/// Builds the one binary that holds every function of a local stack, and its operator's program.
pub(crate) fn build_functions(workspace: &Workspace) -> Result<()> {
    println!("Building the functions");
    build(workspace, &["functions", "operator"])
}

/// Builds one of our own programs; answers a command that runs it.
pub(crate) fn program(workspace: &Workspace, name: &str) -> Result<Command> {
    build(workspace, &[name])?;
    let mut command = Command::new(workspace.target.join("debug").join(name));
    command.current_dir(&workspace.root);
    Ok(command)
}

/// Builds binaries with the same selection of packages as `cargo test --workspace`: another one
/// would build the dependencies a second time, with other features.
fn build(workspace: &Workspace, names: &[&str]) -> Result<()> {
    let mut command = cargo();
    command.args(["build", "--workspace"]).current_dir(&workspace.root);
    names.iter().for_each(|name| _ = command.args(["--bin", name]));
    run_checked(&mut command, &format!("build {}", names.join(" and ")))
}

fn install_tools(workspace: &Workspace) -> Result<()> {
    let missing: Vec<&str> = TOOLS
        .iter()
        .filter(|(program, _)| !on_path(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !may_install() {
        bail!(
            "the OCR server needs programs that are not installed. Install them with\n  \
             sudo apt-get install {packages}\nor `brew install tesseract poppler`, then try again"
        );
    }
    install_packages(workspace, &missing)
}

fn install_packages(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    println!("Installing {} (log: .local/apt.log)", packages.join(" "));
    apt(workspace, &["update"])?;
    let install = ["install", "--yes", "--no-install-recommends"];
    apt(workspace, &[&install, packages].concat())
}

fn may_install() -> bool {
    rustix::process::geteuid().is_root() && on_path("apt-get")
}

fn apt(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    let log = File::create(workspace.local().join("apt.log"))?;
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    run_checked(&mut command, "install packages; see .local/apt.log")
}

/// Creates the local stack's virtual environment unless it is there.
fn create_environment(workspace: &Workspace) -> Result<()> {
    let folder = workspace.local().join("venv");
    fill_environment(workspace, "requirements.txt", &folder, "half a minute")
}

/// Gets what app developers use unless it is there: Node.js with the packages of the TypeScript
/// client, and schemathesis.
pub(crate) fn create_client(workspace: &Workspace) -> Result<()> {
    let _alone = alone(workspace)?;
    let programs = workspace.client_environment();
    fill_environment(workspace, "client-requirements.txt", &programs, "half a minute")?;
    let (source, folder) = (workspace.root.join("tests/client"), workspace.local().join("client"));
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir(&source)? {
        let file = entry?;
        fs::copy(file.path(), folder.join(file.file_name()))?;
    }
    let wanted = fs::read_to_string(source.join("package-lock.json"))?;
    let stamp = folder.join("packages.stamp");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    println!("Installing the packages of the TypeScript client in {}", folder.display());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = [programs.join("bin")].into_iter().chain(std::env::split_paths(&path));
    let mut npm = Command::new(programs.join("bin/npm"));
    npm.args(["ci", "--silent", "--no-audit", "--no-fund"])
        .env("PATH", std::env::join_paths(paths)?)
        .current_dir(&folder);
    run_checked(&mut npm, "install the client's packages; is the network there?")?;
    fs::write(&stamp, wanted).context("writing the stamp")
}

/// Gets Swagger UI unless it is there.
pub(crate) fn create_reference(workspace: &Workspace) -> Result<()> {
    let folder = workspace.reference_environment();
    fill_environment(workspace, "reference-requirements.txt", &folder, "a few seconds")
}

/// Gets the judges of `cargo xtask lint` unless they are there.
pub(crate) fn create_lint_environments(workspace: &Workspace) -> Result<()> {
    let _alone = alone(workspace)?;
    let (lint, checkov) = (workspace.lint_environment(), workspace.checkov_environment());
    fill_environment(workspace, "lint-requirements.txt", &lint, "two minutes")?;
    // By itself: it pins other versions of what the linters share.
    fill_environment(workspace, "checkov-requirements.txt", &checkov, "two minutes")?;
    install_guard(workspace)
}

/// Gets the SAM CLI unless it is there; it is one of the judges.
pub(crate) fn create_sam(workspace: &Workspace) -> Result<()> {
    let _alone = alone(workspace)?;
    let folder = workspace.lint_environment();
    fill_environment(workspace, "lint-requirements.txt", &folder, "two minutes")
}

/// Compiles cfn-guard, of which no registry has a current build.
fn install_guard(workspace: &Workspace) -> Result<()> {
    let tools = workspace.tools();
    if tools.join("bin/cfn-guard").is_file() {
        return Ok(());
    }
    println!("Compiling cfn-guard into {} (a few minutes)", tools.display());
    let mut command = cargo();
    command
        .args([
            "install",
            "--quiet",
            "--debug",
            "--locked",
            "cfn-guard",
            "--version",
            GUARD,
            "--root",
        ])
        .arg(&tools)
        // It reads one file: what optimizing it costs is never won back.
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_TARGET_DIR", tools.join("target"))
        .current_dir(workspace.local());
    run_checked(&mut command, "compile cfn-guard; is the network there?")?;
    fs::remove_dir_all(tools.join("target")).context("removing what compiling cfn-guard left")
}

/// Creates the virtual environment of what links for another processor unless it is there.
pub(crate) fn create_package_environment(workspace: &Workspace) -> Result<()> {
    let _alone = alone(workspace)?;
    let folder = workspace.package_environment();
    fill_environment(workspace, "package-requirements.txt", &folder, "a minute")
}

/// Creates a virtual environment anew unless it is whole and up to date. The
/// stamp is written last, so a set-up that was cut short starts over.
fn fill_environment(
    workspace: &Workspace,
    requirements: &str,
    folder: &Path,
    patience: &str,
) -> Result<()> {
    let requirements = workspace.script(requirements);
    let wanted = fs::read_to_string(&requirements)
        .with_context(|| format!("reading {}", requirements.display()))?;
    let stamp = folder.join("requirements.stamp");
    let interpreter = folder.join("bin/python");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && runs(&interpreter) {
        return Ok(());
    }
    println!("Setting up Python libraries in {} (about {patience})", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    let python = python3()?;
    // Debian keeps what fills a new environment in a package of its own.
    let mut whole = Command::new(&python);
    whole.args(["-c", "import ensurepip"]).stderr(Stdio::null());
    if !whole.status().is_ok_and(|status| status.success()) && may_install() {
        install_packages(workspace, &["python3-venv"])?;
    }
    let status = run(Command::new(&python).args(["-m", "venv"]).arg(folder))?;
    if !status.success() {
        bail!(
            "{python} cannot make a virtual environment; on Debian: apt-get install python3-venv"
        );
    }
    let mut pip = Command::new(&interpreter);
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    // Each file names all that is needed, pinned; nothing else comes in.
    pip.args(install).arg("--no-deps").arg("--requirement").arg(&requirements);
    run_checked(&mut pip, "install the Python libraries; is the network there?")?;
    fs::write(&stamp, wanted).context("writing the stamp")
}

/// The first Python new enough: 3.11 brought the TOML reader that is used.
pub(crate) fn python3() -> Result<String> {
    ["python3", "python3.14", "python3.13", "python3.12", "python3.11"]
        .into_iter()
        .find(|name| {
            Command::new(name)
                .args(["-c", "import sys, venv; sys.exit(sys.version_info < (3, 11))"])
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        })
        .map(str::to_owned)
        .context("the local stack needs Python 3.11 or newer, with the venv module")
}

fn runs(program: &Path) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn on_path(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}
