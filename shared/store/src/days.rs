//! Spans of days that a calendar divides into ever shorter ones: millennia, centuries, decades and
//! years, and parts of a year (docs/adr/0015-records-by-type.md).

use domain::{Date, record::Dates};

/// The days of a month as they are counted, however many it has: so each year ends with the same day.
const MONTH: i16 = 31;
/// The last day of a year, counted from 0.
const LAST_OF_YEAR: i16 = 12 * MONTH - 1;
/// How many days the parts of a year have, each of which is divided into two of the next.
const LENGTHS: [i16; 8] = [128, 64, 32, 16, 8, 4, 2, 1];

/// A day: its year, and which of the year it is.
type Day = (i16, i16);

/// Before all that a date can say (RFC 3339, section 5.6: years have four digits), and after it.
const FIRST: Day = (i16::MIN, 0);
const LAST: Day = (i16::MAX, LAST_OF_YEAR);

/// Days that follow each other, as the calendar divides them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Days {
    /// So many years, a power of ten, from a multiple of it on.
    Years { first: i16, count: i16 },
    /// The `nth` of a year's parts of so many days.
    Part { year: i16, length: i16, nth: i16 },
}

/// How much of some days dates take in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// None of them.
    Nothing,
    /// Some of them.
    Some,
    /// All of them.
    Whole,
}

impl Days {
    /// All the years that a date can name (RFC 3339, section 5.6).
    pub(crate) const ALL: Self = Self::Years { first: 0, count: 10_000 };

    /// All that a day lies in, the most first.
    pub(crate) fn with(date: Date) -> impl Iterator<Item = Self> {
        let (year, day) = day(date);
        let years = |count| Self::Years { first: year - year.rem_euclid(count), count };
        let part = move |length| Self::Part { year, length, nth: day / length };
        let years = [1000, 100, 10, 1].map(years);
        [Self::ALL].into_iter().chain(years).chain(LENGTHS.map(part))
    }

    /// What it consists of; nothing where it is not divided.
    pub(crate) fn parts(self) -> Vec<Self> {
        let (year, longer) = match self {
            Self::Years { first, count: count @ 2.. } => {
                let count = count / 10;
                let years = |nth| Self::Years { first: first + nth * count, count };
                return (0..10).map(years).collect();
            }
            Self::Years { first, .. } => (first, i16::MAX),
            Self::Part { year, length, .. } => (year, length),
        };
        let Some(length) = LENGTHS.into_iter().find(|length| *length < longer) else {
            return Vec::new();
        };
        let ((_, first), (_, last)) = self.first_and_last();
        (first / length..=last / length).map(|nth| Self::Part { year, length, nth }).collect()
    }

    /// How much of it is among `dates`.
    pub(crate) fn overlap(self, dates: Dates) -> Overlap {
        let (from, to) = (dates.from.map_or(FIRST, day), dates.to.map_or(LAST, day));
        let (first, last) = self.first_and_last();
        if from > to || first > to || last < from {
            Overlap::Nothing
        } else if from <= first && last <= to {
            Overlap::Whole
        } else {
            Overlap::Some
        }
    }

    pub(crate) fn is_year_at_most(self) -> bool {
        !matches!(self, Self::Years { count: 2.., .. })
    }

    fn first_and_last(self) -> (Day, Day) {
        match self {
            Self::Years { first, count } => ((first, 0), (first + count - 1, LAST_OF_YEAR)),
            Self::Part { year, length, nth } => {
                let first = nth * length;
                ((year, first), (year, LAST_OF_YEAR.min(first + length - 1)))
            }
        }
    }
}

fn day(date: Date) -> Day {
    (date.year(), i16::from(date.month() - 1) * MONTH + i16::from(date.day() - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Years with and without a leap day, the first and the last that a date can name.
    #[test]
    fn every_day_is_in_one_part_of_all_that_it_lies_in() {
        for year in [0, 2023, 2024, 9999] {
            let first = Date::new(year, 1, 1).unwrap();
            for date in first.series(jiff::Span::new().days(1)).take_while(|d| d.year() == year) {
                let only = Dates { from: Some(date), to: Some(date) };
                let all: Vec<_> = Days::with(date).collect();
                for (days, within) in all.iter().zip(&all[1..]) {
                    let hold = |part: &Days| part.overlap(only) != Overlap::Nothing;
                    let parts: Vec<_> = days.parts().into_iter().filter(hold).collect();
                    assert_eq!(parts, [*within], "{date} in {days:?}");
                }
                let [.., single] = all[..] else { panic!("a day lies in nothing") };
                assert_eq!((single.overlap(only), single.parts()), (Overlap::Whole, vec![]));
            }
        }
    }
}
