//! Which records a list shows: those the caller may see, the filters admit and the words are in.

use std::collections::HashSet;

use domain::{
    PatientId, RecordId,
    consent::Grant,
    policy::covers,
    record::{Class, Dates, RecordStatus, RecordType, TextStatus},
};
use store::{
    Fault, Item, Store,
    classes::Classes,
    keys::{self, Among},
    list::{Page, Scroll, looked_at},
    rows::{Record, RecordContent},
    vault::DataKey,
};

use crate::{search::Words, view::RecordView};

/// Among how many records words are searched for at once: their texts may hold many.
pub(crate) const SEARCHED_AT_ONCE: usize = 50;

/// What the caller looks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) kind: Option<RecordType>,
    pub(crate) dates: Dates,
    pub(crate) status: Option<RecordStatus>,
    /// In lower case.
    pub(crate) words: Vec<String>,
}

impl Filter {
    /// Whether words are searched for along records of every type.
    pub(crate) fn searches_all(&self) -> bool {
        !self.words.is_empty() && self.kind.is_none() && self.dates == Dates::default()
    }

    /// How far a walk along records of every type looks ahead, for a page of `limit`: where words
    /// are searched for, hardly any is shown.
    pub(crate) fn paced<'s>(&self, records: Scroll<'s>, limit: usize) -> Scroll<'s> {
        match self.searches_all() {
            true => records.by(looked_at(limit)),
            false => records.for_page(limit),
        }
    }

    fn admits(&self, row: &Record, content: &RecordContent) -> bool {
        self.admits_class(content.class()) && self.status.is_none_or(|status| row.status == status)
    }

    fn admits_class(&self, class: Class) -> bool {
        self.kind.is_none_or(|kind| class.kind == kind) && self.dates.hold(class.date)
    }

    /// The words that neither title nor notes hold.
    pub(crate) fn missing(&self, content: &RecordContent) -> HashSet<&str> {
        let mut texts = vec![content.title.to_lowercase()];
        texts.extend(content.notes.as_ref().map(|notes| notes.to_lowercase()));
        let held = |word: &&String| texts.iter().any(|text| text.contains(word.as_str()));
        self.words.iter().filter(|word| !held(word)).map(String::as_str).collect()
    }
}

/// A record, opened.
pub(crate) struct Opened<'i> {
    item: &'i Item,
    pub(crate) id: RecordId,
    row: Record,
    pub(crate) content: RecordContent,
}

impl Opened<'_> {
    /// How many parts the words of its text have, once all of it was read.
    pub(crate) fn word_parts(&self) -> Option<u32> {
        self.row.words.filter(|_| self.row.text_status == Some(TextStatus::Read))
    }
}

/// What the list may show and how it is opened.
pub(crate) struct Scope<'a> {
    pub(crate) store: &'a Store,
    pub(crate) key: &'a DataKey,
    pub(crate) grant: Option<&'a Grant>,
    pub(crate) patient: PatientId,
    pub(crate) classes: Classes,
    pub(crate) filter: &'a Filter,
}

impl Scope<'_> {
    /// Whether a record of this type can be shown at all.
    pub(crate) fn may_show(&self, kind: RecordType) -> bool {
        self.filter.kind.is_none_or(|wanted| wanted == kind)
            && self.grant.is_none_or(|grant| grant.terms.types.contains(&kind))
    }

    /// From when to when the records are that can be shown.
    pub(crate) fn dates(&self) -> Dates {
        let granted = self.grant.map(|grant| grant.terms.dates());
        self.filter.dates.and(granted.unwrap_or_default())
    }

    /// Among which records those are that can be shown.
    pub(crate) fn among(&self) -> Among {
        if self.grant.is_some() { Among::Available } else { Among::All }
    }

    /// Offers to `page` what it shows of `items`, newest first, until it is full. `words` are
    /// those beside a run of all records, where `items` are of such a run.
    pub(crate) async fn fill(
        &self,
        page: &mut Page<RecordView>,
        items: &[Item],
        mut words: Option<&mut Words<'_>>,
    ) -> Result<(), Fault> {
        for some in items.chunks(SEARCHED_AT_ONCE) {
            if page.is_full() {
                break;
            }
            self.fill_from(page, some, words.as_deref_mut()).await?;
        }
        Ok(())
    }

    async fn fill_from(
        &self,
        page: &mut Page<RecordView>,
        items: &[Item],
        words: Option<&mut Words<'_>>,
    ) -> Result<(), Fault> {
        let mut seen = Vec::new();
        for item in items {
            let Some(id) = keys::record_of(&item.key) else { continue };
            let (row, content): (Record, RecordContent) = (item.clear()?, item.open(self.key)?);
            if self.covers(&row, &content) {
                seen.push(Opened { item, id, row, content });
            }
        }
        let admitted = |one: &&Opened<'_>| self.filter.admits(&one.row, &one.content);
        let (found, read) = self.search(seen.iter().filter(admitted), words).await?;
        for one in &seen {
            match found.contains(&one.id) {
                true => page.offer(one.item, RecordView::new(one.id, &one.row, &one.content)),
                false => page.pass(one.item),
            }
        }
        page.look_beside(read);
        Ok(())
    }

    /// The patient sees all of it; a doctor what the grant covers and what passed the checks, as
    /// [`Self::among`] has it.
    fn covers(&self, row: &Record, content: &RecordContent) -> bool {
        self.grant.is_none_or(|grant| {
            row.status == RecordStatus::Available && covers(grant, content.class())
        })
    }
}
