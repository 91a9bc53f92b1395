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
    classes::ClassPlace,
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
    /// whose dates fit. What dates leave out counts as looked at in the owner's list. In a doctor's it
    /// does not, as the end of a page would tell of records that are not theirs to see.
    async fn along(
        &self,
        types: &[RecordType],
        page: &mut Page<RecordView>,
        before: Option<RecordId>,
        limit: usize,
    ) -> Result<(), Fault> {
        let dates = self.dates();
        let tokens = self.classes.tokens_of(types, dates, self.key);
        // Where dates may leave much out of a few runs, all that a page looks at is read at once.
        let all = if dates == (None, None) { 0 } else { looked_at(limit) };
        let ahead = (all / tokens.len().max(1)).max(limit + 1);
        let run = |token| keys::records_in_class(self.patient, token, before);
        let runs = tokens.keys().map(|token| self.store.scroll(run(token), None).by(ahead));
        let mut runs: Merged<'_> = runs.collect();
        // A page first: where nothing is passed over, that fills it.
        let mut at_once = AT_ONCE.min(limit + 1);
        while !page.is_full()
            && let Some(places) = runs.next().await?
        {
            let mut wanted = Vec::new();
            for place in &places {
                wanted.extend(self.wanted(place, &tokens)?);
            }
            let mut passed = places.len();
            let mut left = wanted.as_slice();
            while !page.is_full() && !left.is_empty() {
                let (keys, later) = left.split_at(left.len().min(at_once));
                let mut items = self.store.table.read_each(keys).await?;
                passed = passed.saturating_sub(items.len());
                items.sort_by(|a, b| b.key.sk.cmp(&a.key.sk));
                self.fill(page, &items, None).await?;
                (left, at_once) = (later, AT_ONCE);
            }
            if self.grant.is_none()
                && let Some((_, oldest)) = places.last().and_then(|last| classed_record(&last.key))
            {
                page.pass_to(&keys::record(self.patient, oldest), passed);
            }
        }
        Ok(())
    }

    /// The record at a place, if its class is shown.
    fn wanted(
        &self,
        place: &Item,
        tokens: &HashMap<String, RecordType>,
    ) -> Result<Option<Key>, Fault> {
        let Some((token, id)) = classed_record(&place.key) else { return Ok(None) };
        let Some(kind) = tokens.get(token) else { return Ok(None) };
        let ClassPlace { date } = place.open(self.key)?;
        let shown = self.shows(Class { kind: *kind, date });
        Ok(shown.then(|| keys::record(self.patient, id)))
    }
}
