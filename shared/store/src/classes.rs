//! By which types and dates the records of a vault are found. Neither stands in clear anywhere: a
//! record has a place under a token of its type, and one under a token of its type and year
//! (docs/adr/0015-records-by-type.md).

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Date, PatientId, RecordId,
    names::Named,
    record::{Class, RecordType},
};
use serde::{Deserialize, Serialize};

use crate::{
    error::Fault,
    keys,
    table::{Attributes, Item, NothingClear, sealed_item},
    vault::DataKey,
};

/// The attribute of a vault that holds the tokens of all types and of all years its records have.
pub(crate) const IN_USE: &str = "classes";

/// The years that are told apart. All before count as one, and so do all after.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2155;

/// A record's place: the sealed part, all that a list needs to pass it by.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClassPlace {
    /// The day it speaks of.
    pub date: Date,
}

/// The items of a record's places.
pub(crate) fn places(
    of: PatientId,
    id: RecordId,
    class: Class,
    key: &DataKey,
) -> Result<[Attributes; 2], Fault> {
    let content = ClassPlace { date: class.date };
    let place = |token: String| {
        sealed_item(&keys::record_in_class(of, &token, id), key, &NothingClear {}, &content)
    };
    Ok([
        place(key.token(class.kind.name()))?,
        place(key.token(&both(class.kind, year(class.date))))?,
    ])
}

/// What a vault holds whose records are of `classes`: an attribute of its item.
#[must_use]
pub fn in_use(classes: &[Class], key: &DataKey) -> (String, AttributeValue) {
    let tokens: BTreeSet<_> = classes.iter().flat_map(|class| tokens(*class, key)).collect();
    (IN_USE.to_owned(), AttributeValue::Ss(tokens.into_iter().collect()))
}

/// What `vault` does not hold yet when it gets a record of this class.
pub(crate) fn missing(vault: &Item, class: Class, key: &DataKey) -> Vec<String> {
    let held = held(vault);
    tokens(class, key).into_iter().filter(|token| !held.contains(token.as_str())).collect()
}

fn tokens(class: Class, key: &DataKey) -> [String; 2] {
    [key.token(class.kind.name()), key.token(&year(class.date).to_string())]
}

/// The tokens under which the records of `types` stand whose dates lie from `from` to `to`, as far
/// as `vault` has any, each with its type. Records of the first and the last year may lie outside.
#[must_use]
pub fn runs(
    vault: &Item,
    types: &[RecordType],
    (from, to): (Option<Date>, Option<Date>),
    key: &DataKey,
) -> HashMap<String, RecordType> {
    let held = held(vault);
    let has = |word: &str| held.contains(key.token(word).as_str());
    let types = types.iter().filter(|kind| has(kind.name()));
    if from.is_none() && to.is_none() {
        return types.map(|kind| (key.token(kind.name()), *kind)).collect();
    }
    let (first, last) =
        (from.map_or(i16::MIN, |from| from.year()), to.map_or(i16::MAX, |to| to.year()));
    let years: Vec<_> =
        (told_apart(first)..=told_apart(last)).filter(|year| has(&year.to_string())).collect();
    types
        .flat_map(|kind| years.iter().map(|year| (key.token(&both(*kind, *year)), *kind)))
        .collect()
}

fn held(vault: &Item) -> BTreeSet<&str> {
    let held = vault.attributes.get(IN_USE).and_then(|tokens| tokens.as_ss().ok());
    held.into_iter().flatten().map(String::as_str).collect()
}

fn year(date: Date) -> i16 {
    told_apart(date.year())
}

fn told_apart(year: i16) -> i16 {
    year.clamp(YEARS.start() - 1, YEARS.end() + 1)
}

fn both(kind: RecordType, year: i16) -> String {
    format!("{} {year}", kind.name())
}

#[cfg(test)]
mod tests {
    use RecordType::{Imaging, LabReport, Referral};
    use domain::record::RecordType;

    use super::*;
    use crate::{Owner, new_id};

