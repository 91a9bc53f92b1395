//! `docs/KEYS.md` charts what `keys.rs` makes.

use std::collections::BTreeSet;

use crate::checkout::{read, without_tests};

/// The public functions of `keys.rs` that make a key or a range.
fn makers() -> BTreeSet<String> {
    let text = read("shared/store/src/keys.rs");
    let functions = without_tests(&text).split("\npub fn ").skip(1);
    let makes = |text: &&str| {
        let signature = text.split('{').next().unwrap_or_default();
        let result = signature.rsplit("->").next().unwrap_or_default().trim();
        ["Key", "Range"].contains(&result)
    };
    functions.filter(makes).filter_map(|text| text.split('(').next()).map(str::to_owned).collect()
}

/// The first column of a chart in `docs/KEYS.md`, names in backticks.
fn chart(heading: &str) -> BTreeSet<String> {
    let text = read("docs/KEYS.md");
    let chart = text.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_default();
    let chart = chart.split("\n## ").next().unwrap_or_default();
    let rows = chart.lines().filter(|line| line.starts_with("| `"));
    let names = rows.filter_map(|row| row.split('|').nth(1));
    names.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn the_charts_hold_every_key_and_range_and_nothing_else() {
    let mut charted = chart("Keys");
    charted.extend(chart("Ranges"));
    assert!(makers().len() > 15, "found only {:?}", makers());
    assert_eq!(charted, makers());
}

#[test]
fn the_chart_of_keys_spells_every_prefix() {
    let code = read("shared/store/src/keys.rs");
    let text = read("docs/KEYS.md");
    for part in without_tests(&code).split('"').skip(1).step_by(2) {
        let prefix = part.split('#').next().unwrap_or_default();
        let is_prefix = part.contains('#') && prefix.bytes().all(|b| b.is_ascii_uppercase());
        assert!(!is_prefix || text.contains(&format!("{prefix}#")), "{prefix}# is not charted");
    }
}
