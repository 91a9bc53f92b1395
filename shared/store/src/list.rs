//! Lists: whole pages, newest first, with cursors that tell and accept nothing but their place.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Store,
    error::Fault,
    keys::{Key, Range},
    table::{Attributes, Item, Part},
    vault::DataKey,
};

/// How many items a query looks at, unless it knows better; each that follows it twice as many.
const BATCH: usize = 100;
/// How many items a query looks at, at most: about what DynamoDB gives in one answer (1 MB).
const BIGGEST_BATCH: usize = 1000;
/// How many items a page looks at for each that it may show.
const LOOKED_AT_FOR_EACH: usize = 5;

/// How many items a page for `limit` items looks at before it leaves the rest to the next: an answer
/// that passes over much costs the more, the more was asked for.
fn looked_at(limit: usize) -> usize {
    limit.saturating_mul(LOOKED_AT_FOR_EACH)
}

/// A walk along a run, newest first, one query at a time.
#[derive(Debug)]
pub struct Scroll<'s> {
    store: &'s Store,
    range: Range,
    after: Option<Attributes>,
    /// How many items the next query looks at.
    batch: usize,
    ended: bool,
}

impl Store {
    /// Begins to walk `range`, after the place `after`.
    #[must_use]
    pub fn scroll(&self, range: Range, after: Option<Attributes>) -> Scroll<'_> {
        Scroll { store: self, range, after, batch: BATCH, ended: false }
    }
}

impl Scroll<'_> {
    /// Looks first at no more than a page for `limit` items takes: where nothing is passed over,
    /// that fills it.
    #[must_use]
    pub fn for_page(self, limit: usize) -> Self {
        Self { batch: limit.min(BATCH) + 1, ..self }
    }

    /// Looks at as many as one answer of the table holds: all of them will be needed.
    #[must_use]
    pub fn at_most(self) -> Self {
        Self { batch: BIGGEST_BATCH, ..self }
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next items; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Item>>, Fault> {
        if self.ended {
            return Ok(None);
        }
        let limit = i32::try_from(self.batch).unwrap_or(i32::MAX);
        self.batch = (self.batch * 2).clamp(BATCH, BIGGEST_BATCH);
        let part = Part { newest_first: true, limit, after: self.after.take() };
        let batch = self.store.table.run(&self.range, &part).await?;
        self.ended = batch.after.is_none();
        self.after = batch.after;
        Ok(Some(batch.items))
    }

    /// Fills a page with what `open` shows of each item. One it shows nothing of is passed over
    /// ([`Page::pass`]): the caller could see it and did not ask for it.
    ///
    /// # Errors
    /// What `open` met; `Fault::Unavailable` when the table refuses.
    pub async fn fill<T>(
        self,
        limit: usize,
        open: impl Fn(&Item) -> Result<Option<T>, Fault>,
    ) -> Result<Page<T>, Fault> {
        let mut page = Page::of(limit);
        let mut run = self.for_page(limit);
        while let Some(items) = run.next().await? {
            for item in &items {
                match open(item)? {
                    Some(value) => page.offer(item, value),
                    None => page.pass(item),
                }
            }
            if page.is_full() {
                break;
            }
        }
        Ok(page)
    }

    /// All that is left of the run: for runs that are short by nature.
    pub async fn all(&mut self) -> Result<Vec<Item>, Fault> {
        let mut all = Vec::new();
        while let Some(items) = self.next().await? {
            all.extend(items);
        }
        Ok(all)
    }
}

/// A page being filled. It takes one item more than it shows, to know whether there are more:
/// so it is short only at the end, or where it had to look at many items.
#[derive(Debug)]
pub struct Page<T> {
    limit: usize,
    /// What it shows.
    pub items: Vec<T>,
    /// How many more items it looks at.
    left: usize,
    last: Option<Attributes>,
    more: bool,
}

impl<T> Page<T> {
    /// An empty page for `limit` items.
    #[must_use]
    pub fn of(limit: usize) -> Self {
        Self { limit, items: Vec::new(), left: looked_at(limit), last: None, more: false }
    }

    /// The same page, which looks at so many items before it leaves the rest to the next.
    #[must_use]
    pub fn looking_at(self, most: usize) -> Self {
        Self { left: most, ..self }
    }

