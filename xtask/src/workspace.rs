//! Where things are in the checkout.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// The checkout and the folders the commands use in it.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    /// The checkout's top folder.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, wherever it is configured to be.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Asks cargo where the checkout builds to.
    pub(crate) fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().unwrap_or(manifest).to_path_buf();
        let output = cargo()
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
            .current_dir(&root)
            .output()
            .context("starting cargo metadata")?;
        let metadata: serde_json::Value =
            serde_json::from_slice(&output.stdout).context("reading cargo metadata")?;
        let target = metadata
            .get("target_directory")
            .and_then(serde_json::Value::as_str)
            .context("cargo metadata names no target folder")?
            .into();
        Ok(Self { root, target })
    }

    /// A path as given on the command line, taken from the checkout's top.
    pub(crate) fn path(&self, given: &Path) -> PathBuf {
        self.root.join(given)
    }

    /// Ignored by git: virtual environment, stacks, logs, packages.
    pub(crate) fn local(&self) -> PathBuf {
        self.root.join(".local")
    }

    /// The interpreter that carries the local stack's libraries.
    pub(crate) fn python(&self) -> PathBuf {
        self.local().join("venv/bin/python")
    }

    /// The virtual environment of the template's linters. The local stack's libraries have
    /// another one: the two pin different versions.
    pub(crate) fn lint_environment(&self) -> PathBuf {
        self.local().join("lint-venv")
    }

    /// The virtual environment of checkov, whose pins agree with neither.
    pub(crate) fn checkov_environment(&self) -> PathBuf {
        self.local().join("checkov-venv")
    }

    /// Programs that were compiled here, in its `bin`.
    pub(crate) fn tools(&self) -> PathBuf {
        self.local().join("tools")
    }

    /// The virtual environment of what app developers use.
    pub(crate) fn client_environment(&self) -> PathBuf {
        self.local().join("client-venv")
    }

    /// The virtual environment of the API reference's page.
    pub(crate) fn reference_environment(&self) -> PathBuf {
        self.local().join("reference-venv")
    }

    /// The virtual environment of the linker for other processors and an older glibc.
    pub(crate) fn package_environment(&self) -> PathBuf {
        self.local().join("package-venv")
    }

    /// A script of the local stack.
    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.root.join("xtask/local").join(name)
    }
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
