//! Reads the terms of a request or a grant from a body.

use std::collections::BTreeSet;

use domain::{
    consent::{DurationLimits, LONGEST_GRANT_SECONDS, MOST_READS, SHORTEST_GRANT_SECONDS, Terms},
    names::Named,
    record::{Dates, RecordType},
};
use edge::{
    Read, Reader,
    kind::{custom, date, named, names, number, set},
};
use serde_json::{Value, json};

/// The shortest grant here: an hour, unless the environment of a test stack says otherwise.
fn limits() -> DurationLimits {
    let shortest = std::env::var("SHORTEST_GRANT_SECONDS").ok();
    let shortest = shortest.and_then(|seconds| seconds.parse().ok());
    let shortest = shortest.unwrap_or(SHORTEST_GRANT_SECONDS);
    DurationLimits { shortest, longest: LONGEST_GRANT_SECONDS }
}

/// Reads terms from the fields under `at`, a JSON pointer that is empty for the body itself.
///
/// # Errors
/// When a field is missing or wrong; the reader knows which.
pub(crate) fn read_terms(read: &Reader<'_>, at: &str) -> Read<Terms> {
    let DurationLimits { shortest, longest } = limits();
    let actions = read.field(&format!("{at}/actions"), set(named()));
    let types = read.field(&format!("{at}/types"), custom(types, types_schema));
    let from = read.optional(&format!("{at}/from"), date());
    let to = read.optional(&format!("{at}/to"), date());
    let purpose = read.field(&format!("{at}/purpose"), named());
    let duration = number(u64::from(shortest), u64::from(longest));
    let duration = read.field(&format!("{at}/durationSeconds"), duration);
    let max_reads = read.optional(&format!("{at}/maxReads"), number(1, u64::from(MOST_READS)));
    let Some(Dates { from, to }) = Dates::between(from?, to?) else {
        return read.reject(&format!("{at}/to"), "must not be before from");
    };
    Ok(Terms {
        actions: actions?,
        types: types?,
        from,
        to,
        purpose: purpose?,
        duration_seconds: small(duration?),
        max_reads: max_reads?.map(small),
    })
}

/// Both numbers were read within limits that fit.
fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Types by name; `all` stands for every type that is not sensitive.
fn types(value: &Value) -> Result<BTreeSet<RecordType>, String> {
    let names = value.as_array().filter(|names| !names.is_empty());
    let names = names.ok_or("must be a list of at least one type")?;
    let mut types = BTreeSet::new();
    for (n, name) in names.iter().enumerate() {
        if names.iter().skip(n + 1).any(|other| other == name) {
            return Err("must hold no type twice".into());
        }
        match name.as_str() {
            Some("all") => types.extend(Terms::all_ordinary_types()),
            Some(name) => _ = types.insert(RecordType::from_name(name).ok_or_else(unknown)?),
            None => return Err(unknown()),
        }
    }
    Ok(types)
}

fn unknown() -> String {
    format!("must hold only: all, {}", names::<RecordType>().join(", "))
}

fn types_schema() -> Value {
    let names = [vec!["all"], names::<RecordType>()].concat();
    json!({
        "description": "`all` stands for every type that is not sensitive.",
        "type": "array",
        "items": { "type": "string", "enum": names },
        "minItems": 1,
        "uniqueItems": true,
    })
}
