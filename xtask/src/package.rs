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

use anyhow::{Context as _, Result, bail};

use crate::process::run_checked;
use crate::setup::create_package_environment;
use crate::workspace::Workspace;

/// The glibc of Amazon Linux 2023, on which `provided.al2023` stands.
const GLIBC: (u32, u32) = (2, 34);

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
        check_glibc(&operation, &fs::read(&binary)?)?;
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
    hide_paths(&mut command, workspace);
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

/// Replaces the folders of this machine, in what Rust and C write into a binary.
fn hide_paths(command: &mut Command, workspace: &Workspace) {
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cargo = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    // The last that fits is taken: the target folder may be inside of the checkout.
    let folders = [(&cargo, "/cargo"), (&workspace.root, "/src"), (&workspace.target, "/target")];
    let flags = |option: &str| -> Vec<String> {
        folders.iter().map(|(from, to)| format!("{option}={}={to}", from.display())).collect()
    };
    command
        .env("CARGO_ENCODED_RUSTFLAGS", flags("--remap-path-prefix").join("\u{1f}"))
        .env("CFLAGS", flags("-ffile-prefix-map").join(" "));
}

/// Refuses a binary that would not start for want of a symbol.
fn check_glibc(operation: &str, binary: &[u8]) -> Result<()> {
    match newest_glibc(binary) {
        Some(needed) if needed > GLIBC => {
            bail!("{operation} needs glibc {}.{}, Lambda has {GLIBC:?}", needed.0, needed.1)
        }
        Some(_) => Ok(()),
        None => bail!("{operation} is not linked with glibc"),
    }
}

/// The newest version of glibc that a binary names: each symbol's stands in its string table.
fn newest_glibc(binary: &[u8]) -> Option<(u32, u32)> {
    let mark = b"GLIBC_";
    let versions = binary.windows(mark.len()).enumerate().filter(|(_, bytes)| bytes == mark);
    let version = |at: usize| {
        let rest = binary.get(at + mark.len()..)?.split(|byte| *byte == 0).next()?;
        let (major, minor) = std::str::from_utf8(rest).ok()?.split_once('.')?;
        Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
    };
    versions.filter_map(|(at, _)| version(at)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_counts_by_number() {
        let binary = b"\x7fELF\0GLIBC_2.9\0memcpy\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_PRIVATE\0";
        assert_eq!(newest_glibc(binary), Some((2, 34)));
        assert_eq!(newest_glibc(b"\x7fELF"), None);
        assert!(check_glibc("f", binary).is_ok());
        assert!(check_glibc("f", b"GLIBC_2.35\0").is_err());
        assert!(check_glibc("f", b"").is_err());
    }
}
