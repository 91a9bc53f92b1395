//! Lists: whole pages, newest first, with cursors that tell and accept nothing but their place.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    Store,
    error::Fault,
    keys::{Key, Range},
    table::{Attributes, Item, Part},
    vault::DataKey,
};

/// How many items one query looks at, at most.
const BATCH: i32 = 100;

/// A walk along a run, newest first, one query at a time.
#[derive(Debug)]
pub struct Scroll<'s> {
    store: &'s Store,
    range: Range,
    after: Option<Attributes>,
    /// How many items the next query looks at.
    batch: i32,
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
        let batch = i32::try_from(limit).unwrap_or(BATCH).saturating_add(1).min(BATCH);
        Self { batch, ..self }
    }

    /// The next items; `None` at the end.
    ///
    /// # Errors
    /// `Fault::Unavailable` when the table refuses.
    pub async fn next(&mut self) -> Result<Option<Vec<Item>>, Fault> {
        if self.ended {
            return Ok(None);
        }
        let limit = std::mem::replace(&mut self.batch, BATCH);
        let part = Part { newest_first: true, limit, after: self.after.take() };
        let batch = self.store.table.run(&self.range, &part).await?;
        self.ended = batch.after.is_none();
        self.after = batch.after;
        Ok(Some(batch.items))
    }

    /// Fills a page with what `open` shows of each item; an item it shows nothing of is passed
    /// over.
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
                if let Some(value) = open(item)? {
                    page.offer(item, value);
                }
            }
            if page.is_full() {
                break;
            }
        }
        Ok(page)
    }

    /// All that is left of the run: for runs that are short by nature.
    ///
    /// # Errors
    /// `Fault::Unavailable` when the table refuses.
    pub async fn all(&mut self) -> Result<Vec<Item>, Fault> {
        let mut all = Vec::new();
        while let Some(items) = self.next().await? {
            all.extend(items);
        }
        Ok(all)
    }
}

/// A page being filled. It takes one item more than it shows, to know whether there are more:
/// so a page is never short and a cursor never leads to nothing.
#[derive(Debug)]
pub struct Page<T> {
    limit: usize,
    /// What it shows.
    pub items: Vec<T>,
    last: Option<Attributes>,
    more: bool,
}

impl<T> Page<T> {
    /// An empty page for `limit` items.
    #[must_use]
    pub fn of(limit: usize) -> Self {
        Self { limit, items: Vec::new(), last: None, more: false }
    }

    /// Whether nothing more needs to be offered.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.more
    }

    /// Offers what `item` shows as.
    pub fn offer(&mut self, item: &Item, value: T) {
        if self.items.len() < self.limit {
            self.last = Some(place(item));
            self.items.push(value);
        } else {
            self.more = true;
        }
    }

    /// The same page, with its items shown in another way.
    #[must_use]
    pub fn map<U>(self, show: impl FnMut(T) -> U) -> Page<U> {
        let Self { limit, items, last, more } = self;
        Page { limit, items: items.into_iter().map(show).collect(), last, more }
    }

    /// The cursor of the next page, or `None` when this is the last. `list` names the list and
    /// its filters: the cursor serves no other.
    ///
    /// # Errors
    /// See [`DataKey::seal`].
    pub fn next(&self, key: &DataKey, list: &Key) -> Result<Option<String>, Fault> {
        let Some(last) = self.last.as_ref().filter(|_| self.more) else { return Ok(None) };
        let place: HashMap<_, _> =
            last.iter().filter_map(|(name, value)| Some((name, value.as_s().ok()?))).collect();
        let plain = serde_json::to_vec(&place).map_err(|_| Fault::Corrupt("cursor"))?;
        Ok(Some(URL_SAFE_NO_PAD.encode(key.seal(list, "cursor", &plain)?)))
    }
}

/// Where `item` stands in the run it came from.
fn place(item: &Item) -> Attributes {
    let names = ["PK", "SK", "GSI1PK", "GSI1SK"];
    let pair = |name: &str| Some((name.to_owned(), item.attributes.get(name)?.clone()));
    names.into_iter().filter_map(pair).collect()
}

/// The place a cursor stands for; `None` when it is not one that [`Page::next`] gave for `list`.
#[must_use]
pub fn read_cursor(cursor: &str, key: &DataKey, list: &Key) -> Option<Attributes> {
    let sealed = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let plain = key.open(list, "cursor", &sealed).ok()?;
    let place: HashMap<String, String> = serde_json::from_slice(&plain).ok()?;
    Some(place.into_iter().map(|(name, value)| (name, AttributeValue::S(value))).collect())
}