    /// Whether nothing more needs to be offered.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.more
    }

    /// How many more items it may show.
    #[must_use]
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.items.len())
    }

    /// Offers what `item` shows as.
    pub fn offer(&mut self, item: &Item, value: T) {
        self.more |= self.items.len() >= self.limit;
        if !self.more {
            self.items.push(value);
            self.look_on(item);
        }
    }

    /// Passes over an item that the caller could see and did not ask for. After many of them the
    /// page ends, short as it is: the next one goes on from here.
    pub fn pass(&mut self, item: &Item) {
        if !self.more {
            self.look_on(item);
        }
    }

    fn look_on(&mut self, item: &Item) {
        self.last = Some(place(item));
        self.left = self.left.saturating_sub(1);
        self.more |= self.left == 0;
    }

    /// The same page, with its items shown in another way.
    #[must_use]
    pub fn map<U>(self, show: impl FnMut(T) -> U) -> Page<U> {
        let Self { limit, items, left, last, more } = self;
        Page { limit, items: items.into_iter().map(show).collect(), left, last, more }
    }

    /// The cursor of the next page, or `None` when this is the last. `list` names the list and
    /// its filters: the cursor serves no other.
    pub fn next(&self, key: &DataKey, list: &Key) -> Result<Option<String>, Fault> {
        let Some(last) = self.last.as_ref().filter(|_| self.more) else { return Ok(None) };
        let place: HashMap<_, _> =
            last.iter().filter_map(|(name, value)| Some((name, value.as_s().ok()?))).collect();
        cursor(&place, key, list).map(Some)
    }
}

/// Where `item` stands in the run it came from.
fn place(item: &Item) -> Attributes {
    let names = ["PK", "SK", "GSI1PK", "GSI1SK"];
    let pair = |name: &str| Some((name.to_owned(), item.attributes.get(name)?.clone()));
    names.into_iter().filter_map(pair).collect()
}

/// A cursor for `place`. `list` names the list and its filters: the cursor serves no other.
pub fn cursor(place: &impl Serialize, key: &DataKey, list: &Key) -> Result<String, Fault> {
    let plain = serde_json::to_vec(place).map_err(|_| Fault::Corrupt("cursor"))?;
    Ok(URL_SAFE_NO_PAD.encode(key.seal(list, "cursor", &plain)?))
}

/// The place that a cursor stands for; `None` when [`cursor`] did not give it for `list`.
#[must_use]
pub fn read_cursor<T: DeserializeOwned>(cursor: &str, key: &DataKey, list: &Key) -> Option<T> {
    let sealed = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let plain = key.open(list, "cursor", &sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}

/// The place of an item as a [`Page`]'s cursor holds it.
#[must_use]
pub fn read_place(cursor: &str, key: &DataKey, list: &Key) -> Option<Attributes> {
    let place: HashMap<String, String> = read_cursor(cursor, key, list)?;
    Some(place.into_iter().map(|(name, value)| (name, AttributeValue::S(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(n: usize) -> Item {
        let key = Key { pk: "P".into(), sk: format!("{n:05}") };
        let attributes = crate::table::key_attributes(&key);
        Item { key, attributes }
    }

    /// The last place a page holds, and whether it leads on.
    fn end<T>(page: &Page<T>) -> (Option<&str>, bool) {
        let last = page.last.as_ref().and_then(|place| place["SK"].as_s().ok());
        (last.map(String::as_str), page.more)
    }

    #[test]
    fn a_page_takes_one_more_than_it_shows_and_leads_on_after_the_last_shown() {
        let mut page = Page::of(2);
        for n in 0..4 {
            page.offer(&item(n), n);
            assert_eq!(page.is_full(), n >= 2);
        }
        assert_eq!(page.items, [0, 1]);
        assert_eq!(end(&page), (Some("00001"), true));
    }

    #[test]
    fn a_page_ends_where_many_were_passed_over_and_loses_none_that_comes_after() {
        let mut page = Page::of(2);
        page.offer(&item(0), 0);
        for n in 1..10 {
            assert!(!page.is_full());
            page.pass(&item(n));
        }
        assert!(page.is_full());
        page.offer(&item(10), 1);
        page.pass(&item(11));
        assert_eq!(page.items, [0]);
        assert_eq!(end(&page), (Some("00009"), true));
    }
}
