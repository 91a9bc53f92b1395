//! By which types and days the records of a vault are found. Neither stands in clear anywhere: a
//! record has places under tokens of ever shorter spans of days that hold its date, among the records
//! of all types and among those of its own; the same again once others than its owner may see it
//! (docs/adr/0015-records-by-type.md).

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Date, PatientId, RecordId,
    names::Named,
    record::{Class, Dates, RecordType},
};
use serde::{Deserialize, Serialize};

use crate::{
    days::{Days, Overlap},
    error::Fault,
    keys::{self, Among, Key, Range},
    table::{Attributes, Item, NothingClear, key_attributes, sealed_item},
    vault::DataKey,
};

/// The attribute that holds the tokens of a vault's classes.
pub(crate) const TOKENS: &str = "tokens";

/// From how many tokens on no more are noted: such a vault is searched as if it had records of every
/// class. It must never be raised, and no token taken away: a vault that was full would look as if
/// what is not noted were not there.
const FULL: usize = 384;
/// By how many spans a list sets out at most: each is a query.
const MOST_SPANS: usize = 32;

/// A record's place: the sealed part, all that a list needs to pass it by. It is of the same length in
/// every place, and so tells nothing of the record's type (I6).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClassPlace {
    /// What it is about.
    #[serde(with = "of_one_length")]
    pub kind: RecordType,
    /// The day it speaks of.
    pub date: Date,
}

/// Types by names that are filled up with spaces.
mod of_one_length {
    use domain::{names::Named, record::RecordType};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// At least as long as every name.
    const LENGTH: usize = 24;

    pub(super) fn serialize<S: Serializer>(kind: &RecordType, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{:<LENGTH$}", kind.name()))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<RecordType, D::Error> {
        let name = String::deserialize(from)?;
        RecordType::from_name(name.trim_end()).ok_or_else(|| D::Error::custom("unknown type"))
    }
}

/// Among which places records are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Those of all types: a run holds all that is asked for, and may hold others. Where it may, it is of
    /// no more than a year: so it is asked for only where there are some of the types asked for (I10).
    AllTypes,
    /// Those of each type by itself.
    OwnType,
}

/// Records whose dates lie in the same days: of one type, or of whichever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    kind: Option<RecordType>,
    days: Days,
}

impl Span {
    /// Those that a record is in.
    fn of(Class { kind, date }: Class) -> impl Iterator<Item = Self> {
        Days::with(date).flat_map(move |days| [None, Some(kind)].map(|kind| Self { kind, days }))
    }

    /// The places in it, or those of the records made before `before`.
    #[must_use]
    pub fn range(
        self,
        of: PatientId,
        among: Among,
        before: Option<RecordId>,
        key: &DataKey,
    ) -> Range {
        match self.days {
            Days::Years { .. } => keys::records_in_class(of, among, &self.token(key), before),
            Days::Stretch { .. } => keys::records_in_days(of, among, &self.token(key), before),
        }
    }

    fn place(self, of: PatientId, among: Among, id: RecordId, key: &DataKey) -> Key {
        match self.days {
            Days::Years { .. } => keys::record_in_class(of, among, &self.token(key), id),
            Days::Stretch { .. } => keys::record_in_days(of, among, &self.token(key), id),
        }
    }

    fn token(self, key: &DataKey) -> String {
        let kind = self.kind.map_or("any", Named::name);
        key.token(&match self.days {
            Days::Years { first, count } => format!("{kind} {first} {count}"),
            Days::Stretch { year, first, last } => format!("{kind} {year} {first} {last}"),
        })
    }
}

/// The items of a record's places among these.
pub(crate) fn places(
    of: PatientId,
    among: Among,
    id: RecordId,
    class: Class,
    key: &DataKey,
) -> Result<Vec<Attributes>, Fault> {
    let content = ClassPlace { kind: class.kind, date: class.date };
    let place =
        |span: Span| sealed_item(&span.place(of, among, id, key), key, &NothingClear {}, &content);
    Span::of(class).map(place).collect()
}

