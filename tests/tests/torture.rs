//! The torture, briefly. Alone on its stack while it runs, as cargo runs one test binary after the
//! other: it changes the environments of the functions, and gives them back.

use testkit::{Outcome, Stack, ensure};
use tests::torture::{Settings, run};

#[test]
fn i2_i5_i7_i11_hold_while_the_table_fails_and_everybody_acts_at_once() -> Outcome {
    let settings = Settings { steps: 300, seed: 1, workers: 6, per_mille: 70 };
    let report = run(Stack::get()?, settings, &|_| {})?;
    println!("{report}");
    let busy = report.weight().into_iter().all(|times| times > 5) && report.scans() > 0;
    ensure(report.is_clean() && busy, format!("{report}"))
}