    fn vault(of: PatientId, classes: &[Class], key: &DataKey) -> Item {
        let attributes = Attributes::from([in_use(classes, key)]);
        Item { key: keys::vault(Owner::Patient(of)), attributes }
    }

    /// The tokens of a record's places.
    fn placed(of: PatientId, class: Class, key: &DataKey) -> Vec<String> {
        let items = places(of, RecordId(new_id()), class, key).unwrap();
        let items = items.map(|attributes| Item::from_attributes(attributes).unwrap());
        items.map(|item| keys::classed_record(&item.key).unwrap().0.to_owned()).into()
    }

    #[test]
    fn a_record_is_met_once_by_all_runs_that_its_type_and_year_belong_to() {
        let (of, key) = (PatientId(new_id()), DataKey::new(&[1; 32]).unwrap());
        let date = |year| Date::new(year, 6, 15).unwrap();
        let years = [1, 1899, 1900, 2019, 2020, 2155, 2156, 9999];
        let of_year = |year| Class { kind: LabReport, date: date(year) };
        let classes: Vec<_> = years.into_iter().map(of_year).collect();
        let vault = vault(of, &classes, &key);
        let ends: Vec<_> = years.into_iter().map(|year| Some(date(year))).chain([None]).collect();
        for class in &classes {
            let placed = placed(of, *class, &key);
            for (from, to) in ends.iter().flat_map(|from| ends.iter().map(move |to| (*from, *to))) {
                let met = |types: &[RecordType]| {
                    let runs = runs(&vault, types, (from, to), &key);
                    placed.iter().filter_map(|token| runs.get(token)).copied().collect::<Vec<_>>()
                };
                let told_apart = |end: Option<Date>| end.map(year);
                let within = told_apart(from).is_none_or(|from| from <= year(class.date))
                    && told_apart(to).is_none_or(|to| to >= year(class.date));
                let expected: &[_] = if within { &[LabReport] } else { &[] };
                assert_eq!(met(&[LabReport, Imaging]), expected, "{class:?} {from:?} {to:?}");
                assert_eq!(met(&[Imaging]), [], "{class:?} {from:?} {to:?}");
            }
        }
    }

    #[test]
    fn nothing_is_asked_for_that_a_vault_does_not_hold() {
        let (of, key) = (PatientId(new_id()), DataKey::new(&[1; 32]).unwrap());
        let date = |year| Date::new(year, 6, 15).unwrap();
        let class = |kind, year| Class { kind, date: date(year) };
        let held = [class(LabReport, 2020), class(Imaging, 2024)];
        let (vault, empty) = (vault(of, &held, &key), vault(of, &[], &key));
        let types = [LabReport, Imaging, Referral];
        let cases = [
            ((None, None), 2),
            ((Some(date(2024)), None), 2),
            ((Some(date(2019)), Some(date(2024))), 4),
            ((Some(date(2021)), Some(date(2023))), 0),
            ((Some(date(2024)), Some(date(2020))), 0),
        ];
        for (dates, count) in cases {
            assert_eq!(runs(&vault, &types, dates, &key).len(), count, "{dates:?}");
            assert!(runs(&empty, &types, dates, &key).is_empty());
        }
    }

    #[test]
    fn a_vault_is_told_of_a_class_once() {
        let (of, key) = (PatientId(new_id()), DataKey::new(&[1; 32]).unwrap());
        let class = |kind, year| Class { kind, date: Date::new(year, 6, 15).unwrap() };
        let vault = vault(of, &[class(LabReport, 2020)], &key);
        let cases = [
            (class(LabReport, 2020), vec![]),
            (class(LabReport, 2021), vec![key.token("2021")]),
            (class(Imaging, 2020), vec![key.token("imaging")]),
            (class(Imaging, 1850), vec![key.token("imaging"), key.token("1899")]),
        ];
        for (class, expected) in cases {
            assert_eq!(missing(&vault, class, &key), expected, "{class:?}");
        }
    }
}
