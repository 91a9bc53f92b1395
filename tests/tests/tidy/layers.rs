//! Dependencies point down, and what a layer knows stays in it.

use std::collections::BTreeSet;

use crate::checkout::{crates, read, rust_files, services, template_paths, without_tests};

/// The names a Cargo.toml depends on.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in read(manifest).lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies");
        } else if inside && let Some((name, _)) = line.split_once('=') {
            let name = name.trim().split('.').next().unwrap_or_default();
            names.insert(name.to_owned());
        }
    }
    names
}

#[test]
fn only_edge_knows_lambda_and_only_store_knows_table_files_and_keys() {
    let owners = [
        ("lambda_http", "shared/edge"),
        ("lambda_runtime", "shared/edge"),
        ("aws-sdk-dynamodb", "shared/store"),
        ("aws-sdk-s3", "shared/store"),
        ("aws-sdk-kms", "shared/store"),
        ("aws-lc-rs", "shared/store"),
    ];
    // The empty function is what the others are measured against.
    for member in crates().into_iter().filter(|member| member != "xtask/bench/empty") {
        let found = dependencies(&format!("{member}/Cargo.toml"));
        for (dependency, owner) in owners {
            assert!(member == owner || !found.contains(dependency), "{member}: {dependency}");
        }
    }
}

#[test]
fn dependencies_point_down() {
    let below = [
        ("shared/domain", vec!["edge", "store", "testkit"]),
        ("shared/store", vec!["edge", "testkit"]),
        ("shared/edge", vec!["testkit"]),
    ];
    for (member, above) in below {
        let found = dependencies(&format!("{member}/Cargo.toml"));
        for name in above.into_iter().map(str::to_owned).chain(services()) {
            assert!(!found.contains(&name), "{member} must not depend on {name}");
        }
    }
    for service in services() {
        let found = dependencies(&format!("functions/{service}/Cargo.toml"));
        assert!(!found.contains("testkit"), "{service} must not depend on testkit");
    }
}

#[test]
fn the_domain_is_pure() {
    let impure =
        ["async fn", ".await", "Timestamp::now", "now_v7", "std::env", "std::fs", "SystemTime"];
    for file in rust_files("shared/domain/src") {
        let text = read(&file);
        for word in impure {
            assert!(!without_tests(&text).contains(word), "{file}: {word}");
        }
    }
    let found = dependencies("shared/domain/Cargo.toml");
    for name in ["tokio", "aws-config", "reqwest", "rand"] {
        assert!(!found.contains(name), "domain must not depend on {name}");
    }
}

/// The prefixes of the table's keys, as `keys.rs` spells them: `RECORD#` and so on.
fn prefixes() -> BTreeSet<String> {
    let text = read("shared/store/src/keys.rs");
    let text = without_tests(&text);
    let strings = text.split('"').filter(|part| part.contains('#'));
    let prefix = |part: &str| part.split('#').next().unwrap_or_default().to_owned() + "#";
    let is_prefix = |part: &String| {
        part.len() > 2 && part.trim_end_matches('#').bytes().all(|b| b.is_ascii_uppercase())
    };
    strings.map(prefix).filter(is_prefix).collect()
}

#[test]
fn only_the_keys_module_spells_prefixes_of_the_table() {
    let prefixes = prefixes();
    assert!(prefixes.len() >= 10, "found only {prefixes:?}");
    for file in ["functions", "shared", "xtask"].into_iter().flat_map(rust_files) {
        if file == "shared/store/src/keys.rs" {
            continue;
        }
        let text = read(&file);
        for prefix in &prefixes {
            assert!(!without_tests(&text).contains(&format!("\"{prefix}")), "{file}: {prefix}");
        }
    }
}

#[test]
fn the_streams_filters_use_prefixes_of_the_keys() {
    let prefixes = prefixes();
    let templates: String = template_paths().iter().map(|path| read(path)).collect();
    let filters: Vec<_> = templates.split("\"prefix\":\"").skip(1).collect();
    assert!(!filters.is_empty());
    for filter in filters {
        let prefix = filter.split('"').next().unwrap_or_default();
        assert!(prefixes.contains(prefix), "{prefix}");
    }
}

/// Files whose code has a whole word: `keys::record`, but not `keys::records`.
fn files_with(word: &str) -> Vec<String> {
    let has = |path: &String| {
        let text = read(path);
        let mut rests = without_tests(&text).split(word).skip(1);
        rests.any(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
    };
    ["functions", "shared", "xtask"].into_iter().flat_map(rust_files).filter(has).collect()
}

/// A record changes with its entry in the register, or a list would not tell what there is.
#[test]
fn only_what_keeps_the_register_writes_records() {
    let writers = ["shared/store/src/rebuild.rs", "shared/store/src/records.rs"];
    let readers =
        ["functions/audit/src/names.rs", "shared/store/src/look.rs", "shared/store/src/texts.rs"];
    let named: BTreeSet<_> = files_with("keys::record").into_iter().collect();
    assert_eq!(named, [&writers[..], &readers].concat().into_iter().map(str::to_owned).collect());
    for reader in readers {
        for word in ["Update", "Change", "TransactWriteItem"] {
            assert!(!read(reader).contains(word), "{reader} only reads: {word}");
        }
    }
    // How far a text was read is all that changes without the entry.
    let without_entry = ["functions/documents/src/vaulted.rs", "shared/store/src/records.rs"];
    assert_eq!(files_with("text_update"), without_entry);
    // The table is written by `store::Change` alone, and the trail by its single entries.
    let table = "shared/store/src/table.rs";
    let change = "shared/store/src/change.rs";
    for write in ["TransactWriteItem", "put_new"] {
        assert_eq!(files_with(write), [change, table], "{write}");
    }
    for call in ["transact_write_items", "put_item"] {
        assert_eq!(files_with(call), [table], "{call}");
    }
    // Nothing but refusals is counted without a transaction.
    assert_eq!(files_with("update_item"), [table]);
    assert_eq!(files_with(".table.count"), ["shared/store/src/refusals.rs"]);
    for call in ["delete_item", "batch_write_item"] {
        assert_eq!(files_with(call), [""; 0], "{call}");
    }
}
