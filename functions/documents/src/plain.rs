//! Plain text is read by `upload_ingest` itself, the one function that file contents pass through, once
//! the file is kept.

use domain::{
    policy::Action,
    record::{TextProblem, TextStatus},
};
use store::{
    Fault, Objects, Store,
    objects::Place,
    rows::{Line, PageContent, TextSource},
};

use crate::{
    charset::{Decoded, decode},
    text,
    vaulted::Vaulted,
};

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
    let size = record.file(store).await?.size;
    if size > MAX_BYTES {
        return end((TextStatus::Unreadable, TextProblem::TooLarge)).await;
    }
    let Some(kept) = objects.open(&place.kept()).await? else {
        return end((TextStatus::Failed, TextProblem::ReaderFailed)).await;
    };
    let bytes = kept.body.collect().await;
    let bytes = bytes.map_err(|_| Fault::Unavailable("broken-stream".into()))?.into_bytes();
    if u64::try_from(bytes.len()) != Ok(size) {
        return Err(Fault::Corrupt("kept-text"));
    }
    let Some(Decoded { text, charset }) = decode(&bytes) else {
        return end((TextStatus::Unreadable, TextProblem::EncodingUnknown)).await;
    };
    text::keep(store, &record, pages(&text), Some(charset), Action::UploadIngest).await
}

fn pages(content: &str) -> Vec<PageContent> {
    let empty = || PageContent { source: Some(TextSource::File), ..PageContent::default() };
    let mut pages = vec![empty()];
    let mut bytes = 0;
    for text in content.split(ends_a_line).flat_map(wrap).filter(|text| !text.trim().is_empty()) {
        let full =
            |page: &PageContent| page.lines.len() >= PAGE_LINES || bytes + text.len() > PAGE_BYTES;
        if pages.last().is_some_and(full) {
            pages.push(empty());
            bytes = 0;
        }
        bytes += text.len();
        if let Some(page) = pages.last_mut() {
            page.lines.push(Line { text, confidence: 100.0, bounds: None, unsure: Vec::new() });
        }
    }
    pages
}

/// What ends a line (Unicode Standard, 5.8): both of CRLF do, and the empty line between is left out.
fn ends_a_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Where a line may be parted: at a blank, unless that is there to hold a number and its unit.
fn is_blank(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

/// A line in pieces of at most [`LINE_CHARS`], parted between words; a longer word is cut.
fn wrap(line: &str) -> Vec<String> {
    let characters: Vec<char> = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
    let mut rest = characters.as_slice();
    let mut pieces = Vec::new();
    while let Some((piece, next)) = rest.split_at_checked(LINE_CHARS).filter(|(_, n)| !n.is_empty())
    {
        let fits = next.first().is_some_and(|c| is_blank(*c));
        let blank = piece.iter().rposition(|c| is_blank(*c)).filter(|_| !fits);
        let (piece, next) = rest.split_at(blank.filter(|at| *at > 0).unwrap_or(LINE_CHARS));
        pieces.push(piece.iter().collect());
        rest = next.strip_prefix(&[' ']).unwrap_or(next);
    }
    pieces.push(rest.iter().collect());
    pieces
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
        assert_eq!(
            lines("a\rb\u{b}c\u{c}d\u{85}e\u{2028}f\u{2029}g"),
            [["a", "b", "c", "d", "e", "f", "g"]]
        );
        assert_eq!(lines(" \n\n"), [[""; 0]]);
        assert_eq!(lines(&"ü".repeat(LINE_CHARS * 3 + 1))[0].len(), 4);
        let many = lines(&"x\n".repeat(PAGE_LINES * 2 + 1));
        assert_eq!(many.iter().map(Vec::len).collect::<Vec<_>>(), [500, 500, 1]);
        let whole = "0123456789".repeat(100_000);
        assert_eq!(lines(&whole).concat().concat(), whole);
        let bytes = |page: &PageContent| serde_json::to_vec(page).unwrap().len();
        assert!(pages(&whole).iter().all(|page| bytes(page) < text::MAX_PAGE_BYTES));
    }

    #[test]
    fn a_long_line_is_parted_between_words_and_a_number_stays_with_its_unit() {
        let words = "word ".repeat(399) + "6.1\u{a0}mmol/L and more";
        let pieces = wrap(&words);
        assert_eq!(pieces, [words[..1994].to_owned(), "6.1\u{a0}mmol/L and more".to_owned()]);
        let exact = "x".repeat(LINE_CHARS) + " y";
        assert_eq!(wrap(&exact), ["x".repeat(LINE_CHARS).as_str(), "y"]);
        assert_eq!(wrap(&exact[..LINE_CHARS]).len(), 1);
        let long = "a ".to_owned() + &"ü".repeat(LINE_CHARS * 2);
        let lengths: Vec<_> = wrap(&long).iter().map(|piece| piece.chars().count()).collect();
        assert_eq!(lengths, [1, LINE_CHARS, LINE_CHARS]);
        assert_eq!(wrap(""), [""]);
    }
}
