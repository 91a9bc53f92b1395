//! Every invariant is named by a test.

use std::collections::BTreeSet;

use crate::checkout::{read, rust_files};

/// Invariants of what is not built yet. Each leaves the list with its first test.
const NOT_YET: [(u32, &str); 1] =
    [(3, "nothing changes a record's version yet: amendments are to come")];

#[test]
fn every_invariant_has_a_test_named_after_it() {
    let mut named = BTreeSet::new();
    for file in ["functions", "shared", "tests", "xtask"].into_iter().flat_map(rust_files) {
        let text = read(&file);
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if !line.starts_with("#[test]") && !line.starts_with("#[tokio::test") {
                continue;
            }
            let function = lines.find(|line| line.contains("fn ")).unwrap_or_default();
            let name = function.split("fn ").nth(1).unwrap_or_default();
            let number = name.strip_prefix('i').and_then(|rest| rest.split('_').next());
            named.extend(number.and_then(|digits| digits.parse::<u32>().ok()));
        }
    }
    for number in 1..=11 {
        let excused = NOT_YET.iter().any(|(listed, _)| *listed == number);
        assert_ne!(named.contains(&number), excused, "tests named after I{number}");
    }
}
