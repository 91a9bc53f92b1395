//! The walk along a vault's records, newest first, past those that cannot be shown
//! (docs/adr/0015-records-by-type.md).

use std::collections::HashMap;

use domain::{
    RecordId,
    names::Named,
    record::{Class, RecordType},
};
use store::{
    Fault, Item, Key,
    classes::{self, ClassPlace},
    keys::{self, classed_record},
    list::{Merged, Page, looked_at},
};

use crate::{scope::Scope, search::Words, view::RecordView};

/// The most records read at once (DynamoDB's BatchGetItem).
const AT_ONCE: usize = 100;

impl Scope<'_> {
    /// Fills `page` from the records made before `before`.
    pub(crate) async fn walk(
        &self,
        page: &mut Page<RecordView>,
        before: Option<RecordId>,
        limit: usize,
        words: Option<&mut Words<'_>>,
    ) -> Result<(), Fault> {
        let types = RecordType::NAMES.iter().map(|(kind, _)| *kind);
        let types: Vec<_> = types.filter(|kind| self.may_show(*kind)).collect();
        match types.len() == RecordType::NAMES.len() && self.dates() == (None, None) {
            true => self.along_all(page, before, limit, words).await,
            false => self.along(&types, page, before, limit).await,
        }
    }

    async fn along_all(
        &self,
        page: &mut Page<RecordView>,
        before: Option<RecordId>,
        limit: usize,
        mut words: Option<&mut Words<'_>>,
    ) -> Result<(), Fault> {
        let records = self.store.scroll(keys::records(self.patient, before), None);
        let mut records = self.filter.paced(records, limit);
        while !page.is_full()
            && let Some(items) = records.next().await?
        {
            self.fill(page, &items, words.as_deref_mut()).await?;
        }
        Ok(())
    }

    /// Goes by the places of these types, and of the years where dates matter, and reads the records
    /// whose dates fit. What the owner's dates leave out of the first and the last year counts as
    /// looked at. What a grant leaves out does not: the end of a page would tell of it.
    async fn along(
        &self,
        types: &[RecordType],
        page: &mut Page<RecordView>,
        before: Option<RecordId>,
        limit: usize,
    ) -> Result<(), Fault> {
        let classes = classes::runs(self.vault, types, self.dates(), self.key);
        // Where dates leave some out, a page looks at more than it shows.
        let ahead = if self.dates() == (None, None) { limit + 1 } else { looked_at(limit) };
        let run = |token| keys::records_in_class(self.patient, token, before);
        let runs = classes.keys().map(|token| self.store.scroll(run(token), None).by(ahead));
        let mut runs: Merged<'_> = runs.collect();
        // A page first: where nothing is passed over, that fills it.
        let mut at_once = AT_ONCE.min(limit + 1);
        while !page.is_full()
            && let Some(places) = runs.next().await?
        {
            let mut wanted = Vec::new();
            for place in &places {
                wanted.extend(self.wanted(place, &classes)?);
            }
            let mut left = wanted.as_slice();
            while !page.is_full() && !left.is_empty() {
                let (keys, later) = left.split_at(left.len().min(at_once));
                let mut items = self.store.table.read_each(keys).await?;
                items.sort_by(|a, b| b.key.sk.cmp(&a.key.sk));
                self.fill(page, &items, None).await?;
                (left, at_once) = (later, AT_ONCE);
            }
            if self.grant.is_none()
                && let Some((_, oldest)) = places.last().and_then(|last| classed_record(&last.key))
            {
                let passed = places.len().saturating_sub(wanted.len());
                page.pass_to(&keys::record(self.patient, oldest), passed);
            }
        }
        Ok(())
    }

    /// The record at a place, if its class is shown.
    fn wanted(
        &self,
        place: &Item,
        classes: &HashMap<String, RecordType>,
    ) -> Result<Option<Key>, Fault> {
        let Some((token, id)) = classed_record(&place.key) else { return Ok(None) };
        let Some(kind) = classes.get(token) else { return Ok(None) };
        let ClassPlace { date } = place.open(self.key)?;
        let shown = self.shows(Class { kind: *kind, date });
        Ok(shown.then(|| keys::record(self.patient, id)))
    }
}
