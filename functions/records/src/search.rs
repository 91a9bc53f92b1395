//! Which records hold the words that are looked for. Looked through are the words of each text
//! ([`WordsContent`]), which take much less reading than the text.

use std::collections::{HashMap, HashSet, VecDeque};

use domain::RecordId;
use futures_util::future::try_join_all;
use store::{Fault, Item, keys, list::Scroll, rows::WordsContent};

use crate::scope::{Opened, Scope};

/// How many records' words are read at once, where each takes a query.
const AT_ONCE: usize = 16;

/// The words of the texts beside a run of records, newest first, read as a search comes to them.
#[derive(Debug)]
pub(crate) struct Words<'s> {
    run: Scroll<'s>,
    ahead: VecDeque<Item>,
}

impl<'s> Words<'s> {
    pub(crate) fn along(run: Scroll<'s>) -> Self {
        Self { run: run.for_search(), ahead: VecDeque::new() }
    }

    /// Reads on, still sealed.
    pub(crate) async fn read_ahead(&mut self) -> Result<(), Fault> {
        self.ahead.extend(self.run.next().await?.into_iter().flatten());
        Ok(())
    }

    /// The words of all records down to `oldest` that were not given before.
    async fn down_to(&mut self, oldest: RecordId) -> Result<Vec<Item>, Fault> {
        let mut found = Vec::new();
        loop {
            let is_within = |item: &mut Item| keys::words_of(&item.key) >= Some(oldest);
            while let Some(item) = self.ahead.pop_front_if(is_within) {
                found.push(item);
            }
            if !self.ahead.is_empty() || self.run.has_ended() {
                return Ok(found);
            }
            self.read_ahead().await?;
        }
    }
}

impl Scope<'_> {
    /// Those of `records` that hold every word that is looked for, in title, notes or text, and how
    /// many items were read for that.
    pub(crate) async fn search<'r, 'i: 'r>(
        &self,
        records: impl Iterator<Item = &'r Opened<'i>>,
        words: Option<&mut Words<'_>>,
    ) -> Result<(HashSet<RecordId>, usize), Fault> {
        let wanted: Vec<_> = records.map(|one| (one, self.filter.missing(&one.content))).collect();
        let unsure = wanted.iter().filter(|(one, missing)| one.is_read() && !missing.is_empty());
        let unsure: HashSet<_> = unsure.map(|(one, _)| one.id).collect();
        let read = match (words, unsure.iter().min()) {
            (_, None) => Vec::new(),
            (Some(words), Some(oldest)) => words.down_to(*oldest).await?,
            (None, Some(_)) => self.words_of_each(&unsure).await?,
        };
        let held = self.held(&read, &unsure)?;
        let found = wanted.iter().filter(|(one, missing)| match held.get(&one.id) {
            Some(held) => missing.is_subset(held),
            None => missing.is_empty(),
        });
        Ok((found.map(|(one, _)| one.id).collect(), read.len()))
    }

    /// The words of each of these records by itself. Between those of a doctor's scope may lie any
    /// number of others, which are not read: not even the time tells of them.
    async fn words_of_each(&self, ids: &HashSet<RecordId>) -> Result<Vec<Item>, Fault> {
        let mut scrolls: Vec<_> = ids
            .iter()
            .map(|id| self.store.scroll(keys::words_in(self.patient, *id), None))
            .collect();
        let mut items = Vec::new();
        for some in scrolls.chunks_mut(AT_ONCE) {
            let read = try_join_all(some.iter_mut().map(Scroll::all)).await?;
            items.extend(read.into_iter().flatten());
        }
        Ok(items)
    }

    /// Which of the words that are looked for stand in the text of which of `ids`.
    fn held(
        &self,
        items: &[Item],
        ids: &HashSet<RecordId>,
    ) -> Result<HashMap<RecordId, HashSet<&str>>, Fault> {
        let mut held = HashMap::<_, HashSet<_>>::new();
        for item in items {
            let Some(id) = keys::words_of(&item.key).filter(|id| ids.contains(id)) else {
                continue;
            };
            let WordsContent { words } = item.open(self.key)?;
            let wanted = self.filter.words.iter().map(String::as_str);
            held.entry(id).or_default().extend(wanted.filter(|word| words.contains(word)));
        }
        Ok(held)
    }
}
