//! A document's text: from what the reader saw to sealed pages in the vault.

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_sdk_textract::types::{Block, BlockType, Relationship, RelationshipType};
use domain::{
    audit::Done,
    names::Named,
    policy::Action,
    record::{RecordStatus, TextProblem, TextStatus},
};
use store::{
    Attribute, Change, DataKey, Fault, Store, keys, number,
    objects::Place,
    rows::{Bounds, Line, PageContent, TextPage, TextSource, UnsureWord, WordsContent, text_items},
    table::{Attributes, SEALED},
    text,
};

use crate::{measure::measures, vaulted::Vaulted};

/// The most an item may hold is 400 KB; the rest is for its keys and the seal.
pub(crate) const MAX_PAGE_BYTES: usize = 380_000;
/// What goes into one transaction.
const BATCH_ITEMS: usize = 25;
const BATCH_BYTES: usize = 1_000_000;

/// A word of which the reader is less sure may be wrong.
const SURE: f32 = 90.0;

/// The pages of a document in the making.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// The lines of each page, and the ids of their words.
    lines: BTreeMap<u32, Vec<(Line, Vec<String>)>>,
    /// The words that the reader is not sure of, by id: they may come in a later answer than their line.
    unsure: HashMap<String, UnsureWord>,
    /// The words with digits: what follows one is a unit, however it was read.
    numbers: HashSet<String>,
}

impl Pages {
    /// Takes the lines among the blocks, in their order, and the words that are to be marked.
    pub(crate) fn take(&mut self, blocks: &[Block]) {
        for block in blocks {
            match block.block_type() {
                Some(BlockType::Line) => {
                    // A document read at once has one page, which then is not numbered.
                    let page = block.page().and_then(|page| u32::try_from(page).ok());
                    let Some(line) = line(block) else { continue };
                    let line = (line, words_of(block));
                    self.lines.entry(page.unwrap_or(1).max(1)).or_default().push(line);
                }
                Some(BlockType::Word) => self.take_word(block),
                _ => {}
            }
        }
    }

    fn take_word(&mut self, block: &Block) {
        let (Some(id), Some(text)) = (block.id(), block.text()) else { return };
        if text.contains(char::is_numeric) {
            self.numbers.insert(id.to_owned());
        }
        let confidence = rounded(block.confidence().unwrap_or_default(), 100.0);
        if confidence < SURE {
            self.unsure.insert(id.to_owned(), UnsureWord { text: text.to_owned(), confidence });
        }
    }

    /// All pages from the first to the last, those without text among them.
    pub(crate) fn finish(mut self, count: Option<i32>) -> Vec<PageContent> {
        let last = self.lines.last_key_value().map_or(0, |(page, _)| *page);
        let count = count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0).max(last);
        (1..=count).map(|page| self.page(page)).collect()
    }

    fn page(&mut self, page: u32) -> PageContent {
        let lines = self.lines.remove(&page).unwrap_or_default().into_iter();
        let lines = lines.map(|(line, words)| {
            let before = [None].into_iter().chain(words.iter().map(Some));
            let marked =
                words.iter().zip(before).filter_map(|(id, before)| self.marked(id, before));
            Line { unsure: marked.collect(), ..line }
        });
        PageContent { lines: lines.collect(), source: Some(TextSource::Ocr) }
    }

    /// A word that is to be marked: unsure, and with a digit or a unit.
    fn marked(&self, id: &String, before: Option<&String>) -> Option<UnsureWord> {
        let is_unit = before.is_some_and(|before| self.numbers.contains(before));
        self.unsure.get(id).filter(|word| is_unit || measures(&word.text)).cloned()
    }
}

/// The ids of a line's words.
fn words_of(line: &Block) -> Vec<String> {
    let children = |related: &&Relationship| related.r#type() == Some(&RelationshipType::Child);
    let ids = line.relationships().iter().filter(children).flat_map(Relationship::ids);
    ids.cloned().collect()
}

fn line(block: &Block) -> Option<Line> {
    let text: String = block.text()?.chars().filter(|c| !c.is_control()).collect();
    if text.trim().is_empty() {
        return None;
    }
    let bounds = block.geometry().and_then(|geometry| geometry.bounding_box());
    Some(Line {
        text,
        confidence: rounded(block.confidence().unwrap_or_default(), 100.0),
        bounds: bounds.map(|bounds| Bounds {
            left: rounded(bounds.left(), 100_000.0),
            top: rounded(bounds.top(), 100_000.0),
            width: rounded(bounds.width(), 100_000.0),
            height: rounded(bounds.height(), 100_000.0),
        }),
        unsure: Vec::new(),
    })
}

/// Rounded to what can be told apart, which takes half the room.
fn rounded(value: f32, steps: f32) -> f32 {
    (value * steps).round() / steps
}

