//! By which types and days the records of a vault are found. Neither stands in clear anywhere: a
//! record has a place under a token of its type, and others under tokens of its type and ever shorter
//! spans of days that hold its date (docs/adr/0015-records-by-type.md).

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

use crate::{
    error::Fault,
    keys::{self, Key, Range},
    table::{Attributes, Item, NothingClear, key_attributes, sealed_item},
    vault::DataKey,
};

/// The attribute that holds the tokens of a vault's classes.
pub(crate) const TOKENS: &str = "tokens";

/// The years that are told apart. All before count as one, and so do all after.
const YEARS: RangeInclusive<i16> = 1900..=2099;
/// The last day of a year, counted from 0, leap or not.
const LAST_OF_YEAR: i16 = 365;
/// How long the longest spans within a year are, in days. Each consists of four shorter ones, down to
/// single days.
const LONGEST: i16 = 64;
/// How many places a record has.
pub(crate) const PLACES: usize = 6;
/// From how many tokens on no more are noted: such a vault is searched as if it had records of every
/// class. It must never be raised, and no token taken away: a vault that was full would look as if
/// what is not noted were not there.
const FULL: usize = 256;
/// By how many runs a list sets out at most: each is a query.
const MOST_RUNS: usize = 32;

/// From when to when, both included; without one, there is no end to that side.
pub type Dates = (Option<Date>, Option<Date>);

/// A day: its year, and how many days of it were before.
type Day = (i16, i16);

const FIRST: Day = (i16::MIN, 0);
const LAST: Day = (i16::MAX, LAST_OF_YEAR);

/// A run of places: of the records of one type whose dates lie in one span of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    kind: RecordType,
    span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    All,
    Year(i16),
    /// The `nth` of a year's spans of so many days.
    Days {
        year: i16,
        length: i16,
        nth: i16,
    },
}

impl Run {
    /// Those that hold a record, the widest first.
    fn of(Class { kind, date }: Class) -> [Self; PLACES] {
        let (year, day) = day(date);
        let days = |length| Span::Days { year, length, nth: day / length };
        let [longest, long, short, one] = [LONGEST, 16, 4, 1].map(days);
        let spans = [Span::All, Span::Year(told_apart(year)), longest, long, short, one];
        spans.map(|span| Self { kind, span })
    }

    /// Its places, or those of the records made before `before`.
    #[must_use]
    pub fn range(self, of: PatientId, before: Option<RecordId>, key: &DataKey) -> Range {
        match self.span {
            Span::Days { .. } => keys::records_in_days(of, &self.token(key), before),
            _ => keys::records_in_class(of, &self.token(key), before),
        }
    }

    fn place(self, of: PatientId, id: RecordId, key: &DataKey) -> Key {
        match self.span {
            Span::Days { .. } => keys::record_in_days(of, &self.token(key), id),
            _ => keys::record_in_class(of, &self.token(key), id),
        }
    }

    fn token(self, key: &DataKey) -> String {
        let kind = self.kind.name();
        match self.span {
            Span::All => key.token(kind),
            Span::Year(year) => key.token(&format!("{kind} {year}")),
            Span::Days { year, length, nth } => key.token(&format!("{kind} {year} {length} {nth}")),
        }
    }
}

impl Span {
    fn ends(self) -> (Day, Day) {
        match self {
            Self::All => (FIRST, LAST),
            Self::Year(year) if year < *YEARS.start() => (FIRST, (year, LAST_OF_YEAR)),
            Self::Year(year) if year > *YEARS.end() => ((year, 0), LAST),
            Self::Year(year) => ((year, 0), (year, LAST_OF_YEAR)),
            Self::Days { year, length, nth } => {
                let first = nth * length;
                ((year, first), (year, LAST_OF_YEAR.min(first + length - 1)))
            }
        }
    }

    /// What it consists of, as far as the years matter; nothing where it is not divided.
    fn parts(self, (from, to): (Day, Day)) -> Vec<Self> {
        let days = |year, length, nths: RangeInclusive<i16>| {
            let begun = nths.filter(|nth| nth * length <= LAST_OF_YEAR);
            begun.map(|nth| Self::Days { year, length, nth }).collect()
        };
        match self {
            Self::All => (told_apart(from.0)..=told_apart(to.0)).map(Self::Year).collect(),
            Self::Year(year) if YEARS.contains(&year) => {
                days(year, LONGEST, 0..=LAST_OF_YEAR / LONGEST)
            }
            Self::Year(_) | Self::Days { length: 1, .. } => Vec::new(),
            Self::Days { year, length, nth } => days(year, length / 4, nth * 4..=nth * 4 + 3),
        }
    }
}

/// The items of a record's places. Sealed in each is the record's class, all that a list needs to pass
/// it by.
pub(crate) fn places(
    of: PatientId,
    id: RecordId,
    class: Class,
    key: &DataKey,
) -> Result<Vec<Attributes>, Fault> {
    let place = |run: Run| sealed_item(&run.place(of, id, key), key, &NothingClear {}, &class);
    Run::of(class).into_iter().map(place).collect()
}