/// The item of a vault whose records are of `classes`, for those who fill a table by themselves.
#[must_use]
pub fn classes_item(of: PatientId, classes: &[Class], key: &DataKey) -> Attributes {
    let tokens = classes.iter().flat_map(|class| noted(*class, key)).collect::<BTreeSet<_>>();
    let mut attributes = key_attributes(&keys::classes(of));
    attributes.insert(TOKENS.into(), AttributeValue::Ss(tokens.into_iter().collect()));
    attributes
}

/// Of which classes a vault has records, by their tokens: of which types, and of which types and years,
/// decades, centuries and millennia.
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

    /// The spans, by their tokens, that the records of `types` are in whose dates are among `dates`, as
    /// far as there are any: each such record is in one of them. Others in them may be of other dates,
    /// in the years in which `dates` begin and end, or in all where they would be too many. Where those
    /// of all types would be so, and may hold others, it is those of each type.
    #[must_use]
    pub fn spans(
        &self,
        types: &[RecordType],
        by: By,
        dates: Dates,
        key: &DataKey,
    ) -> HashMap<String, Span> {
        let may_hold_others = by == By::AllTypes && leaves_some_out(types);
        let kinds: Vec<_> = match by {
            By::AllTypes => vec![None],
            By::OwnType => types.iter().copied().map(Some).collect(),
        };
        let of_each = |dates| {
            let spans = kinds.iter().flat_map(move |kind| {
                let all = Span { kind: *kind, days: Days::ALL };
                self.cover(all, types, dates, are_noted, key)
            });
            spans.map(|span| (span.token(key), span)).collect::<HashMap<_, _>>()
        };
        // A full vault looks as if it had records in each of ten thousand years.
        let is_too_wide = may_hold_others && self.is_full();
        let spans = if is_too_wide { None } else { Some(of_each(dates)) };
        match spans.filter(|spans| spans.len() <= MOST_SPANS) {
            Some(spans) => spans,
            None if may_hold_others => self.spans(types, By::OwnType, dates, key),
            None => of_each(Dates::default()),
        }
    }

    /// The spans that just those records of a span are in whose dates are among `dates`, as far as there
    /// are any of `types`; nothing where there are no other dates in it. For each end of the dates they are
    /// 5 at most within its year, and 9 each of years, decades and centuries; beside these, 8 millennia, or
    /// 9 where one end is open.
    #[must_use]
    pub fn parts(
        &self,
        of: Span,
        types: &[RecordType],
        dates: Dates,
        key: &DataKey,
    ) -> Option<Vec<Span>> {
        Some(self.cover(of, types, dates, |_| true, key)).filter(|found| *found != [of])
    }

    /// The fewest spans of days, as far as they are `wanted`, that all records of a span are in whose
    /// dates are among `dates`.
    fn cover(
        &self,
        span: Span,
        types: &[RecordType],
        dates: Dates,
        wanted: fn(Days) -> bool,
        key: &DataKey,
    ) -> Vec<Span> {
        let overlap = span.days.overlap(dates);
        if overlap == Overlap::Nothing || !self.may_hold(span, types, key) {
            return Vec::new();
        }
        let may_be_whole =
            span.kind.is_some() || !leaves_some_out(types) || span.days.is_year_at_most();
        let is_within = may_be_whole && overlap == Overlap::Whole;
        let parts = if is_within { Vec::new() } else { span.days.parts(dates) };
        let mut parts = parts.into_iter().filter(|days| wanted(*days)).peekable();
        if parts.peek().is_none() {
            return vec![span];
        }
        parts
            .flat_map(|days| self.cover(Span { days, ..span }, types, dates, wanted, key))
            .collect()
    }

    /// Whether records of one of these types may be in a span.
    fn may_hold(&self, span: Span, types: &[RecordType], key: &DataKey) -> bool {
        let types = span.kind.as_ref().map_or(types, std::slice::from_ref);
        let mut spans = types.iter().map(|kind| Span { kind: Some(*kind), ..span });
        !are_noted(span.days) || spans.any(|span| self.holds(&span.token(key)))
    }

    fn holds(&self, token: &str) -> bool {
        self.is_full() || self.0.contains(token)
    }

    fn is_full(&self) -> bool {
        self.0.len() >= FULL
    }
}

