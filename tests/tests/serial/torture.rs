//! The torture, briefly. It changes the environments of the functions, and gives them back.

use testkit::{Outcome, ensure};
use tests::torture::{Settings, run};

use crate::alone;

#[test]
fn i2_i5_i7_i11_hold_while_the_table_fails_and_everybody_acts_at_once() -> Outcome {
    let settings = Settings { steps: 300, seed: 1, workers: 6, per_mille: 70 };
    let (_alone, stack) = alone()?;
    let report = run(stack, settings, &|_| {})?;
    println!("{report}");
    let busy = report.weight().into_iter().all(|times| times > 5) && report.scans() > 0;
    ensure(report.is_clean() && busy, format!("{report}"))
}
