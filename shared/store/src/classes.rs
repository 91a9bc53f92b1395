//! By which types and years the records of a vault are found. Neither stands in clear anywhere: a
//! record has a place under a token of its type, and one under a token of its type and year
//! (docs/adr/0015-records-by-type.md).

use std::{
    collections::{BTreeSet, HashMap},
    ops::RangeInclusive,
};

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
    table::{Attributes, Item, NothingClear, key_attributes, sealed_item},
    vault::DataKey,
};

/// The attribute that holds the tokens of a vault's classes.
pub(crate) const TOKENS: &str = "tokens";

/// The years that are told apart. All before count as one, and so do all after.
const YEARS: RangeInclusive<i16> = 1970..=2069;
/// From how many tokens on no more are noted: such a vault is searched as if it had records of every
/// class. It must never be raised, and no token taken away: a vault that was full would look as if
/// what is not noted were not there.
const FULL: usize = 256;
/// By how many runs a list goes at most: each is a query, and all are asked at once.
const MOST_RUNS: usize = 32;

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
    let place = |token: &String| {
        sealed_item(&keys::record_in_class(of, token, id), key, &NothingClear {}, &content)
    };
    let [by_type, by_year] = &tokens(class, key);
    Ok([place(by_type)?, place(by_year)?])
}

/// The item of a vault whose records are of `classes`, for those who fill a table by themselves.
#[must_use]
pub fn classes_item(of: PatientId, classes: &[Class], key: &DataKey) -> Attributes {
    let tokens = classes.iter().flat_map(|class| tokens(*class, key)).collect::<BTreeSet<_>>();
    let mut attributes = key_attributes(&keys::classes(of));
    attributes.insert(TOKENS.into(), AttributeValue::Ss(tokens.into_iter().collect()));
    attributes
}

/// Of which classes a vault has records, by their tokens.
#[derive(Debug)]
pub struct Classes(BTreeSet<String>);

impl Classes {
    /// What the item says, which is there from the first record on.
    pub(crate) fn read(item: Option<&Item>) -> Result<Self, Fault> {
        let Some(item) = item else { return Ok(Self(BTreeSet::new())) };
        let tokens = item.attributes.get(TOKENS).and_then(|tokens| tokens.as_ss().ok());
        Ok(Self(tokens.ok_or(Fault::Corrupt("classes"))?.iter().cloned().collect()))
    }

    /// The tokens that have to be added for a record of this class.
    pub(crate) fn missing(&self, class: Class, key: &DataKey) -> Vec<String> {
        tokens(class, key).into_iter().filter(|token| !self.holds(token)).collect()
    }

    /// Under which tokens the records of `types` stand whose dates lie from `from` to `to`, each
    /// with its type, as far as there are any. Each such record stands under one of them; others
    /// under them may be of dates outside.
    #[must_use]
    pub fn tokens_of(
        &self,
        types: &[RecordType],
        (from, to): (Option<Date>, Option<Date>),
        key: &DataKey,
    ) -> HashMap<String, RecordType> {
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return HashMap::new();
        }
        let held = |found: &(String, RecordType)| self.holds(&found.0);
        if from.is_some() || to.is_some() {
            let first = told_apart(from.map_or(i16::MIN, Date::year));
            let last = told_apart(to.map_or(i16::MAX, Date::year));
            let of_years = |kind: &RecordType| {
                let kind = *kind;
                (first..=last).map(move |year| (key.token(&of_type_and_year(kind, year)), kind))
            };
            let by_year = types.iter().flat_map(of_years).filter(held);
            let by_year: HashMap<_, _> = by_year.take(MOST_RUNS + 1).collect();
            if by_year.len() <= MOST_RUNS {
                return by_year;
            }
        }
        let of_type = |kind: &RecordType| (key.token(kind.name()), *kind);
        types.iter().map(of_type).filter(held).collect()
    }

    fn holds(&self, token: &str) -> bool {
        self.is_full() || self.0.contains(token)
    }

    fn is_full(&self) -> bool {
        self.0.len() >= FULL
    }
}

/// The tokens of a class: of its type, and of its type and year.
fn tokens(Class { kind, date }: Class, key: &DataKey) -> [String; 2] {
    let year = told_apart(date.year());
    [key.token(kind.name()), key.token(&of_type_and_year(kind, year))]
}

fn of_type_and_year(kind: RecordType, year: i16) -> String {
    format!("{} {year}", kind.name())
}

fn told_apart(year: i16) -> i16 {
    year.clamp(YEARS.start() - 1, YEARS.end() + 1)
}

#[cfg(test)]
mod tests {
    use RecordType::{Imaging, LabReport, Prescription, Referral, VisitNote};

    use super::*;
    use crate::new_id;

    fn key() -> DataKey {
        DataKey::new(&[1; 32]).unwrap()
    }

    fn class(kind: RecordType, year: i16) -> Class {
        Class { kind, date: Date::new(year, 6, 15).unwrap() }
    }

