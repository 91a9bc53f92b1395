//! Holds a process to a share of a CPU, as Lambda does by its memory size (AWS Lambda Developer
//! Guide: one vCPU at 1 769 MB), through the CPU controller of cgroup v1 or v2.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// How often a process gets its share, in microseconds. Lambda's own period is not documented.
const PERIOD: u64 = 20_000;

/// A group whose processes share a part of a CPU.
pub(crate) struct Share {
    folder: PathBuf,
}

impl Share {
    /// Our group of that number, with `share` of a CPU. Fails where the machine does not let us make one.
    pub(crate) fn new(number: usize, share: f64) -> Result<Self> {
        let quota = (share * PERIOD as f64).round();
        let (root, limits) = match Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
            true => ("/sys/fs/cgroup", vec![("cpu.max", format!("{quota} {PERIOD}"))]),
            false => (
                "/sys/fs/cgroup/cpu",
                vec![
                    ("cpu.cfs_period_us", PERIOD.to_string()),
                    ("cpu.cfs_quota_us", quota.to_string()),
                ],
            ),
        };
        let name = format!("medivault-bench-{}-{number}", std::process::id());
        let group = Self { folder: Path::new(root).join(name) };
        fs::create_dir(&group.folder).context("making a group for the CPU share")?;
        for (file, value) in limits {
            fs::write(group.folder.join(file), value).with_context(|| format!("writing {file}"))?;
        }
        Ok(group)
    }

    /// Puts a process and all its threads in.
    pub(crate) fn hold(&self, process: u32) -> Result<()> {
        let file = self.folder.join("cgroup.procs");
        fs::write(file, process.to_string()).context("holding a process to its CPU share")
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // What cannot be removed now is empty, and goes with the machine.
        let _ = fs::remove_dir(&self.folder);
    }
}
