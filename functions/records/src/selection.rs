//! Which records a list shows, of those that the caller may see, and how many there are of which
//! type and year. Pure.

use std::collections::BTreeMap;

use domain::{
    Date, RecordId, Timestamp,
    consent::Grant,
    named,
    policy::covers,
    record::{Dates, RecordStatus, RecordType},
};
use schemars::JsonSchema;
use serde::Serialize;
use store::register::Entry;

/// What the caller filters by, words apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) kind: Option<RecordType>,
    pub(crate) dates: Dates,
    pub(crate) status: Option<RecordStatus>,
}

impl Filter {
    fn admits(&self, entry: &Entry, now: Timestamp) -> bool {
        self.kind.is_none_or(|kind| entry.kind == kind)
            && self.dates.hold(entry.date)
            && self.status.is_none_or(|status| entry.status_at(now) == status)
    }
}

named! {
    /// The order of a list.
    pub enum Order {
        /// By the day that the content speaks of, the latest first.
        Date = "-date",
        /// By when they were added, the latest first.
        Added = "-added",
    }
}

/// Where a record stands in a list: lists begin with the greatest.
pub(crate) type Rank = (Option<Date>, RecordId);

impl Order {
    pub(crate) fn rank(self, entry: &Entry) -> Rank {
        match self {
            Self::Date => (Some(entry.date), entry.id),
            Self::Added => (None, entry.id),
        }
    }
}

/// How many records the caller may see that the filters admit, whether or not `q` finds them.
#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RecordCounts")]
pub(crate) struct Counts {
    /// All of them.
    pub(crate) total: u32,
    /// By type.
    pub(crate) by_type: BTreeMap<RecordType, u32>,
    /// By the year of their date.
    pub(crate) by_year: BTreeMap<String, u32>,
}

/// A selection in the making: the first `most` entries after a place, and the counts of all.
#[derive(Debug)]
pub(crate) struct Selection<'a> {
    pub(crate) grant: Option<&'a Grant>,
    pub(crate) filter: &'a Filter,
    pub(crate) order: Order,
    pub(crate) after: Option<Rank>,
    pub(crate) most: usize,
    pub(crate) now: Timestamp,
    pub(crate) counts: Counts,
    pub(crate) entries: BTreeMap<Rank, Entry>,
}

