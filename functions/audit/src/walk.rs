//! A walk back through the months of a trail.

use domain::audit::Ledger;
use futures_util::future::try_join_all;
use store::{
    Fault, Item, Store, keys,
    list::{Page, Scroll},
    table::Attributes,
};

use crate::lines::{Line, Lines};

/// How many months are asked for at once, at most: each question takes a connection.
const MOST_AT_ONCE: usize = 32;

/// A month's entries, and the newest of them, once these were asked for.
pub(crate) type Month<'s> = (Scroll<'s>, Option<Vec<Item>>);

pub(crate) async fn newest(mut run: Scroll<'_>) -> Result<Month<'_>, Fault> {
    let batch = run.next().await?;
    Ok((run, batch))
}

/// A walk back through the months of a trail.
pub(crate) struct Walk<'s> {
    store: &'s Store,
    ledger: Ledger,
    /// The earliest month that was asked for.
    month: String,
    asked: Vec<Month<'s>>,
    /// How many months are asked for next, side by side: there may be years of hardly an entry.
    at_once: usize,
}

impl<'s> Walk<'s> {
    pub(crate) fn from(store: &'s Store, ledger: Ledger, month: String, first: Month<'s>) -> Self {
        Self { store, ledger, month, asked: vec![first], at_once: 1 }
    }

    /// Begins where a cursor stands.
    pub(crate) async fn after(
        store: &'s Store,
        ledger: Ledger,
        place: Attributes,
    ) -> Result<Self, Fault> {
        let partition = place.get("PK").and_then(|value| value.as_s().ok());
        let month = partition.and_then(|name| keys::month_of(name)).map(str::to_owned);
        let month = month.ok_or(Fault::Corrupt("cursor"))?;
        let first = newest(store.scroll(keys::audits(ledger, &month), Some(place))).await?;
        Ok(Self::from(store, ledger, month, first))
    }

    /// Fills the page with lines, back to the month `begun`.
    pub(crate) async fn fill(
        mut self,
        begun: &str,
        lines: &Lines,
        page: &mut Page<Line>,
    ) -> Result<(), Fault> {
        while !self.asked.is_empty() {
            for (mut run, mut batch) in std::mem::take(&mut self.asked) {
                while let Some(items) = batch {
                    lines.offer(page, &items)?;
                    if page.is_full() {
                        return Ok(());
                    }
                    batch = run.next().await?;
                }
            }
            self.ask(begun, page.room()).await?;
        }
        Ok(())
    }

    /// Asks for the months before, for so many entries of each.
    async fn ask(&mut self, begun: &str, room: usize) -> Result<(), Fault> {
        let mut months = Vec::new();
        while months.len() < self.at_once && self.month.as_str() > begun {
            self.month = keys::month_before(&self.month);
            months.push(keys::audits(self.ledger, &self.month));
        }
        let run = |month| self.store.scroll(month, None).for_page(room);
        self.asked = try_join_all(months.into_iter().map(run).map(newest)).await?;
        self.at_once = (self.at_once * 2).min(MOST_AT_ONCE);
        Ok(())
    }
}