/// The item of a vault whose records are of `classes`, for those who fill a table by themselves.
#[must_use]
pub fn classes_item(of: PatientId, classes: &[Class], key: &DataKey) -> Attributes {
    let tokens = classes.iter().flat_map(|class| noted(*class, key)).collect::<BTreeSet<_>>();
    let mut attributes = key_attributes(&keys::classes(of));
    attributes.insert(TOKENS.into(), AttributeValue::Ss(tokens.into_iter().collect()));
    attributes
}

/// Of which classes a vault has records, by their tokens: of which types, and of which types and years.
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
        noted(class, key).into_iter().filter(|token| !self.holds(token)).collect()
    }

    /// The runs, by their tokens, in which the records of `types` stand whose dates lie within
    /// `dates`, as far as there are any: each such record in one of them. Others in them may be of
    /// dates outside.
    #[must_use]
    pub fn runs(&self, types: &[RecordType], dates: Dates, key: &DataKey) -> HashMap<String, Run> {
        let Some(within) = within(dates) else { return HashMap::new() };
        let of_each_type = |span| types.iter().map(move |kind| Run { kind: *kind, span });
        let found = |run: Run| Some((run.token(key), run)).filter(|(token, _)| self.holds(token));
        if dates != (None, None) {
            let years = Span::All.parts(within).into_iter().flat_map(of_each_type);
            let by_year: HashMap<_, _> = years.filter_map(found).take(MOST_RUNS + 1).collect();
            if by_year.len() <= MOST_RUNS {
                return by_year;
            }
        }
        of_each_type(Span::All).filter_map(found).collect()
    }

    /// The runs that hold just those of a run whose dates lie within `dates`, beside whole years at
    /// most 14 for each end of these; nothing for a run that has no others, or that is not divided.
    #[must_use]
    pub fn parts(&self, of: Run, dates: Dates, key: &DataKey) -> Option<Vec<Run>> {
        let mut found = Vec::new();
        self.cover(of, within(dates)?, key, &mut found);
        (found != [of]).then_some(found)
    }

    fn cover(&self, run: Run, within: (Day, Day), key: &DataKey, found: &mut Vec<Run>) {
        let ((from, to), (first, last)) = (within, run.span.ends());
        let is_known = matches!(run.span, Span::Days { .. }) || self.holds(&run.token(key));
        if first > to || last < from || !is_known {
            return;
        }
        let is_within = from <= first && last <= to;
        let parts = if is_within { Vec::new() } else { run.span.parts(within) };
        if parts.is_empty() {
            found.push(run);
        }
        for span in parts {
            self.cover(Run { span, ..run }, within, key, found);
        }
    }

    fn holds(&self, token: &str) -> bool {
        self.is_full() || self.0.contains(token)
    }

    fn is_full(&self) -> bool {
        self.0.len() >= FULL
    }
}

/// The tokens of a class that are noted: of its type, and of its type and year.
fn noted(class: Class, key: &DataKey) -> [String; 2] {
    let [by_type, by_year, ..] = Run::of(class);
    [by_type, by_year].map(|run| run.token(key))
}

fn told_apart(year: i16) -> i16 {
    year.clamp(YEARS.start() - 1, YEARS.end() + 1)
}

fn day(date: Date) -> Day {
    (date.year(), date.day_of_year() - 1)
}