impl Selection<'_> {
    /// Takes an entry into account.
    pub(crate) fn offer(&mut self, entry: Entry) {
        if !self.may_be_seen(&entry) || !self.filter.admits(&entry, self.now) {
            return;
        }
        self.counts.total += 1;
        *self.counts.by_type.entry(entry.kind).or_default() += 1;
        *self.counts.by_year.entry(format!("{:04}", entry.date.year())).or_default() += 1;
        let rank = self.order.rank(&entry);
        if self.after.is_none_or(|after| rank < after) {
            self.entries.insert(rank, entry);
        }
        if self.entries.len() > self.most {
            self.entries.pop_first();
        }
    }

    /// The patient sees all; a doctor what the grant covers and what passed the checks.
    fn may_be_seen(&self, entry: &Entry) -> bool {
        self.grant.is_none_or(|grant| {
            entry.status == RecordStatus::Available && covers(grant, entry.class())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        GrantId, PatientId, Timestamp,
        audit::Actor,
        consent::{Ability, Purpose, Terms},
    };
    use uuid::Uuid;

    fn at(second: i64) -> Timestamp {
        Timestamp::constant(second, 0)
    }

    fn entry(n: u128, kind: RecordType, day: &str) -> Entry {
        Entry {
            id: RecordId(Uuid::from_u128(n)),
            kind,
            date: day.parse().unwrap(),
            status: RecordStatus::Available,
            author: Actor::Patient { id: PatientId(Uuid::nil()) },
            title: format!("record {n}"),
            version: 1,
            line: None,
            has_file: true,
            has_notes: false,
            awaited_until: None,
        }
    }

    fn vault() -> Vec<Entry> {
        use RecordType::{Genetics, Imaging, LabReport};
        let mut waiting = entry(5, LabReport, "2026-02-01");
        waiting.status = RecordStatus::AwaitingUpload;
        vec![
            entry(1, LabReport, "2026-01-01"),
            entry(2, Imaging, "2024-05-05"),
            entry(3, LabReport, "2024-05-05"),
            entry(4, Genetics, "2025-03-03"),
            waiting,
        ]
    }

    fn selected(
        grant: Option<&Grant>,
        filter: &Filter,
        (order, after, most): (Order, Option<u128>, usize),
    ) -> (Vec<u128>, Counts) {
        let found = vault().into_iter().find(|entry| Some(entry.id.0.as_u128()) == after);
        let after = found.map(|entry| order.rank(&entry));
        let counts = Counts::default();
        let mut selection = Selection {
            grant,
            filter,
            order,
            after,
            most,
            now: at(50),
            counts,
            entries: BTreeMap::new(),
        };
        vault().into_iter().for_each(|entry| selection.offer(entry));
        let ids = selection.entries.values().rev().map(|entry| entry.id.0.as_u128());
        (ids.collect(), selection.counts)
    }

    fn grant() -> Grant {
        Grant {
            id: GrantId(Uuid::nil()),
            terms: Terms {
                actions: [Ability::Read].into(),
                types: [RecordType::LabReport, RecordType::Imaging].into(),
                from: Some("2024-01-01".parse().unwrap()),
                to: Some("2025-12-31".parse().unwrap()),
                purpose: Purpose::Treatment,
                duration_seconds: 3600,
                max_reads: None,
            },
            not_before: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
            reads: 0,
        }
    }

    #[test]
    fn lists_are_sorted_and_cut_after_any_of_their_records() {
        let all = Filter::default();
        let ids = |order, after, most| selected(None, &all, (order, after, most)).0;
        assert_eq!(ids(Order::Date, None, 9), [5, 1, 4, 3, 2]);
        assert_eq!(ids(Order::Added, None, 9), [5, 4, 3, 2, 1]);
        for order in [Order::Date, Order::Added] {
            let whole = ids(order, None, 9);
            for (n, id) in whole.iter().enumerate() {
                assert_eq!(
                    ids(order, Some(*id), 2),
                    whole[n + 1..].iter().copied().take(2).collect::<Vec<_>>()
                );
            }
        }
    }

    #[test]
    fn i1_what_a_grant_does_not_cover_is_neither_shown_nor_counted() {
        let (ids, counts) = selected(Some(&grant()), &Filter::default(), (Order::Date, None, 1));
        assert_eq!(ids, [3]);
        let expected = Counts {
            total: 2,
            by_type: [(RecordType::LabReport, 1), (RecordType::Imaging, 1)].into(),
            by_year: [("2024".to_owned(), 2)].into(),
        };
        assert_eq!(counts, expected);
    }

    #[test]
    fn filters_meet_and_are_counted() {
        let filter = Filter {
            kind: Some(RecordType::LabReport),
            dates: Dates { from: Some("2024-06-01".parse().unwrap()), to: None },
            status: Some(RecordStatus::Available),
        };
        let (ids, counts) = selected(None, &filter, (Order::Date, None, 9));
        assert_eq!((ids, counts.total), (vec![1], 1));
    }

    #[test]
    fn an_upload_is_filtered_by_what_the_clock_made_of_it() {
        let mut waiting = entry(1, RecordType::LabReport, "2024-01-01");
        waiting.status = RecordStatus::AwaitingUpload;
        waiting.awaited_until = Some(at(50));
        for (status, now, expected) in [
            (RecordStatus::AwaitingUpload, at(49), true),
            (RecordStatus::AwaitingUpload, at(50), false),
            (RecordStatus::Expired, at(49), false),
            (RecordStatus::Expired, at(50), true),
        ] {
            let filter = Filter { status: Some(status), ..Filter::default() };
            assert_eq!(filter.admits(&waiting, now), expected, "{status} {now}");
        }
    }
}
