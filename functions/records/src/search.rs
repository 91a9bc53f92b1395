//! Which records hold the words that are looked for. Looked through are the words of each text
//! ([`WordsContent`]), which take much less reading than the text.

use std::collections::{HashMap, HashSet, VecDeque};

use domain::RecordId;
use store::{
    DataKey, Fault, Item, keys,
    list::{Scroll, looked_at},
    rows::WordsContent,
};

use crate::scope::{Opened, SEARCHED_AT_ONCE, Scope};

/// The words of the texts beside a run of records, newest first, read as a search comes to them.
#[derive(Debug)]
pub(crate) struct Words<'s> {
    run: Scroll<'s>,
    ahead: VecDeque<Item>,
}

impl<'s> Words<'s> {
    /// For a page of `limit`.
    pub(crate) fn along(run: Scroll<'s>, limit: usize) -> Self {
        // The other half of what a page looks at are the records, but for the last that it ends in.
        // One more tells that there are no more of the last.
        let all = looked_at(limit);
        let most = all.min(all / 2 + SEARCHED_AT_ONCE);
        Self { run: run.by(most + 1), ahead: VecDeque::new() }
    }

    /// Reads on, still sealed.
    pub(crate) async fn read_ahead(&mut self) -> Result<(), Fault> {
        self.ahead.extend(self.run.next().await?.into_iter().flatten());
        Ok(())
    }

    /// Shows the words of all records down to `oldest` that were not shown before.
    async fn show(&mut self, oldest: RecordId, held: &mut Held<'_>) -> Result<(), Fault> {
        let is_within = |item: &mut Item| keys::words_of(&item.key) >= Some((oldest, 0));
        loop {
            while let Some(item) = self.ahead.pop_front_if(is_within) {
                held.see(&item)?;
            }
            if !self.ahead.is_empty() || self.run.has_ended() {
                return Ok(());
            }
            self.read_ahead().await?;
        }
    }
}

/// Which of the words that are looked for stand in which text.
struct Held<'a> {
    key: &'a DataKey,
    wanted: &'a [String],
    /// The records whose texts are looked through, and how many parts their words have.
    texts: HashMap<RecordId, u32>,
    found: HashMap<RecordId, HashSet<&'a str>>,
    /// How many items were read.
    read: usize,
}

impl Held<'_> {
    fn see(&mut self, item: &Item) -> Result<(), Fault> {
        self.read += 1;
        let Some((id, part)) = keys::words_of(&item.key) else { return Ok(()) };
        // An earlier reading may have left parts behind that this one no longer has.
        if self.texts.get(&id).is_none_or(|parts| part > *parts) {
            return Ok(());
        }
        let WordsContent { words } = item.open(self.key)?;
        let wanted = self.wanted.iter().map(String::as_str);
        self.found.entry(id).or_default().extend(wanted.filter(|word| words.contains(word)));
        Ok(())
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
        let unsure = wanted.iter().filter(|(_, missing)| !missing.is_empty());
        let texts: HashMap<_, _> =
            unsure.filter_map(|(one, _)| Some((one.id, one.word_parts()?))).collect();
        let oldest = texts.keys().min().copied();
        let (key, looked_for) = (self.key, &self.filter.words);
        let mut held = Held { key, wanted: looked_for, texts, found: HashMap::new(), read: 0 };
        match (words, oldest) {
            (_, None) => {}
            (Some(words), Some(oldest)) => words.show(oldest, &mut held).await?,
            (None, Some(_)) => self.show_each(&mut held).await?,
        }
        let found = wanted.iter().filter(|(one, missing)| match held.found.get(&one.id) {
            Some(found) => missing.is_subset(found),
            None => missing.is_empty(),
        });
        Ok((found.map(|(one, _)| one.id).collect(), held.read))
    }

    /// Shows the words of each text by itself. Between those of a doctor's scope may lie any number
    /// of others, which are not read: not even the time tells of them.
    async fn show_each(&self, held: &mut Held<'_>) -> Result<(), Fault> {
        let texts = held.texts.iter();
        let parts = texts.flat_map(|(id, parts)| (1..=*parts).map(move |part| (*id, part)));
        let places: Vec<_> = parts.map(|(id, part)| keys::words(self.patient, id, part)).collect();
        for some in places.chunks(SEARCHED_AT_ONCE) {
            for item in self.store.table.read_each(some).await? {
                held.see(&item)?;
            }
        }
        Ok(())
    }
}
