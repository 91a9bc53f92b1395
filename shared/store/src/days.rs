//! Spans of days that a calendar divides into ever shorter ones: millennia, centuries, decades and
//! years, and stretches of a year (docs/adr/0015-records-by-type.md).

use domain::{Date, record::Dates};

/// The days of a month as they are counted, however many it has: so its parts are of one length.
const MONTH: i16 = 32;
const YEAR: i16 = 12 * MONTH;
/// How many days there are in what a year is divided into, and each of these again: four months, a
/// month, eight days, two, one.
const LENGTHS: [i16; 6] = [YEAR, 4 * MONTH, MONTH, 8, 2, 1];

/// A day: its year, and which of the year it is.
type Day = (i16, i16);

/// Before all that a date can say (RFC 3339, section 5.6: years have four digits), and after it.
const FIRST: Day = (i16::MIN, 0);
const LAST: Day = (i16::MAX, YEAR - 1);

/// Days that follow each other, as the calendar divides them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Days {
    /// So many years, a power of ten, from a multiple of it on.
    Years { first: i16, count: i16 },
    /// Days of a year, counted from 0.
    Stretch { year: i16, first: i16, last: i16 },
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
        let stretch = move |(first, last)| Self::Stretch { year, first, last };
        [Self::ALL]
            .into_iter()
            .chain([1000, 100, 10, 1].map(years))
            .chain(stretches_with(day).map(stretch))
    }

    /// What it is divided into: years, of which `dates` may take in some; a year, into stretches that make
    /// up just what is among them. Stretches are not divided.
    pub(crate) fn parts(self, dates: Dates) -> Vec<Self> {
        match self {
            Self::Years { first, count: count @ 2.. } => {
                let count = count / 10;
                (0..10).map(|nth| Self::Years { first: first + nth * count, count }).collect()
            }
            Self::Years { first: year, .. } => {
                let (from, to) = ends(dates);
                let (from, to) = (from.max((year, 0)).1, to.min((year, YEAR - 1)).1);
                stretches(from, to)
                    .map(|(first, last)| Self::Stretch { year, first, last })
                    .collect()
            }
            Self::Stretch { .. } => Vec::new(),
        }
    }

    /// How much of it is among `dates`.
    pub(crate) fn overlap(self, dates: Dates) -> Overlap {
        let (from, to) = ends(dates);
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
            Self::Years { first, count } => ((first, 0), (first + count - 1, YEAR - 1)),
            Self::Stretch { year, first, last } => ((year, first), (year, last)),
        }
    }
}

fn day(date: Date) -> Day {
    (date.year(), i16::from(date.month() - 1) * MONTH + i16::from(date.day() - 1))
}

/// The first day and the last of `dates`, which with a month's last takes in what is counted after it.
fn ends(dates: Dates) -> (Day, Day) {
    let end = |date: Date| {
        let (year, last) = day(date);
        (year, if date == date.last_of_month() { last / MONTH * MONTH + MONTH - 1 } else { last })
    };
    (dates.from.map_or(FIRST, day), dates.to.map_or(LAST, end))
}

/// The stretches that a day of a year lies in: for each edge between two parts of a whole, the side of it
/// that the day is on.
fn stretches_with(day: i16) -> impl Iterator<Item = (i16, i16)> {
    LENGTHS.into_iter().zip(LENGTHS.into_iter().skip(1)).flat_map(move |(whole, part)| {
        let first = day / whole * whole;
        let edges = (first + part..first + whole).step_by(part.unsigned_abs().into());
        edges
            .map(move |edge| if day < edge { (first, edge - 1) } else { (edge, first + whole - 1) })
    })
}

