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
    keys::{self, typed_record},
    list::{Merged, Page, looked_at},
    rows::TypePlace,
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
        match types.len() == RecordType::NAMES.len() && !self.is_dated() {
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

    /// Goes by the places of these types alone, and reads the records whose dates fit. Of what the
    /// owner's dates leave out a page passes over so much only. What a grant leaves out is not
    /// counted: the end of a page would tell of it.
    async fn along(
        &self,
        types: &[RecordType],
        page: &mut Page<RecordView>,
        before: Option<RecordId>,
        limit: usize,
    ) -> Result<(), Fault> {
        let token = |kind: &RecordType| (self.key.token(kind.name()), *kind);
        let types: HashMap<_, _> = types.iter().map(token).collect();
        let run = |token| {
            let places = keys::records_by_type(self.patient, token, before);
            let places = self.store.scroll(places, None);
            if self.is_dated() { places.by(looked_at(limit)) } else { places.for_page(limit) }
        };
        let mut runs: Merged<'_> = types.keys().map(|token| run(token)).collect();
        // A page first: where nothing is passed over, that fills it.
        let mut at_once = AT_ONCE.min(limit + 1);
        while !page.is_full()
            && let Some(places) = runs.next().await?
        {
            let mut wanted = Vec::new();
            for place in &places {
                wanted.extend(self.wanted(place, &types)?);
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
                && let Some((_, oldest)) = places.last().and_then(|last| typed_record(&last.key))
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
        types: &HashMap<String, RecordType>,
    ) -> Result<Option<Key>, Fault> {
        let Some((token, id)) = typed_record(&place.key) else { return Ok(None) };
        let Some(kind) = types.get(token) else { return Ok(None) };
        let TypePlace { date } = place.open(self.key)?;
        let shown = self.shows(Class { kind: *kind, date });
        Ok(shown.then(|| keys::record(self.patient, id)))
    }
}
