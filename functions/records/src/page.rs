//! A page of a list: what the register holds, selected, searched and cut.

use std::collections::BTreeMap;

use domain::{policy::acts::RecordList, search::Query};
use store::{DataKey, Fault, Permit, register::Register};

use crate::{
    search::{Hits, MOST, search},
    selection::{Counts, Filter, Order, Rank, Selection},
    view::EntryView,
};

/// Which page of which list.
pub(crate) struct Asked<'a> {
    pub(crate) filter: &'a Filter,
    pub(crate) order: Order,
    pub(crate) query: Option<&'a Query>,
    pub(crate) limit: usize,
    /// The place after which it begins.
    pub(crate) after: Option<Rank>,
}

/// A page.
pub(crate) struct Page {
    pub(crate) items: Vec<EntryView>,
    pub(crate) counts: Counts,
    /// The place after which the next page begins.
    pub(crate) next: Option<Rank>,
}

impl Page {
    /// The page of a register that is asked for, as far as the permit goes.
    pub(crate) async fn of(
        permit: &Permit<'_, RecordList>,
        register: &Register,
        asked: Asked<'_>,
        key: &DataKey,
    ) -> Result<Self, Fault> {
        let most = if asked.query.is_some() { MOST } else { asked.limit };
        let mut selection = Selection {
            grant: permit.grant(),
            filter: asked.filter,
            order: asked.order,
            after: asked.after,
            // One more tells whether there are more.
            most: most + 1,
            now: permit.now(),
            counts: Counts::default(),
            entries: BTreeMap::new(),
        };
        for entry in register.entries(key) {
            selection.offer(entry?);
        }
        let Selection { counts, entries, .. } = selection;
        let selected: Vec<_> = entries.into_values().rev().collect();
        let shown = selected.get(..most).unwrap_or(&selected);
        let hits = match asked.query {
            Some(query) => search(permit, query, shown, (asked.limit, key)).await?,
            None => Hits { entries: shown.to_vec(), looked_through: shown.len() },
        };
        let is_last = hits.looked_through == selected.len();
        let last = hits.looked_through.checked_sub(1).and_then(|last| selected.get(last));
        let next = last.filter(|_| !is_last).map(|entry| asked.order.rank(entry));
        let view = |entry| EntryView::new(entry, permit.now());
        let items = hits.entries.into_iter().map(view).collect();
        Ok(Self { items, counts, next })
    }
}