/// The fewest stretches that make up the days from one to another.
fn stretches(from: i16, to: i16) -> impl Iterator<Item = (i16, i16)> {
    let mut next = from;
    std::iter::from_fn(move || {
        let fits = |(first, last): &(i16, i16)| *first == next && *last <= to;
        let longest = stretches_with(next).filter(fits).max()?;
        next = longest.1 + 1;
        Some(longest)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_day_is_in_as_many_spans_and_in_one_part_of_each_that_is_divided() {
        for date in [0, 2023, 2024, 9999].into_iter().flat_map(days_of) {
            let only = Dates { from: Some(date), to: Some(date) };
            let all: Vec<_> = Days::with(date).collect();
            assert_eq!(all.len(), 5 + 12, "{date}");
            assert!(all.iter().all(|days| days.overlap(only) != Overlap::Nothing), "{date}");
            for days in all.iter().filter(|days| !matches!(days, Days::Stretch { .. })) {
                let parts = days.parts(only);
                let holding = parts.iter().filter(|part| all.contains(part)).count();
                assert_eq!(holding, 1, "{date} in {days:?}: {parts:?}");
            }
        }
    }

    fn days_of(year: i16) -> impl Iterator<Item = Date> {
        let days = Date::new(year, 1, 1).unwrap().series(jiff::Span::new().days(1));
        days.take_while(move |day| day.year() == year)
    }

    /// What stands in the tokens of records: another division, and none of them is found any more.
    #[test]
    fn a_day_is_in_these_stretches() {
        let days: Vec<_> = stretches_with(day("2024-08-17".parse().unwrap()).1).collect();
        let thirds_and_months = [(128, 383), (0, 255), (160, 255), (192, 255), (224, 255)];
        let eights = [(232, 255), (240, 255), (224, 247)];
        let twos_and_ones = [(240, 241), (240, 243), (240, 245), (240, 240)];
        assert_eq!(days, [&thirds_and_months[..], &eights, &twos_and_ones].concat());
    }

    /// All pairs of days of a year, and of days that only the count has.
    #[test]
    fn the_fewest_stretches_make_up_just_the_days_between_two() {
        let (mut from_on, mut up_to, mut between) = (0, 0, 0);
        for from in 0..YEAR {
            let fewest = fewest(from);
            for to in from..YEAR {
                let found: Vec<_> = stretches(from, to).collect();
                let days: Vec<_> = found.iter().flat_map(|(first, last)| *first..=*last).collect();
                assert_eq!(days, (from..=to).collect::<Vec<_>>());
                assert_eq!(Some(&found.len()), fewest.get(&to), "{from} {to}");
                let most = match (from, to) {
                    (0, _) => &mut up_to,
                    (_, to) if to == YEAR - 1 => &mut from_on,
                    _ => &mut between,
                };
                *most = found.len().max(*most);
            }
        }
        assert_eq!((from_on, up_to, between), (5, 5, 10));
    }

    /// How few stretches make up the days from one to each other.
    fn fewest(from: i16) -> BTreeMap<i16, usize> {
        let mut fewest = BTreeMap::from([(from - 1, 0)]);
        for next in from..YEAR {
            let count = fewest[&(next - 1)] + 1;
            for (_, last) in stretches_with(next).filter(|(first, _)| *first == next) {
                let known = fewest.entry(last).or_insert(count);
                *known = count.min(*known);
            }
        }
        fewest
    }

    #[test]
    fn all_days_of_a_stretch_are_in_it() {
        let all = (0..YEAR).flat_map(|day| stretches_with(day).map(move |stretch| (day, stretch)));
        for (day, (first, last)) in all {
            let holds = |other| stretches_with(other).any(|its| its == (first, last));
            assert!((first..=last).all(holds) && (first..=last).contains(&day), "{day} {first}");
        }
    }

    #[test]
    fn whole_months_are_few_stretches() {
        for (from, to, count) in [
            ("2024-01-01", "2024-01-31", 1),
            ("2024-02-01", "2024-02-29", 2),
            ("2023-02-01", "2023-02-28", 2),
            ("2024-02-01", "2024-02-28", 2),
            ("2024-03-01", "2024-04-30", 1),
            ("2024-01-01", "2024-11-30", 2),
        ] {
            let (first, last): (Date, Date) = (from.parse().unwrap(), to.parse().unwrap());
            let dates = Dates { from: Some(first), to: Some(last) };
            let year = Days::Years { first: first.year(), count: 1 };
            assert_eq!(year.parts(dates).len(), count, "{dates:?}");
        }
    }
}