/// The first day and the last; `None` where there is none.
fn within((from, to): Dates) -> Option<(Day, Day)> {
    let first = from.map_or(FIRST, day);
    let ends_year = |to: Date| to.day_of_year() == to.days_in_year();
    let last = to.map_or(LAST, |to| match ends_year(to) {
        true => (to.year(), LAST_OF_YEAR),
        false => day(to),
    });
    (first <= last).then_some((first, last))
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

    /// In how many of the runs with these tokens a record is met.
    fn met(class: Class, tokens: &BTreeSet<String>) -> usize {
        let items = places(PatientId(new_id()), RecordId(new_id()), class, &key()).unwrap();
        let items = items.into_iter().map(|attributes| Item::from_attributes(attributes).unwrap());
        let its = items.map(|item| keys::classed_record(&item.key).unwrap().0.to_owned());
        its.filter(|token| tokens.contains(token)).count()
    }

    /// The tokens of the parts of a run, of the run itself where it has none.
    fn parted(held: &Classes, run: Run, dates: Dates) -> Vec<String> {
        let parts = held.parts(run, dates, &key()).unwrap_or_else(|| vec![run]);
        parts.into_iter().map(|run| run.token(&key())).collect()
    }

    #[test]
    fn a_record_is_met_once_where_its_type_and_date_are_asked_for() {
        let years = [1, 1899, 1900, 1999, 2000, 2001, 2020, 2099, 2100, 9999];
        let all: Vec<_> = years.map(|year| class(LabReport, year)).into();
        let ends: Vec<_> = all.iter().map(|class| Some(class.date)).chain([None]).collect();
        for held in [classes(&all), of_tokens(FULL)] {
            for dates in ends.iter().flat_map(|from| ends.iter().map(move |to| (*from, *to))) {
                let runs = held.runs(&[LabReport, Imaging], dates, &key());
                let parts = runs.values().flat_map(|run| parted(&held, *run, dates)).collect();
                let runs = runs.keys().cloned().collect();
                for class in &all {
                    let (coarse, exact) = (met(*class, &runs), met(*class, &parts));
                    let case = format!("{class:?} {dates:?} {coarse} {exact}");
                    assert!(coarse <= 1 && exact <= coarse, "{case}");
                    assert!(!is_within(*class, dates) || exact == 1, "{case}");
                    let is_divided = YEARS.contains(&class.date.year());
                    assert!(is_within(*class, dates) || !is_divided || exact == 0, "{case}");
                }
            }
        }
    }

    fn is_within(class: Class, (from, to): Dates) -> bool {
        from.is_none_or(|from| from <= class.date) && to.is_none_or(|to| class.date <= to)
    }

    /// Every day of a leap year, and of one that is none, by every day that dates may begin or end.
    #[test]
    fn parts_hold_just_the_days_that_are_asked_for() {
        for year in [2023, 2024] {
            let days: Vec<_> = Date::new(year, 1, 1)
                .unwrap()
                .series(jiff::Span::new().days(1))
                .take_while(|day| day.year() == year)
                .collect();
            let held = classes(&[class(LabReport, year)]);
            let its: Vec<BTreeSet<_>> = days
                .iter()
                .map(|date| {
                    Run::of(Class { kind: LabReport, date: *date })
                        .map(|run| run.token(&key()))
                        .into()
                })
                .collect();
            let halves = days.iter().flat_map(|day| [(Some(*day), None), (None, Some(*day))]);
            let pairs = days
                .iter()
                .step_by(7)
                .flat_map(|from| days.iter().step_by(11).map(move |to| (Some(*from), Some(*to))));
            for dates in halves.chain(pairs) {
                let runs = held.runs(&[LabReport], dates, &key());
                let parts: Vec<_> =
                    runs.values().flat_map(|run| parted(&held, *run, dates)).collect();
                assert!(parts.len() <= 28, "{dates:?}: {}", parts.len());
                assert!(dates.0.is_some() && dates.1.is_some() || parts.len() <= 14, "{dates:?}");
                for (date, its) in days.iter().zip(&its) {
                    let met = parts.iter().filter(|token| its.contains(*token)).count();
                    let expected = is_within(Class { kind: LabReport, date: *date }, dates);
                    assert_eq!(met, usize::from(expected), "{date} {dates:?}");
                }
            }
        }
    }

    /// A vault that holds so many tokens.
    fn of_tokens(count: usize) -> Classes {
        let years = (1900..2100)
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
            let runs = held.runs(both, dates, &key());
            let mut types: Vec<_> = runs.into_values().map(|run| run.kind).collect();
            types.sort();
            let mut expected = expected.to_vec();
            expected.sort();
            assert_eq!(types, expected, "{dates:?}");
        }
        assert!(classes(&[]).runs(both, (None, None), &key()).is_empty());
    }

    #[test]
    fn a_list_sets_out_by_types_where_it_would_go_by_too_many_years() {
        let many: Vec<_> = (1980..2020).map(|year| class(LabReport, year)).collect();
        let many = classes(&many);
        for (year, runs, years) in [(1988, 32, 31), (1987, 1, 32)] {
            let dates = (Some(class(LabReport, year).date), None);
            let found = many.runs(&[LabReport, Imaging], dates, &key());
            assert_eq!(found.len(), runs);
            // The rest of 15 June is that day, 3, 2 and 2 spans within the next longer ones.
            let parts = found.values().flat_map(|run| parted(&many, *run, dates)).count();
            assert!((years + 4..=years + 14).contains(&parts), "{parts}");
        }
    }

    #[test]
    fn a_vault_of_too_many_classes_is_searched_as_if_it_had_all() {
        let year = (Some(class(LabReport, 2000).date), Some(class(LabReport, 2000).date));
        for (tokens, runs, missing) in [(255, 0, 2), (256, 2, 0), (257, 2, 0)] {
            let held = of_tokens(tokens);
            let found = held.runs(&[LabReport, Imaging], year, &key());
            assert_eq!((held.0.len(), found.len()), (tokens, runs));
            let found = found.into_keys().collect();
            assert!(runs == 0 || met(class(LabReport, 2000), &found) == 1);
            assert_eq!(held.missing(class(LabReport, 2000), &key()).len(), missing);
            let since = held.runs(&[LabReport, Imaging], (year.0, None), &key());
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