/// Makes a page fit an item: a page that is too full loses its boxes first, then its last lines.
fn fitting(mut page: PageContent) -> Result<PageContent, Fault> {
    let size = |page: &PageContent| {
        serde_json::to_vec(page).map(|json| json.len()).map_err(|_| Fault::Corrupt("content"))
    };
    if size(&page)? > MAX_PAGE_BYTES {
        page.lines.iter_mut().for_each(|line| line.bounds = None);
    }
    while size(&page)? > MAX_PAGE_BYTES {
        page.lines.truncate(page.lines.len() / 2);
    }
    Ok(page)
}

/// Whether a record is available and its text was not yet had. A failed reading may be repeated.
pub(crate) fn is_wanted(record: &Vaulted) -> bool {
    use TextStatus::{Failed, Pending, Reading};
    record.row.status == RecordStatus::Available
        && matches!(record.row.text_status, Some(Pending | Reading | Failed))
}

/// Keeps the text of a record: its pages and words first, which nobody sees until, last, the record
/// says that it was read. Another who was faster makes it `Fault::Changed`.
pub(crate) async fn keep(
    store: &Store,
    record: &Vaulted,
    pages: Vec<PageContent>,
    charset: Option<String>,
    action: Action,
) -> Result<(), Fault> {
    if pages.iter().all(|page| page.lines.is_empty()) {
        let outcome = (TextStatus::Unreadable, TextProblem::NoText);
        return end(store, record, outcome, action).await;
    }
    let count = u32::try_from(pages.len()).map_err(|_| Fault::Corrupt("pages"))?;
    let pages = pages.into_iter().map(fitting).collect::<Result<Vec<_>, _>>()?;
    let words = WordsContent::of(&pages);
    let parts = u32::try_from(words.len()).map_err(|_| Fault::Corrupt("words"))?;
    write(store, record, &*record.key(store).await?, (&pages, &words)).await?;
    let now = edge::request::now();
    let update = record
        .update()
        .set(Attribute::TextStatus, text(TextStatus::Read.name()))
        .set(Attribute::Pages, number(count))
        .set(Attribute::Words, number(parts))
        .set(Attribute::UpdatedAt, text(now))
        .remove(Attribute::TextProblem);
    let update = match charset {
        Some(charset) => update.set(Attribute::Charset, text(charset)),
        None => update,
    };
    let entry = record.entry(action, Done::TextRead);
    record.change(store, update).audit(&entry, now).commit().await
}

/// Keeps the pages that have a text of their own until the reader has read the others.
pub(crate) async fn keep_for_later(
    store: &Store,
    record: &Vaulted,
    pages: Vec<Option<PageContent>>,
) -> Result<(), Fault> {
    let pages = pages.into_iter().map(|page| fitting(page.unwrap_or_default()));
    let pages = pages.collect::<Result<Vec<_>, _>>()?;
    write(store, record, &*record.key(store).await?, (&pages, &[])).await
}

/// The pages that the reader read, with those that were kept for then in their place.
pub(crate) async fn with_kept(
    store: &Store,
    record: &Vaulted,
    mut pages: Vec<PageContent>,
) -> Result<Vec<PageContent>, Fault> {
    let Place { patient, record: id } = record.place;
    let last = u32::try_from(pages.len()).unwrap_or(u32::MAX);
    let kept = store.scroll(keys::text_pages(patient, id, 1, last), None).all().await?;
    let key = record.key(store).await?;
    for item in kept {
        let TextPage { page } = item.clear()?;
        let content: PageContent = item.open(&key)?;
        let at = usize::try_from(page).unwrap_or_default().checked_sub(1);
        if content.source == Some(TextSource::TextLayer)
            && let Some(read) = at.and_then(|at| pages.get_mut(at))
        {
            *read = content;
        }
    }
    Ok(pages)
}

async fn write(
    store: &Store,
    record: &Vaulted,
    key: &DataKey,
    text: (&[PageContent], &[WordsContent]),
) -> Result<(), Fault> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for piece in text_items(record.place.patient, record.place.record, text, key) {
        let piece = piece?;
        let sealed = piece.get(SEALED).and_then(|sealed| sealed.as_b().ok());
        let size = sealed.map_or(0, |sealed| sealed.as_ref().len());
        if batch.len() == BATCH_ITEMS || bytes + size > BATCH_BYTES {
            write_batch(store, record, std::mem::take(&mut batch)).await?;
            bytes = 0;
        }
        bytes += size;
        batch.push(piece);
    }
    write_batch(store, record, batch).await
}

/// Pieces are written over those of an earlier attempt, but only while the record is as it was.
async fn write_batch(store: &Store, record: &Vaulted, batch: Vec<Attributes>) -> Result<(), Fault> {
    let change = record.change(store, record.update());
    batch.into_iter().fold(change, Change::repeat).commit().await
}

/// Records that reading ended without text, and why. The document itself stays as it is (I11).
pub(crate) async fn end(
    store: &Store,
    record: &Vaulted,
    (status, problem): (TextStatus, TextProblem),
    action: Action,
) -> Result<(), Fault> {
    if record.row.text_status == Some(status) {
        return Ok(());
    }
    let now = edge::request::now();
    let update = record
        .update()
        .set(Attribute::TextStatus, text(status.name()))
        .set(Attribute::TextProblem, text(problem.name()))
        .set(Attribute::UpdatedAt, text(now));
    let entry = record.entry(action, Done::TextFailed);
    record.change(store, update).audit(&entry, now).commit().await
}

