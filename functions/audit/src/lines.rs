//! Lines of a trail: its entries, those that are equal folded into one.

use domain::{
    RecordId, Timestamp,
    audit::{Actor, Entry, Outcome},
    named,
    policy::Action,
    record::{Dates, day},
};
use store::{Fault, Item, keys, list::Page};
use uuid::Uuid;

named! {
    /// Which entries stand in one line.
    pub enum Fold {
        /// Equal ones of one day (UTC).
        Day = "day",
        /// None: each has its own.
        None = "none",
    }
}

named! {
    /// How something ended.
    pub enum AuditOutcome {
        /// It happened.
        Done = "done",
        /// It was refused.
        Refused = "refused",
    }
}

named! {
    /// Who did it.
    pub enum By {
        /// A patient.
        Patient = "patient",
        /// A doctor.
        Doctor = "doctor",
        /// A hospital's admin.
        HospitalAdmin = "hospital-admin",
        /// Somebody who did not prove who they are.
        Somebody = "somebody",
        /// MediVault itself.
        System = "system",
    }
}

/// Which lines of a trail are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) fold: Fold,
    pub(crate) by: Option<By>,
    pub(crate) actor: Option<Uuid>,
    pub(crate) action: Option<Action>,
    pub(crate) ending: Option<AuditOutcome>,
    pub(crate) record: Option<RecordId>,
    /// The days (UTC).
    pub(crate) days: Dates,
}

/// A line: an entry, and how often it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) entry: Entry,
    /// When the first of them was.
    pub(crate) first: Timestamp,
    /// When the last of them was.
    pub(crate) last: Timestamp,
    pub(crate) times: u32,
}

impl Line {
    fn of(entry: Entry) -> Self {
        let last = entry.last_at.unwrap_or(entry.at);
        Self { entry, first: entry.at, last, times: entry.times }
    }

    /// Whether `entry` says the same, on the same day.
    fn says(&self, entry: &Entry) -> bool {
        let said = |entry: &Entry| (entry.actor, entry.action, entry.outcome, entry.target);
        said(&self.entry) == said(entry) && day(self.first) == day(entry.at)
    }

    fn add(&mut self, entry: &Entry) {
        self.first = self.first.min(entry.at);
        self.last = self.last.max(entry.last_at.unwrap_or(entry.at));
        self.times = self.times.saturating_add(entry.times);
    }
}

impl Lines {
    /// The latest month in which there may be any, at `now`.
    pub(crate) fn last_month(&self, now: Timestamp) -> String {
        let this = keys::month(now);
        self.days.to.map_or(this.clone(), |to| keys::month_of_day(to).min(this))
    }

    /// The earliest, of a trail that began at `begun`.
    pub(crate) fn first_month(&self, begun: Timestamp) -> String {
        let first = keys::month(begun);
        self.days.from.map_or(first.clone(), |from| keys::month_of_day(from).max(first))
    }

    /// Offers the entries of `items` to the page: as lines, or as more of a line that is there.
    pub(crate) fn offer(&self, page: &mut Page<Line>, items: &[Item]) -> Result<(), Fault> {
        for item in items {
            let entry: Entry = item.clear()?;
            let same = |line: &&mut Line| self.fold == Fold::Day && line.says(&entry);
            match page.items.iter_mut().find(same) {
                Some(line) => {
                    line.add(&entry);
                    page.pass(item);
                }
                None if self.want(&entry) => page.offer(item, Line::of(entry)),
                None => page.pass(item),
            }
        }
        Ok(())
    }

    fn want(&self, entry: &Entry) -> bool {
        let Self { by, actor, action, ending, record, days, .. } = self;
        by.is_none_or(|by| by == done_by(&entry.actor))
            && actor.is_none_or(|id| entry.actor.id() == Some(id))
            && action.is_none_or(|action| action == entry.action)
            && ending.is_none_or(|ending| ending == ended(entry.outcome))
            && record.is_none_or(|record| entry.target.record == Some(record))
            && (days.hold(day(entry.at)) || entry.last_at.is_some_and(|at| days.hold(day(at))))
    }
}

