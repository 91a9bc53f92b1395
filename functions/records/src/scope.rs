//! Which records a list shows: those the caller may see, the filters admit and the words are in.

use std::collections::{HashMap, HashSet};

use domain::{
    Date, PatientId, RecordId,
    consent::Grant,
    names::Named,
    policy::covers,
    record::{RecordStatus, RecordType},
};
use store::{
    Fault, Item, Store, keys,
    list::{Merged, Page},
    rows::{PageContent, Record, RecordContent},
    vault::DataKey,
};

use crate::view::RecordView;

/// What the caller looks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) kind: Option<RecordType>,
    pub(crate) from: Option<Date>,
    pub(crate) to: Option<Date>,
    pub(crate) status: Option<RecordStatus>,
    /// In lower case.
    pub(crate) words: Vec<String>,
}

impl Filter {
    fn admits(&self, row: &Record, content: &RecordContent) -> bool {
        self.kind.is_none_or(|kind| content.kind == kind)
            && self.from.is_none_or(|from| content.date >= from)
            && self.to.is_none_or(|to| content.date <= to)
            && self.status.is_none_or(|status| row.status == status)
    }

    /// The words that neither title nor notes hold.
    fn missing(&self, content: &RecordContent) -> HashSet<&str> {
        let mut texts = vec![content.title.to_lowercase()];
        texts.extend(content.notes.as_ref().map(|notes| notes.to_lowercase()));
        let held = |word: &&String| texts.iter().any(|text| text.contains(word.as_str()));
        self.words.iter().filter(|word| !held(word)).map(String::as_str).collect()
    }
}

/// What the list may show and how it is opened.
pub(crate) struct Scope<'a> {
    pub(crate) store: &'a Store,
    pub(crate) key: &'a DataKey,
    pub(crate) grant: Option<&'a Grant>,
    pub(crate) patient: PatientId,
    pub(crate) filter: &'a Filter,
}

impl<'a> Scope<'a> {
    /// The walk along the records made before `before`, without those whose type alone keeps them
    /// from being shown: so that it is as short in a vault that is full of others.
    pub(crate) fn walk(&self, before: Option<RecordId>, limit: usize) -> Merged<'a> {
        let types = RecordType::NAMES.iter().map(|(kind, _)| *kind);
        let shown: Vec<_> = types.filter(|kind| self.may_show(*kind)).collect();
        let of_type = |kind: RecordType| {
            let token = self.key.token(kind.name());
            keys::records_of_type(self.patient, &token, before)
        };
        let ranges = match shown.len() == RecordType::NAMES.len() {
            true => vec![keys::records(self.patient, before)],
            false => shown.into_iter().map(of_type).collect(),
        };
        let scrolls = ranges.into_iter().map(|range| self.store.scroll(range, None));
        scrolls.map(|scroll| scroll.for_page(limit)).collect()
    }

    fn may_show(&self, kind: RecordType) -> bool {
        self.filter.kind.is_none_or(|wanted| wanted == kind)
            && self.grant.is_none_or(|grant| grant.terms.types.contains(&kind))
    }

    /// Offers to `page` what it shows of `items`.
    pub(crate) async fn fill(
        &self,
        page: &mut Page<RecordView>,
        items: &[Item],
    ) -> Result<(), Fault> {
        let mut seen = Vec::new();
        for item in items {
            let (row, content): (Record, RecordContent) = (item.clear()?, item.open(self.key)?);
            if self.covers(&row, &content) {
                seen.push((item, row, content));
            }
        }
        let texts = self.texts(&seen).await?;
        for (item, row, content) in &seen {
            let Some(id) = record_id(item) else { continue };
            let mut missing = self.filter.missing(content);
            missing.retain(|word| !texts.get(&id).is_some_and(|held| held.contains(*word)));
            match self.filter.admits(row, content) && missing.is_empty() {
                true => page.offer(item, RecordView::new(id, row, content)),
                false => page.pass(item),
            }
        }
        Ok(())
    }

    /// The patient sees all of it; a doctor what the grant covers and what passed the checks.
    fn covers(&self, row: &Record, content: &RecordContent) -> bool {
        self.grant.is_none_or(|grant| {
            row.status == RecordStatus::Available && covers(grant, content.class())
        })
    }

    /// Which of the words that are looked for stand in the text of which record.
    async fn texts(
        &self,
        seen: &[(&Item, Record, RecordContent)],
    ) -> Result<HashMap<RecordId, HashSet<String>>, Fault> {
        let mut held: HashMap<_, HashSet<String>> = HashMap::new();
        let wanted = |(item, row, content): &(&Item, Record, RecordContent)| {
            let searched = self.filter.admits(row, content);
            let searched = searched && !self.filter.missing(content).is_empty();
            searched.then(|| record_id(item)).flatten()
        };
        let ids: HashSet<_> = seen.iter().filter_map(wanted).collect();
        let (Some(oldest), Some(newest)) = (ids.iter().min(), ids.iter().max()) else {
            return Ok(held);
        };
        let mut scroll = self.store.scroll(keys::texts(self.patient, *oldest, *newest), None);
        while let Some(pages) = scroll.next().await? {
            for item in pages {
                let Some(id) = keys::text_of(&item.key).filter(|id| ids.contains(id)) else {
                    continue;
                };
                let PageContent { lines } = item.open(self.key)?;
                let lines: Vec<_> = lines.iter().map(|line| line.text.to_lowercase()).collect();
                let found = self.filter.words.iter();
                let found = found.filter(|word| lines.iter().any(|line| line.contains(*word)));
                held.entry(id).or_default().extend(found.cloned());
            }
        }
        Ok(held)
    }
}

/// The id of a record's item.
pub(crate) fn record_id(item: &Item) -> Option<RecordId> {
    keys::record_of(&item.key)
}
