//! The walk along a vault's records, newest first, past those that cannot be shown
//! (docs/adr/0015-records-by-type.md).

use domain::{
    RecordId,
    names::Named,
    record::{Dates, RecordType},
};
use futures_util::future::try_join_all;
use store::{
    Fault, Key,
    classes::{By, ClassPlace, Span},
    keys::{self, Among, classed_record},
    list::{Merged, Page, looked_at},
};

use crate::{scope::Scope, search::Words, view::RecordView};

/// The most records read by one call (DynamoDB's BatchGetItem).
const AT_ONCE: usize = 100;
/// How many records of other types runs of all types may lead past, before a list goes by each type.
const OTHERS: usize = 10;

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
        let is_every_type = types.len() == RecordType::NAMES.len();
        let has_dates = self.dates() != Dates::default();
        if is_every_type && !has_dates && self.among() == Among::All {
            return self.along_all(page, before, limit, words).await;
        }
        let (mut before, mut wanted) = (before, Vec::new());
        let order: &[By] = match is_every_type || (has_dates && types.len() > 1) {
            true => &[By::AllTypes, By::OwnType],
            false => &[By::OwnType],
        };
        for by in order {
            let left = self.along(&types, *by, page, &mut wanted, (before, limit)).await?;
            if left.is_none() {
                break;
            }
            before = left;
        }
        self.read(page, &wanted).await
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

    /// Goes by the places of these types, and of the years and decades where dates matter, and reads the
    /// records that can be shown into `page`, but for the last that are `wanted`. A run of which something
    /// is left after its first answer, and in which other dates may lie, is left for those of its parts in
    /// which there are none: what dates leave out is passed over once, not to its end.
    ///
    /// Nor are other types. Where places of all types lead past too many of them, this ends, and gives the
    /// record before which the rest is to be looked for type by type.
    async fn along(
        &self,
        types: &[RecordType],
        by: By,
        page: &mut Page<RecordView>,
        wanted: &mut Vec<Key>,
        (before, limit): (Option<RecordId>, usize),
    ) -> Result<Option<RecordId>, Fault> {
        let dates = self.dates();
        let spans = self.classes.spans(types, by, dates, self.key);
        let range = |span: &Span, before| span.range(self.patient, self.among(), before, self.key);
        let parts = |last: &Key| {
            let (token, id) = classed_record(last)?;
            let parts = self.classes.parts(*spans.get(token)?, types, dates, self.key)?;
            Some(parts.iter().map(|part| range(part, Some(id))).collect())
        };
        // Where dates may leave much out of a few runs, all that a page looks at is read at once.
        let all = if dates == Dates::default() { 0 } else { looked_at(limit) };
        let each = (all / spans.len().max(1)).max(limit + 1);
        let run = |span| self.store.scroll(range(span, before), None).by(each);
        let mut runs: Merged<'_> = spans.values().map(run).collect();
        let mut others = 0;
        while let Some(places) = runs.next().await? {
            for place in &places {
                let Some((_, id)) = classed_record(&place.key) else { continue };
                let ClassPlace { kind, date } = place.open(self.key)?;
                match (self.may_show(kind), dates.hold(date)) {
                    (true, true) => wanted.push(keys::record(self.patient, id)),
                    (false, true) => others += 1,
                    (_, false) => {}
                }
            }
            if wanted.len() > page.room() {
                self.read(page, &std::mem::take(wanted)).await?;
            }
            if page.is_full() {
                return Ok(None);
            }
            runs.replace(limit, parts)?;
            if others > OTHERS
                && let Some(last) = runs.asks_again()?
            {
                return Ok(classed_record(&last).map(|(_, id)| id));
            }
        }
        Ok(None)
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
}