fn done_by(actor: &Actor) -> By {
    match actor {
        Actor::Patient { .. } => By::Patient,
        Actor::Doctor { .. } => By::Doctor,
        Actor::HospitalAdmin { .. } => By::HospitalAdmin,
        Actor::Somebody => By::Somebody,
        Actor::System => By::System,
    }
}

pub(crate) fn ended(outcome: Outcome) -> AuditOutcome {
    match outcome {
        Outcome::Done(_) => AuditOutcome::Done,
        Outcome::Refused(_) => AuditOutcome::Refused,
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        AuditId, PatientId,
        audit::{Done, Target},
        policy::Denial,
    };
    use store::{Key, table::item};

    use super::*;

    const ALL: Lines = Lines {
        fold: Fold::Day,
        by: None,
        actor: None,
        action: None,
        ending: None,
        record: None,
        days: Dates { from: None, to: None },
    };

    fn entry(at: &str, action: Action, record: Option<u128>) -> Entry {
        Entry {
            id: AuditId(Uuid::now_v7()),
            at: at.parse().unwrap(),
            last_at: None,
            times: 1,
            actor: Actor::Patient { id: PatientId(Uuid::nil()) },
            action,
            outcome: Outcome::Done(Done::Owner),
            target: Target {
                record: record.map(|n| RecordId(Uuid::from_u128(n))),
                ..Target::default()
            },
        }
    }

    /// How many entries each line of a page holds.
    fn times(lines: &Lines, entries: &[Entry]) -> Vec<u32> {
        let stored = |entry: &Entry| {
            let key = Key { pk: "AUDIT".into(), sk: entry.id.to_string() };
            Item::from_attributes(item(&key, entry).unwrap()).unwrap()
        };
        let items: Vec<_> = entries.iter().map(stored).collect();
        let mut page = Page::of(10);
        lines.offer(&mut page, &items).unwrap();
        page.items.iter().map(|line| line.times).collect()
    }

    #[test]
    fn equal_entries_of_one_day_are_one_line() {
        let day = [
            entry("2026-03-02T00:00:00Z", Action::RecordList, None),
            entry("2026-03-01T23:59:59Z", Action::RecordList, None),
            entry("2026-03-01T12:00:00Z", Action::GrantList, None),
            entry("2026-03-01T11:00:00Z", Action::RecordList, None),
            entry("2026-03-01T10:00:00Z", Action::RecordGet, Some(1)),
            entry("2026-03-01T09:00:00Z", Action::RecordGet, Some(2)),
            Entry { times: 40, ..entry("2026-03-01T08:00:00Z", Action::GrantList, None) },
        ];
        assert_eq!(times(&ALL, &day), [1, 2, 41, 1, 1]);
        assert_eq!(times(&Lines { fold: Fold::None, ..ALL }, &day), [1, 1, 1, 1, 1, 1, 40]);
    }

    #[test]
    fn each_filter_lets_through_what_it_names() {
        let refused = Outcome::Refused(Denial::NoGrant);
        let list = [
            entry("2026-03-03T10:00:00Z", Action::RecordGet, Some(1)),
            entry("2026-03-02T10:00:00Z", Action::RecordGet, Some(2)),
            Entry {
                actor: Actor::System,
                ..entry("2026-03-01T10:00:00Z", Action::OcrStart, Some(1))
            },
            Entry { outcome: refused, ..entry("2026-02-28T10:00:00Z", Action::RecordList, None) },
        ];
        let day = |day: &str| Some(day.parse().unwrap());
        let march = Dates { from: day("2026-03-01"), to: day("2026-03-02") };
        let cases = [
            (Lines { by: Some(By::System), ..ALL }, 1),
            (Lines { actor: Some(Uuid::nil()), ..ALL }, 3),
            (Lines { action: Some(Action::RecordGet), ..ALL }, 2),
            (Lines { ending: Some(AuditOutcome::Refused), ..ALL }, 1),
            (Lines { ending: Some(AuditOutcome::Done), ..ALL }, 3),
            (Lines { record: Some(RecordId(Uuid::from_u128(1))), ..ALL }, 2),
            (Lines { days: march, ..ALL }, 2),
        ];
        for (lines, count) in cases {
            assert_eq!(times(&lines, &list).len(), count, "{lines:?}");
        }
    }
}
