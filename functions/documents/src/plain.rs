//! Plain text is read by `upload_ingest` itself, the one function that file contents pass through, once
//! the file is kept.

use domain::{
    policy::Action,
    record::{TextProblem, TextStatus},
};
use store::{
    Fault, Objects, Store,
    objects::Place,
    rows::{Line, PageContent},
};

use crate::{text, vaulted::Vaulted};

/// The longest text that is read, in bytes.
const MAX_BYTES: u64 = 1_000_000;
/// What goes into one page of text, which has none of its own.
const PAGE_LINES: usize = 500;
const PAGE_BYTES: usize = 50_000;
/// A longer line goes on in the next one.
const LINE_CHARS: usize = 2_000;

/// Reads the text of an available record from its kept file, unless that was done.
pub(crate) async fn read(store: &Store, objects: &Objects, place: Place) -> Result<(), Fault> {
    let record = Vaulted::find(store, place).await?.filter(text::is_wanted);
    let Some(record) = record else { return Ok(()) };
    let end = |outcome| text::end(store, &record, outcome, Action::UploadIngest);
    if record.file(store).await?.size > MAX_BYTES {
        return end((TextStatus::Unreadable, TextProblem::TooLarge)).await;
    }
    let Some(kept) = objects.open(&place.kept()).await? else {
        return end((TextStatus::Failed, TextProblem::ReaderFailed)).await;
    };
    let bytes = kept.body.collect().await;
    let bytes = bytes.map_err(|_| Fault::Unavailable("broken-stream".into()))?.into_bytes();
    let content = std::str::from_utf8(&bytes).map_err(|_| Fault::Corrupt("kept-text"))?;
    text::keep(store, &record, pages(content), Action::UploadIngest).await
}

fn pages(content: &str) -> Vec<PageContent> {
    let mut pages = vec![PageContent::default()];
    let mut bytes = 0;
    for text in content.lines().flat_map(cut).filter(|text| !text.trim().is_empty()) {
        let full =
            |page: &PageContent| page.lines.len() >= PAGE_LINES || bytes + text.len() > PAGE_BYTES;
        if pages.last().is_some_and(full) {
            pages.push(PageContent::default());
            bytes = 0;
        }
        bytes += text.len();
        if let Some(page) = pages.last_mut() {
            page.lines.push(Line { text, confidence: 100.0, bounds: None });
        }
    }
    pages
}

/// A line in pieces of [`LINE_CHARS`].
fn cut(line: &str) -> Vec<String> {
    let characters: Vec<char> = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
    characters.chunks(LINE_CHARS).map(|piece| piece.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_cut_into_lines_and_pages_that_fit() {
        let lines = |content: &str| -> Vec<Vec<String>> {
            let lines = |page: PageContent| page.lines.into_iter().map(|line| line.text).collect();
            pages(content).into_iter().map(lines).collect()
        };
        assert_eq!(lines("a\r\n\n \n\tb\n"), [["a", "\tb"]]);
        assert_eq!(lines(" \n\n"), [[""; 0]]);
        assert_eq!(lines(&"ü".repeat(LINE_CHARS * 3 + 1))[0].len(), 4);
        let many = lines(&"x\n".repeat(PAGE_LINES * 2 + 1));
        assert_eq!(many.iter().map(Vec::len).collect::<Vec<_>>(), [500, 500, 1]);
        let whole = "0123456789".repeat(100_000);
        assert_eq!(lines(&whole).concat().concat(), whole);
        let bytes = |page: &PageContent| serde_json::to_vec(page).unwrap().len();
        assert!(pages(&whole).iter().all(|page| bytes(page) < text::MAX_PAGE_BYTES));
    }
}
