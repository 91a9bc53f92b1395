//! `cargo xtask package`: every function as Lambda takes it, `target/lambda/<operation>/bootstrap`,
//! with the partitions of AWS that it may run in (docs/adr/0017).
//!
//! One call of cargo builds them all, linked by Zig against the glibc that Lambda has. Paths of
//! this machine stay out of the binaries, so that the same source gives the same bytes anywhere.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::binary::{self, GLIBC};
use crate::process::run_checked;
use crate::setup::create_package_environment;
use crate::workspace::Workspace;

/// A processor that Lambda has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Architecture {
    /// Graviton; what staging and production run on.
    Arm64,
    /// Intel and AMD.
    #[value(name = "x86_64")]
    X86,
}

impl Architecture {
    /// This machine's.
    pub(crate) fn host() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86 }
    }

    fn machine(self) -> u16 {
        match self {
            Self::Arm64 => elf::abi::EM_AARCH64,
            Self::X86 => elf::abi::EM_X86_64,
        }
    }

    /// What a released binary is compiled and linked with, beside its profile (docs/adr/0018). A
    /// panic aborts, so nothing unwinds.
    fn flags(self) -> &'static [&'static str] {
        const EACH: &str = "-Cforce-unwind-tables=no";
        match self {
            Self::Arm64 => &[EACH],
            // Told that the loader need not lock the tables of addresses, rustc no longer calls
            // functions of other crates by way of such a table; the linker is told to have them
            // locked nevertheless, as `binary::check` sees.
            Self::X86 => &[EACH, "-Crelro-level=partial", "-Clink-arg=-Wl,-z,relro,-z,now"],
        }
    }

    fn triple(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86 => "x86_64-unknown-linux-gnu",
        }
    }
}

/// Builds, checks and lays out every function.
pub(crate) fn run(architecture: Architecture) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let since = Instant::now();
    let services = services(&workspace)?;
    let packages: Vec<&str> = services.iter().map(String::as_str).collect();
    let built = build(&workspace, architecture, &packages)?;
    let lambda = workspace.root.join("target/lambda");
    if lambda.exists() {
        fs::remove_dir_all(&lambda).context("removing the packages made before")?;
    }
    let partitions = workspace.root.join("shared/store/partitions");
    let files = names(&partitions)?;
    for operation in operations(&workspace, &services)? {
        let binary = built.join(&operation);
        binary::check(&operation, architecture.machine(), &fs::read(&binary)?)?;
        let folder = lambda.join(&operation);
        fs::create_dir_all(folder.join("partitions"))?;
        fs::copy(&binary, folder.join("bootstrap")).context("copying a binary")?;
        for name in files.iter().filter(|name| name.ends_with(".json")) {
            fs::copy(partitions.join(name), folder.join("partitions").join(name))
                .context("copying a partition")?;
        }
    }
    let python = workspace.package_environment().join("bin/python");
    let mut sizes = Command::new(python);
    sizes.arg(workspace.script("sizes.py")).arg(&lambda);
    run_checked(&mut sizes, "measure the packages")?;
    println!(
        "{} functions for {} in {:.0} s; none needs more than glibc {}.{}",
        fs::read_dir(&lambda)?
            .filter(|entry| entry.as_ref().is_ok_and(|e| e.path().is_dir()))
            .count(),
        architecture.triple(),
        since.elapsed().as_secs_f32(),
        GLIBC.0,
        GLIBC.1,
    );
    Ok(ExitCode::SUCCESS)
}

/// Builds the release binaries of some packages in one call of cargo; the folder they are in.
pub(crate) fn build(
    workspace: &Workspace,
    architecture: Architecture,
    packages: &[&str],
) -> Result<PathBuf> {
    create_package_environment(workspace)?;
    add_target(architecture)?;
    println!("Building for {}", architecture.triple());
    let tools = workspace.package_environment().join("bin");
    let mut command = Command::new(tools.join("cargo-zigbuild"));
    command
        .args(["zigbuild", "--release", "--locked", "--bins"])
        .args(["--target", &format!("{}.{}.{}", architecture.triple(), GLIBC.0, GLIBC.1)])
        .args(packages.iter().flat_map(|name| ["--package", name]))
        .env("PATH", first_on_path(&tools)?)
        .current_dir(&workspace.root);
    set_flags(&mut command, architecture, workspace);
    run_checked(&mut command, "build the functions")?;
    Ok(workspace.target.join(architecture.triple()).join("release"))
}

/// The services: the folders of `functions/`, each a package of that name.
pub(crate) fn services(workspace: &Workspace) -> Result<Vec<String>> {
    names(&workspace.root.join("functions"))
}

/// The operations of the services: their binaries.
fn operations(workspace: &Workspace, services: &[String]) -> Result<Vec<String>> {
    let mut operations = Vec::new();
    for service in services {
        let files = names(&workspace.root.join("functions").join(service).join("src/bin"))?;
        operations.extend(files.iter().map(|file| file.trim_end_matches(".rs").to_owned()));
    }
    Ok(operations)
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// The standard library of the processor, where rustup keeps it.
fn add_target(architecture: Architecture) -> Result<()> {
    if architecture == Architecture::host() {
        return Ok(());
    }
    let mut command = Command::new("rustup");
    command.args(["--quiet", "target", "add", architecture.triple()]);
    run_checked(&mut command, "add the processor's standard library")
}

fn first_on_path(folder: &Path) -> Result<OsString> {
    let rest = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_path_buf()).chain(env::split_paths(&rest));
    env::join_paths(folders).context("PATH")
}

/// Compiles as [`Architecture::flags`] says, and replaces the folders of this machine in what Rust
/// and C write into a binary.
fn set_flags(command: &mut Command, architecture: Architecture, workspace: &Workspace) {
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cargo = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    // The last that fits is taken: the target folder may be inside of the checkout.
    let folders = [(&cargo, "/cargo"), (&workspace.root, "/src"), (&workspace.target, "/target")];
    let hidden = |option: &str| -> Vec<String> {
        folders.iter().map(|(from, to)| format!("{option}={}={to}", from.display())).collect()
    };
    let mut rust = hidden("--remap-path-prefix");
    rust.extend(architecture.flags().iter().map(|flag| (*flag).to_owned()));
    command
        .env("CARGO_ENCODED_RUSTFLAGS", rust.join("\u{1f}"))
        .env("CFLAGS", hidden("-ffile-prefix-map").join(" "));
}
