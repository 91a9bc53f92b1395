//! The walk along a vault's records, newest first, past those that cannot be shown
//! (docs/adr/0015-records-by-type.md).

use domain::{RecordId, names::Named, record::RecordType};
use store::{
    Fault, Item, Key,
    classes::Run,
    keys::{self, classed_record},
    list::{Merged, Page, Scroll, looked_at},
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
    /// whose dates fit. A run that goes on after its first answer, and holds records of other dates, is
    /// left for those of its parts that hold no others: what dates leave out is passed over once, not
    /// to its end.
    async fn along(
        &self,
        types: &[RecordType],
        page: &mut Page<RecordView>,
        before: Option<RecordId>,
        limit: usize,
    ) -> Result<(), Fault> {
        let dates = self.dates();
        let by_token = self.classes.runs(types, dates, self.key);
        let parts = |last: &Key| {
            let (token, id) = classed_record(last)?;
            let parts = self.classes.parts(*by_token.get(token)?, dates, self.key)?;
            Some(self.places(&parts, Some(id), limit))
        };
        let all: Vec<_> = by_token.values().copied().collect();
        let mut runs: Merged<'_> = self.places(&all, before, limit).into_iter().collect();
        let (mut wanted, mut goes_on) = (Vec::new(), true);
        while goes_on && !page.is_full() {
            let places = runs.next().await?;
            goes_on = places.is_some();
            for place in places.iter().flatten() {
                wanted.extend(self.wanted(place)?);
            }
            runs.part(parts)?;
            if wanted.len() > limit || !goes_on {
                self.read(page, &std::mem::take(&mut wanted), limit).await?;
            }
        }
        Ok(())
    }

    /// Offers these records to `page`, newest first, until it is full.
    async fn read(
        &self,
        page: &mut Page<RecordView>,
        records: &[Key],
        limit: usize,
    ) -> Result<(), Fault> {
        // A page first: where nothing is passed over, that fills it.
        let (mut left, mut at_once) = (records, AT_ONCE.min(limit + 1));
        while !page.is_full() && !left.is_empty() {
            let (some, later) = left.split_at(left.len().min(at_once));
            let mut items = self.store.table.read_each(some).await?;
            items.sort_by(|a, b| b.key.sk.cmp(&a.key.sk));
            self.fill(page, &items, None).await?;
            (left, at_once) = (later, AT_ONCE);
        }
        Ok(())
    }

    /// The places in these runs, from `before` on. Where dates may leave much out of a few runs, all that
    /// a page looks at is read at once.
    fn places(&self, runs: &[Run], before: Option<RecordId>, limit: usize) -> Vec<Scroll<'_>> {
        let all = if self.dates() == (None, None) { 0 } else { looked_at(limit) };
        let ahead = (all / runs.len().max(1)).max(limit + 1);
        let range = |run: &Run| run.range(self.patient, before, self.key);
        runs.iter().map(|run| self.store.scroll(range(run), None).by(ahead)).collect()
    }

    /// The record at a place, if its class is shown.
    fn wanted(&self, place: &Item) -> Result<Option<Key>, Fault> {
        let Some((_, id)) = classed_record(&place.key) else { return Ok(None) };
        let shown = self.shows(place.open(self.key)?);
        Ok(shown.then(|| keys::record(self.patient, id)))
    }
}