    fn classes(held: &[Class]) -> Classes {
        let attributes = classes_item(PatientId(new_id()), held, &key());
        Classes::read(Some(&Item::from_attributes(attributes).unwrap())).unwrap()
    }

    /// The types of the runs in which a record is met.
    fn met(class: Class, runs: &HashMap<String, RecordType>) -> Vec<RecordType> {
        let items = places(PatientId(new_id()), RecordId(new_id()), class, &key()).unwrap();
        let items = items.map(|attributes| Item::from_attributes(attributes).unwrap());
        let tokens = items.iter().map(|item| keys::classed_record(&item.key).unwrap().0);
        tokens.filter_map(|token| runs.get(token)).copied().collect()
    }

    #[test]
    fn a_record_is_met_once_where_its_type_and_date_are_asked_for() {
        let years = [1, 1969, 1970, 1999, 2000, 2001, 2020, 2069, 2070, 9999];
        let all: Vec<_> = years.map(|year| class(LabReport, year)).into();
        let ends: Vec<_> = all.iter().map(|class| Some(class.date)).chain([None]).collect();
        for held in [classes(&all), of_tokens(FULL)] {
            for (from, to) in ends.iter().flat_map(|from| ends.iter().map(move |to| (*from, *to))) {
                let runs = held.tokens_of(&[LabReport, Imaging], (from, to), &key());
                for class in &all {
                    let is_within = from.is_none_or(|from| from <= class.date)
                        && to.is_none_or(|to| class.date <= to);
                    let met = met(*class, &runs);
                    assert!(!is_within || met == [LabReport], "{class:?} {from:?} {to:?} {met:?}");
                    assert!(met.len() <= 1, "{class:?} {from:?} {to:?} {met:?}");
                }
            }
        }
    }

    /// A vault that holds so many tokens.
    fn of_tokens(count: usize) -> Classes {
        let years = (1970..2070)
            .map(|year| [Referral, VisitNote, Prescription].map(|kind| class(kind, year)));
        let all = classes(&years.flatten().collect::<Vec<_>>());
        Classes(all.0.into_iter().take(count).collect())
    }

    #[test]
    fn nothing_is_asked_for_that_a_vault_does_not_hold() {
        let held = classes(&[class(LabReport, 2020), class(Imaging, 2024), class(Referral, 2022)]);
        let date = |year| Some(class(LabReport, year).date);
        let (both, none): (&[_], &[_]) = (&[LabReport, Imaging], &[]);
        let cases = [
            ((None, None), both),
            ((date(2024), None), &[Imaging]),
            ((None, date(2020)), &[LabReport]),
            ((date(2019), date(2024)), both),
            // Records of other types make no difference (I10).
            ((date(2022), date(2022)), none),
            ((date(2024), date(2020)), none),
        ];
        for (dates, expected) in cases {
            let runs = held.tokens_of(both, dates, &key());
            let mut types: Vec<_> = runs.into_values().collect();
            types.sort();
            let mut expected = expected.to_vec();
            expected.sort();
            assert_eq!(types, expected, "{dates:?}");
        }
        assert!(classes(&[]).tokens_of(both, (None, None), &key()).is_empty());
    }

    #[test]
    fn a_list_goes_by_types_where_it_would_go_by_too_many_years() {
        let since = |year| (Some(class(LabReport, year).date), None);
        let many: Vec<_> = (1980..2020).map(|year| class(LabReport, year)).collect();
        let many = classes(&many);
        let count = |year| many.tokens_of(&[LabReport, Imaging], since(year), &key()).len();
        assert_eq!((count(1988), count(1987)), (32, 1));
    }

    #[test]
    fn a_vault_of_too_many_classes_is_searched_as_if_it_had_all() {
        let year = (Some(class(LabReport, 2000).date), Some(class(LabReport, 2000).date));
        for (tokens, runs, missing) in [(255, 0, 2), (256, 2, 0), (257, 2, 0)] {
            let held = of_tokens(tokens);
            let found = held.tokens_of(&[LabReport, Imaging], year, &key());
            assert_eq!((held.0.len(), found.len()), (tokens, runs));
            assert!(runs == 0 || met(class(LabReport, 2000), &found) == [LabReport]);
            assert_eq!(held.missing(class(LabReport, 2000), &key()).len(), missing);
            let since = held.tokens_of(&[LabReport, Imaging], (year.0, None), &key());
            assert_eq!(since.len(), runs, "by types, where there are too many years");
        }
    }

    #[test]
    fn a_class_is_noted_once() {
        let held = classes(&[class(LabReport, 2020)]);
        let cases =
            [(class(LabReport, 2020), 0), (class(LabReport, 2021), 1), (class(Imaging, 2020), 2)];
        for (class, count) in cases {
            assert_eq!(held.missing(class, &key()).len(), count, "{class:?}");
        }
    }
}