/// The `result` of an attempt. When the last one failed the record says so too, so that nobody waits
/// for its text; the message is put aside for a replay.
pub(crate) async fn or_give_up(
    result: Result<(), Fault>,
    is_last: bool,
    store: &Store,
    place: Place,
    action: Action,
) -> Result<(), Fault> {
    if is_last
        && let Err(Fault::Unavailable(_) | Fault::Corrupt(_)) = result
        && let Some(record) = Vaulted::find(store, place).await?.filter(is_wanted)
    {
        end(store, &record, (TextStatus::Failed, TextProblem::ReaderFailed), action).await?;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_textract::types::{BoundingBox, Geometry};

    fn block(kind: BlockType, page: Option<i32>, text: &str) -> Block {
        let bounds = BoundingBox::builder().left(0.123_456_7).top(0.5).width(0.25).height(0.01);
        Block::builder()
            .block_type(kind)
            .set_page(page)
            .text(text)
            .confidence(98.765_43)
            .geometry(Geometry::builder().bounding_box(bounds.build()).build())
            .build()
    }

    fn lines(pages: &[PageContent]) -> Vec<Vec<&str>> {
        pages.iter().map(|page| page.lines.iter().map(|l| l.text.as_str()).collect()).collect()
    }

    #[test]
    fn lines_stand_on_their_page_in_their_order_and_words_do_not_count() {
        let mut pages = Pages::default();
        pages.take(&[
            block(BlockType::Page, Some(1), ""),
            block(BlockType::Line, Some(1), "one"),
            block(BlockType::Word, Some(1), "one"),
            block(BlockType::Line, Some(3), "three"),
        ]);
        pages.take(&[block(BlockType::Line, Some(1), "two"), block(BlockType::Line, Some(1), " ")]);
        let pages = pages.finish(Some(4));
        assert_eq!(lines(&pages), [vec!["one", "two"], vec![], vec!["three"], vec![]]);
        let first = &pages[0].lines[0];
        assert_eq!((first.confidence, first.bounds.unwrap().left), (98.77, 0.12346));
    }

    #[test]
    fn unsure_words_with_digits_or_units_are_marked_in_their_line() {
        let word = |id: &str, text: &str, confidence: f32| {
            let block = Block::builder().block_type(BlockType::Word).id(id).text(text);
            block.confidence(confidence).build()
        };
        let children = Relationship::builder().r#type(RelationshipType::Child);
        let children =
            ["a", "b", "c", "d", "f"].iter().fold(children, |children, id| children.ids(*id));
        let line = Block::builder().block_type(BlockType::Line).text("Aspirin daily mg 8img mmoiA");
        let line = line.confidence(90.0).relationships(children.build()).build();
        let mut pages = Pages::default();
        pages.take(&[line, word("a", "Aspirin", 20.0), word("b", "daily", 10.0)]);
        pages.take(&[
            word("c", "mg", 89.99),
            word("d", "8img", 85.256),
            word("e", "7", 1.0),
            word("f", "mmoiA", 60.0),
        ]);
        let pages = pages.finish(None);
        let marked = |text: &str, confidence| UnsureWord { text: text.into(), confidence };
        assert_eq!(
            pages[0].lines[0].unsure,
            [marked("mg", 89.99), marked("8img", 85.26), marked("mmoiA", 60.0)]
        );
        assert_eq!(pages[0].source, Some(TextSource::Ocr));
        let sure = [word("b", "81", 90.0)];
        let mut pages = Pages::default();
        pages.take(&sure);
        assert!(pages.unsure.is_empty());
    }

    #[test]
    fn a_page_without_a_number_is_the_first() {
        for page in [None, Some(0), Some(-1), Some(1)] {
            let mut pages = Pages::default();
            pages.take(&[block(BlockType::Line, page, "text")]);
            assert_eq!(lines(&pages.finish(None)), [["text"]]);
        }
        assert!(Pages::default().finish(None).is_empty());
    }

    #[test]
    fn a_page_that_is_too_full_loses_boxes_before_lines() {
        let bounds = Some(Bounds { left: 0.12345, top: 0.12345, width: 0.12345, height: 0.12345 });
        let line =
            |text: &str| Line { text: text.into(), confidence: 99.99, bounds, unsure: vec![] };
        let full = PageContent { lines: vec![line("some words of a line"); 4000], source: None };
        let fit = fitting(full).unwrap();
        assert_eq!(fit.lines.len(), 4000);
        assert!(fit.lines.iter().all(|line| line.bounds.is_none()));
        let fuller = PageContent { lines: vec![line(&"x".repeat(1000)); 1000], source: None };
        let fit = fitting(fuller).unwrap();
        assert!((1..1000).contains(&fit.lines.len()));
        let small = PageContent { lines: vec![line("x")], source: None };
        assert!(fitting(small).unwrap().lines[0].bounds.is_some());
    }
}
