//! The walk along a vault's records, newest first, past those that cannot be shown
//! (docs/adr/0015-records-by-type.md).

use domain::{
    RecordId,
    names::Named,
    record::{Dates, RecordType},
};
use futures_util::future::try_join_all;
use store::{
    Fault, Item, Key,
    classes::{ClassPlace, Span},
    keys::{self, Among, classed_record},
    list::{Merged, Page, looked_at},
};

use crate::{scope::Scope, search::Words, view::RecordView};

/// The most records read by one call (DynamoDB's BatchGetItem).
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
        let is_all = types.len() == RecordType::NAMES.len() && self.dates() == Dates::default();
        match is_all && self.among() == Among::All {
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

    /// Goes by the places of these types, and of the years and decades where dates matter, and reads
    /// the records whose dates fit. A run of which something is left after its first answer, and in which
    /// other dates may lie, is left for those of its parts in which there are none: what dates leave out
    /// is passed over once, not to its end.
    async fn along(
        &self,
        types: &[RecordType],
        page: &mut Page<RecordView>,
        before: Option<RecordId>,
        limit: usize,
    ) -> Result<(), Fault> {
        let dates = self.dates();
        let spans = self.classes.spans(types, dates, self.key);
        let range = |span: &Span, before| span.range(self.patient, self.among(), before, self.key);
        let parts = |last: &Key| {
            let (token, id) = classed_record(last)?;
            let parts = self.classes.parts(*spans.get(token)?, dates, self.key)?;
            Some(parts.iter().map(|part| range(part, Some(id))).collect())
        };
        // Where dates may leave much out of a few runs, all that a page looks at is read at once.
        let all = if dates == Dates::default() { 0 } else { looked_at(limit) };
        let ahead = (all / spans.len().max(1)).max(limit + 1);
        let run = |span| self.store.scroll(range(span, before), None).by(ahead);
        let mut runs: Merged<'_> = spans.values().map(run).collect();
        let mut wanted = Vec::new();
        while let Some(places) = runs.next().await? {
            for place in &places {
                wanted.extend(self.wanted(place)?);
            }
            if wanted.len() > page.room() {
                self.read(page, &std::mem::take(&mut wanted)).await?;
            }
            if page.is_full() {
                return Ok(());
            }
            runs.replace(limit, parts)?;
        }
        self.read(page, &wanted).await
    }

    /// Offers these records to `page`, newest first, until it is full.
    async fn read(&self, page: &mut Page<RecordView>, records: &[Key]) -> Result<(), Fault> {
        // A page first: where nothing is passed over, that fills it.
        let (mut left, mut at_once) = (records, page.room() + 1);
        while !page.is_full() && !left.is_empty() {
            let (some, later) = left.split_at(left.len().min(at_once));
            let reads = some.chunks(AT_ONCE).map(|keys| self.store.table.read_each(keys));
            let mut items = try_join_all(reads).await?.concat();
            items.sort_by(|a, b| b.key.sk.cmp(&a.key.sk));
            self.fill(page, &items, None).await?;
            (left, at_once) = (later, AT_ONCE);
        }
        Ok(())
    }

    /// The record at a place, if it is of a date that is shown.
    fn wanted(&self, place: &Item) -> Result<Option<Key>, Fault> {
        let Some((_, id)) = classed_record(&place.key) else { return Ok(None) };
        let ClassPlace { date } = place.open(self.key)?;
        Ok(self.dates().hold(date).then(|| keys::record(self.patient, id)))
    }
}
