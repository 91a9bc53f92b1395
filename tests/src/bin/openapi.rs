//! Writes `docs/openapi.json`. `cargo xtask openapi` calls this.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    fs::write(path, tests::reference::text())
}
