//! Which records hold the words that are looked for.

use std::collections::{HashMap, HashSet};

use domain::RecordId;
use futures_util::future::try_join_all;
use store::{Fault, Item, keys, keys::Range, rows::PageContent};

use crate::scope::{Opened, Scope};

/// How many runs of text are read at once.
const AT_ONCE: usize = 16;

impl Scope<'_> {
    /// Those of `records` that hold every word, in title, notes or text, and how many pages of text
    /// were read for that. `all` says that no record between them is left out.
    pub(crate) async fn search<'r, 'i: 'r>(
        &self,
        records: impl Iterator<Item = &'r Opened<'i>>,
        all: bool,
    ) -> Result<(HashSet<RecordId>, usize), Fault> {
        let wanted: Vec<_> =
            records.map(|one| (one.id, self.filter.missing(&one.content))).collect();
        let unsure = wanted.iter().filter(|(_, missing)| !missing.is_empty()).map(|(id, _)| *id);
        let (texts, read) = self.texts(&unsure.collect(), all).await?;
        let held = |id: &RecordId, word: &str| texts.get(id).is_some_and(|h| h.contains(word));
        let found = |(id, missing): &(RecordId, HashSet<&str>)| {
            missing.iter().all(|word| held(id, word)).then_some(*id)
        };
        Ok((wanted.iter().filter_map(found).collect(), read))
    }

    /// Which of the words stand in the text of which record, and how many pages were read.
    async fn texts(
        &self,
        ids: &HashSet<RecordId>,
        all: bool,
    ) -> Result<(HashMap<RecordId, HashSet<String>>, usize), Fault> {
        let (mut held, mut pages) = (HashMap::<_, HashSet<_>>::new(), 0);
        let (Some(oldest), Some(newest)) = (ids.iter().min(), ids.iter().max()) else {
            return Ok((held, pages));
        };
        // The owner's texts lie side by side. Between those of a doctor's scope may lie any number
        // of others, which are not read: not even the time tells of them.
        let ranges: Vec<_> = match all && self.grant.is_none() {
            true => vec![keys::texts(self.patient, *oldest, *newest)],
            false => ids.iter().map(|id| keys::texts(self.patient, *id, *id)).collect(),
        };
        for ranges in ranges.chunks(AT_ONCE) {
            let read = ranges.iter().map(|range| self.words_in(range.clone(), ids));
            for (id, words) in try_join_all(read).await?.into_iter().flatten() {
                held.entry(id).or_default().extend(words);
                pages += 1;
            }
        }
        Ok((held, pages))
    }

    /// The words found on each page of a run of texts; none on those of other records.
    async fn words_in(
        &self,
        range: Range,
        ids: &HashSet<RecordId>,
    ) -> Result<Vec<(RecordId, Vec<String>)>, Fault> {
        let mut found = Vec::new();
        let mut scroll = self.store.scroll(range, None);
        while let Some(pages) = scroll.next().await? {
            for item in pages {
                let Some(id) = keys::text_of(&item.key) else { continue };
                let words = match ids.contains(&id) {
                    true => self.words_on(&item)?,
                    false => Vec::new(),
                };
                found.push((id, words));
            }
        }
        Ok(found)
    }

    fn words_on(&self, page: &Item) -> Result<Vec<String>, Fault> {
        let PageContent { lines } = page.open(self.key)?;
        let lines: Vec<_> = lines.iter().map(|line| line.text.to_lowercase()).collect();
        let held = |word: &&String| lines.iter().any(|line| line.contains(*word));
        Ok(self.filter.words.iter().filter(held).cloned().collect())
    }
}
