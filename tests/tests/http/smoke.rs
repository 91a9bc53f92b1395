//! `cargo xtask smoke`, on the running stack and where there is none.

use std::{
    path::Path,
    process::{Command, Output},
};

use testkit::{Outcome, Stack, ensure};

fn smoke(endpoint: &str) -> Outcome<Output> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/local/smoke.py");
    Ok(Command::new("python3").arg(script).args(["--endpoint", endpoint]).output()?)
}

#[test]
fn a_deployment_passes_from_outside() -> Outcome {
    let output = smoke(&Stack::get()?.api_url)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure(output.status.success(), format!("it passes: {said}"))?;
    ensure(String::from_utf8_lossy(&output.stdout).lines().count() == 9, "in nine checks")
}

#[test]
fn a_wrong_address_fails_and_says_why() -> Outcome {
    let api = &Stack::get()?.api_url;
    for (endpoint, why) in [
        ("http://127.0.0.1:9".to_owned(), "nothing answers at http://127.0.0.1:9"),
        ("http://example.org".to_owned(), "is not https"),
        ("medivault".to_owned(), "is not an address of HTTP"),
        (format!("{api}/elsewhere"), "a closed route"),
    ] {
        let output = smoke(&endpoint)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure(output.status.code() == Some(1), format!("{endpoint} fails"))?;
        ensure(said.contains(why) && !said.contains("Traceback"), format!("{endpoint}: {said}"))?;
    }
    Ok(())
}