/// Whether there are others than these types.
fn leaves_some_out(types: &[RecordType]) -> bool {
    types.len() < RecordType::NAMES.len()
}

/// Whether a vault notes that it has records in these.
fn are_noted(days: Days) -> bool {
    matches!(days, Days::Years { .. })
}

/// The tokens of a class that are noted.
fn noted(class: Class, key: &DataKey) -> Vec<String> {
    let noted = Span::of(class).filter(|span| span.kind.is_some() && are_noted(span.days));
    noted.map(|span| span.token(key)).collect()
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

    fn dates(from: Option<Date>, to: Option<Date>) -> Dates {
        Dates { from, to }
    }

    fn classes(held: &[Class]) -> Classes {
        let attributes = classes_item(PatientId(new_id()), held, &key());
        Classes::read(Some(&Item::from_attributes(attributes).unwrap())).unwrap()
    }

    /// In how many of these spans a record is met.
    fn met(class: Class, spans: &[Span]) -> usize {
        let (of, id) = (PatientId(new_id()), RecordId(new_id()));
        let places = places(of, Among::All, id, class, &key()).unwrap();
        let places = places.into_iter().map(|place| Item::from_attributes(place).unwrap().key);
        let places: BTreeSet<_> = places.map(|key| (key.pk, key.sk)).collect();
        let ranges = spans.iter().map(|span| span.range(of, Among::All, None, &key()));
        ranges
            .map(|range| (range.pk.clone(), range.first)..=(range.pk, range.last))
            .map(|range| places.range(range).count())
            .sum()
    }

    /// The parts of a span; itself where it has none.
    fn parted(held: &Classes, span: Span, dates: Dates) -> Vec<Span> {
        held.parts(span, &[LabReport], dates, &key()).unwrap_or_else(|| vec![span])
    }

    #[test]
    fn a_record_is_met_once_where_its_type_and_date_are_asked_for() {
        let years = [0, 1, 999, 1899, 1900, 1999, 2000, 2001, 2020, 2099, 2100, 9999];
        let all: Vec<_> = years.map(|year| class(LabReport, year)).into();
        let ends: Vec<_> = all.iter().map(|class| Some(class.date)).chain([None]).collect();
        let vaults = [classes(&all), of_tokens(FULL)];
        let cases = vaults.iter().flat_map(|held| [(held, By::AllTypes), (held, By::OwnType)]);
        for (held, by) in cases {
            for dates in ends.iter().flat_map(|from| ends.iter().map(|to| dates(*from, *to))) {
                let spans = held.spans(&[LabReport, Imaging], by, dates, &key());
                let spans: Vec<_> = spans.into_values().collect();
                let parts: Vec<_> =
                    spans.iter().flat_map(|span| parted(held, *span, dates)).collect();
                for class in &all {
                    let (coarse, exact) = (met(*class, &spans), met(*class, &parts));
                    let case = format!("{class:?} {by:?} {dates:?} {coarse} {exact}");
                    assert!(coarse <= 1 && exact <= coarse, "{case}");
                    assert_eq!(exact, usize::from(dates.hold(class.date)), "{case}");
                }
            }
        }
    }

    #[test]
    fn a_span_has_no_more_parts_than_this() {
        let (full, date) = (of_tokens(FULL), |date: &str| Some(date.parse().unwrap()));
        for (from, to, expected) in [
            // Days of a year, years, decades, centuries, millennia.
            (date("0000-01-02"), None, 5 + 9 + 9 + 9 + 9),
            (None, date("9999-12-29"), 5 + 9 + 9 + 9 + 9),
            (date("0000-01-02"), date("9999-12-29"), 5 + 2 * (9 + 9 + 9) + 5 + 8),
            (date("2000-01-02"), date("2026-12-29"), 5 + 9 + 1 + 6 + 5),
            (date("2024-01-02"), date("2024-12-29"), 10),
        ] {
            let dates = Dates { from, to };
            let parts =
                full.parts(Span { kind: Some(LabReport), days: Days::ALL }, &[], dates, &key());
            assert_eq!(parts.unwrap().len(), expected, "{from:?} {to:?}");
        }
    }

    /// Every day of a leap year, and of one that is none, by every day that dates may begin or end.
    #[test]
    fn parts_hold_just_the_days_that_are_asked_for() {
        let mut most = HashMap::<_, usize>::new();
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
                    Span::of(Class { kind: LabReport, date: *date })
                        .map(|span| span.token(&key()))
                        .collect()
                })
                .collect();
            let whole = dates(days.first().copied(), days.last().copied());
            let spans = held.spans(&[LabReport], By::OwnType, whole, &key());
            assert!(
                spans.values().all(|span| held.parts(*span, &[LabReport], whole, &key()).is_none())
            );
            let halves =
                days.iter().flat_map(|day| [dates(Some(*day), None), dates(None, Some(*day))]);
            let pairs = days
                .iter()
                .step_by(7)
                .flat_map(|from| days.iter().step_by(11).map(|to| dates(Some(*from), Some(*to))));
            for dates in halves.chain(pairs) {
                let spans = held.spans(&[LabReport], By::OwnType, dates, &key());
                let parts = spans.values().flat_map(|span| parted(&held, *span, dates));
                let parts: Vec<_> = parts.map(|span| span.token(&key())).collect();
                let most = most.entry((dates.from.is_some(), dates.to.is_some())).or_default();
                *most = parts.len().max(*most);
                for (date, its) in days.iter().zip(&its) {
                    let met = parts.iter().filter(|token| its.contains(*token)).count();
                    assert_eq!(met, usize::from(dates.hold(*date)), "{date} {dates:?}");
                }
            }
        }
        assert_eq!(most, [((true, false), 5), ((false, true), 5), ((true, true), 10)].into());
    }

    #[test]
    fn i6_a_place_tells_nothing_of_its_type_or_date_by_its_size() {
        let classes = RecordType::NAMES.iter().flat_map(|(kind, _)| {
            ["0001-01-01", "1999-12-31", "2024-02-29", "9999-12-31"]
                .map(|date| Class { kind: *kind, date: date.parse().unwrap() })
        });
        let sizes: BTreeSet<_> = classes
            .map(|class| (class, PatientId(new_id()), RecordId(new_id())))
            .map(|(class, of, id)| places(of, Among::All, id, class, &key()).unwrap())
            .map(|places| {
                let items = places.into_iter().map(|place| Item::from_attributes(place).unwrap());
                let size = |item: Item| (item.key.sk.len(), item.bytes("sealed").unwrap().len());
                items.map(size).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(sizes.len(), 1, "{sizes:?}");
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
            (dates(None, None), both),
            (dates(date(2024), None), &[Imaging]),
            (dates(None, date(2020)), &[LabReport]),
            (dates(date(2019), date(2024)), both),
            // Records of other types make no difference (I10).
            (dates(date(2022), date(2022)), none),
            (dates(date(2024), date(2020)), none),
        ];
        for (dates, expected) in cases {
            let spans = held.spans(both, By::OwnType, dates, &key());
            let types: BTreeSet<_> = spans.into_values().map(|span| span.kind).collect();
            assert_eq!(types, expected.iter().copied().map(Some).collect(), "{dates:?}");
            let of_all = held.spans(both, By::AllTypes, dates, &key());
            assert_eq!(of_all.is_empty(), expected.is_empty(), "{dates:?}");
        }
        assert!(classes(&[]).spans(both, By::OwnType, Dates::default(), &key()).is_empty());
    }

    /// A record of another type in a run makes no difference where none of those asked for is near (I10).
    #[test]
    fn i10_runs_of_all_types_are_of_years_in_which_there_are_some_that_are_asked_for() {
        let (lab, hidden) = (class(LabReport, 1981), class(Referral, 1985));
        let held = classes(&[lab, hidden]);
        let both = [LabReport, Imaging];
        let ends = ["0000-01-01", "1980-01-01", "1989-12-31", "9999-12-31"];
        let [first, begin, end, last] = ends.map(|day| Some(day.parse().unwrap()));
        for dates in [dates(begin, end), dates(first, last), dates(first, None), dates(None, end)] {
            let spans = held.spans(&both, By::AllTypes, dates, &key());
            let spans: Vec<_> = spans.into_values().collect();
            let parts: Vec<_> = spans
                .iter()
                .flat_map(|span| held.parts(*span, &both, dates, &key()).unwrap_or(vec![*span]))
                .collect();
            for found in [spans, parts] {
                assert_eq!((met(lab, &found), met(hidden, &found)), (1, 0), "{dates:?}");
            }
        }
        let all: Vec<_> = RecordType::NAMES.iter().map(|(kind, _)| *kind).collect();
        let spans = held.spans(&all, By::AllTypes, dates(begin, end), &key());
        assert_eq!(spans.len(), 1, "nothing is hidden: a decade is one run");
        // More years than a list asks for: by each type.
        for held in [
            of_tokens(FULL),
            classes(&(1950..1990).map(|y| class(LabReport, y)).collect::<Vec<_>>()),
        ] {
            let spans = held.spans(&both, By::AllTypes, dates(first, last), &key());
            assert!(spans.into_values().all(|span| span.kind.is_some()));
        }
    }

    #[test]
    fn the_records_of_all_types_in_a_year_are_one_run() {
        let both = [LabReport, Imaging];
        let held = classes(&both.map(|kind| class(kind, 2024)));
        let day = Some(class(LabReport, 2024).date);
        for (by, runs) in [(By::AllTypes, 1), (By::OwnType, 2)] {
            let found = held.spans(&both, by, dates(day, day), &key());
            let parts = found.values().flat_map(|span| parted(&held, *span, dates(day, day)));
            assert_eq!((found.len(), parts.count()), (runs, runs), "{by:?}");
        }
    }

    #[test]
    fn a_list_sets_out_by_types_where_it_would_go_by_too_many_years() {
        let types = [LabReport, Imaging];
        let many = types.map(|kind| (1980..2020).map(move |year| class(kind, year)));
        let many = classes(&many.into_iter().flatten().collect::<Vec<_>>());
        // Of each type 9 years, 2 decades and 3 years or 4, beside two that the dates part, by 5 and by 4.
        for (year, runs, expected) in [(2013, 32, 2 * (5 + 14 + 4)), (2014, 2, 2 * (5 + 15 + 4))] {
            let dates = dates(Some(class(LabReport, 1980).date), Some(class(LabReport, year).date));
            let found = many.spans(&types, By::OwnType, dates, &key());
            assert_eq!(found.len(), runs);
            let parts = found.values().flat_map(|span| parted(&many, *span, dates)).count();
            assert_eq!(parts, expected);
        }
    }

    #[test]
    fn a_vault_of_too_many_classes_is_searched_as_if_it_had_all() {
        let day = Some(class(LabReport, 2000).date);
        let year = dates(day, day);
        for (tokens, runs, notes_more) in [(383, 0, true), (384, 2, false), (385, 2, false)] {
            let held = of_tokens(tokens);
            let found = held.spans(&[LabReport, Imaging], By::OwnType, year, &key());
            assert_eq!((held.0.len(), found.len()), (tokens, runs));
            let found: Vec<_> = found.into_values().collect();
            assert!(runs == 0 || met(class(LabReport, 2000), &found) == 1);
            let missing = held.missing(class(LabReport, 2000), &key());
            assert_eq!(!missing.is_empty(), notes_more);
            let since = held.spans(&[LabReport, Imaging], By::OwnType, dates(day, None), &key());
            assert_eq!(since.len(), runs, "by types, where there are too many years");
        }
    }

    #[test]
    fn a_class_is_noted_once() {
        let held = classes(&[class(LabReport, 2020)]);
        let cases =
            [(class(LabReport, 2020), 0), (class(LabReport, 2021), 1), (class(Imaging, 2020), 5)];
        for (class, count) in cases {
            assert_eq!(held.missing(class, &key()).len(), count, "{class:?}");
        }
    }
}
