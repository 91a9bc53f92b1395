//! The text that a PDF brings along: what its author wrote, where an image of it would only be guessed
//! at. `hayro` interprets the pages and draws nothing; what it cannot take is left to the reader.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps,
    InterpreterCache, InterpreterSettings, InterpreterWarning, SoftMask, TransformExt,
    font::{Glyph, GlyphRun},
    hayro_cmap::BfString,
    hayro_syntax::{DecryptionError, LoadPdfError, Pdf, object::Dict, page::Page},
    interpret_page,
    kurbo::{Affine, BezPath, Point, Rect},
};
use store::rows::{PageContent, TextSource};

use crate::layout::{Placed, lines};

/// What the reader takes (Amazon Textract Developer Guide, "Set Quotas").
const MOST_PAGES: usize = 3_000;
/// A longer document is left to the reader, which has more time.
const LONGEST: Duration = Duration::from_secs(30);
/// No page that anybody reads has more.
const MOST_GLYPHS: usize = 100_000;
/// A scanned page with fewer letters has a stamp or a fax line, and its text is in the picture.
const LETTERS_OF_A_SCAN: usize = 100;

/// What a PDF's own text tells.
#[derive(Debug)]
pub(crate) enum Layer {
    /// It opens only with a password.
    Locked,
    /// Nothing: it is not opened, or not to its end.
    Unknown,
    /// Its pages, `None` where a page has no text of its own but shows something.
    Pages(Vec<Option<PageContent>>),
}

/// Reads the text layer of a PDF.
pub(crate) fn read(pdf: Vec<u8>) -> Layer {
    let pdf = match Pdf::new(pdf) {
        Ok(pdf) => pdf,
        Err(LoadPdfError::Decryption(
            DecryptionError::PasswordProtected | DecryptionError::UnsupportedAlgorithm,
        )) => return Layer::Locked,
        Err(_) => return Layer::Unknown,
    };
    if is_shell(&pdf) {
        return Layer::Unknown;
    }
    let begun = Instant::now();
    let mut pages = Vec::new();
    for page in pdf.pages().iter() {
        if pages.len() == MOST_PAGES || begun.elapsed() > LONGEST {
            return Layer::Unknown;
        }
        pages.push(read_page(&pdf, page));
    }
    if pages.is_empty() { Layer::Unknown } else { Layer::Pages(pages) }
}

/// Whether the pages only stand for an XFA form, which is made when it is opened (ISO 32000-2, 7.7.2).
fn is_shell(pdf: &Pdf) -> bool {
    let catalog = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id());
    catalog.and_then(|catalog| catalog.get::<bool>(b"NeedsRendering")) == Some(true)
}

fn read_page(pdf: &Pdf, page: &Page<'_>) -> Option<PageContent> {
    let (width, height) = page.render_dimensions();
    let size = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let (cache, has_all_fonts) = (InterpreterCache::new(), Arc::new(AtomicBool::new(true)));
    let transform = page.initial_transform(true).to_kurbo();
    let settings = noting_fonts(Arc::clone(&has_all_fonts));
    let mut context = Context::new(transform, size, &cache, pdf.xref(), settings);
    let mut seen = Seen { size, ..Seen::default() };
    interpret_page(page, &mut context, &mut seen);
    has_all_fonts.load(Relaxed).then(|| seen.content()).flatten()
}

/// Settings that note a font which cannot be told from another: its text would be left out.
fn noting_fonts(has_all: Arc<AtomicBool>) -> InterpreterSettings {
    let warning_sink = Arc::new(move |warning| {
        if matches!(warning, InterpreterWarning::UnsupportedFont) {
            has_all.store(false, Relaxed);
        }
    });
    InterpreterSettings { warning_sink, ..InterpreterSettings::default() }
}

/// What a page shows.
#[derive(Debug, Default)]
struct Seen {
    size: Rect,
    glyphs: Vec<Placed>,
    unknown: usize,
    /// The area of its pictures.
    pictures: f64,
    draws: bool,
}

impl Seen {
    /// The page's text, if that is all the text it has.
    fn content(self) -> Option<PageContent> {
        let letters = self.glyphs.iter().filter(|glyph| !glyph.text.trim().is_empty()).count();
        let is_scan = self.pictures > self.size.area() / 2.0;
        let is_whole = match letters {
            0 => !self.draws && self.unknown == 0,
            _ => self.unknown * 10 <= letters && !(is_scan && letters < LETTERS_OF_A_SCAN),
        };
        let lines = || lines(self.glyphs, self.size);
        is_whole.then(|| PageContent { lines: lines(), source: Some(TextSource::TextLayer) })
    }

    fn take(&mut self, glyph: &Glyph<'_>, transform: Affine) {
        let text = match glyph.as_unicode() {
            Some(BfString::Char(c)) => c.to_string(),
            Some(BfString::String(text)) => text,
            None => String::new(),
        };
        let is_private = |c| matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{fffd}');
        if text.is_empty() || text.contains(|c: char| is_private(c) || c.is_control()) {
            self.unknown += 1;
            return;
        }
        let width = match glyph {
            Glyph::Outline(glyph) => glyph.advance_width(),
            Glyph::Type3(glyph) => glyph.advance_width(),
        };
        // Glyphs are 1 000 units high.
        let at = |x: f64, y: f64| transform * Point::new(x, y);
        let begin = at(0.0, 0.0);
        let placed = Placed {
            text,
            begin,
            end: at(width.unwrap_or(500.0).into(), 0.0),
            top: at(0.0, 1000.0),
        };
        if self.size.contains(begin) && self.glyphs.len() < MOST_GLYPHS {
            self.glyphs.push(placed);
        }
    }
}

impl<'a> Device<'a> for Seen {
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {
        self.draws = true;
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        for glyph in run.glyphs() {
            self.take(glyph, props.transform * glyph.transform());
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        self.draws = true;
        let pixels = f64::from(image.width()) * f64::from(image.height());
        self.pictures += pixels * props.transform.determinant().abs();
    }

    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/../../tests/data/odd/{name}", env!("CARGO_MANIFEST_DIR")))
            .unwrap()
    }

    fn text(page: Option<&PageContent>) -> Vec<&str> {
        page.unwrap().lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn a_pdf_is_read_as_its_author_wrote_it() {
        let expected = [
            "Laboratory report, 14 March 2026",
            "Patient: Mira Sample, born 2 May 1971",
            "HbA1c 6.1 %   (4.0 to 5.6)",
            "Potassium 4.4 mmol/L   (3.5 to 5.1)",
            "Aspirin 81 mg once daily, review in 6-8 weeks",
            "Hydrocortisone cream 0.1% twice daily",
        ];
        for name in
            ["text-layer.pdf", "bom-before-pdf.pdf", "junk-before-pdf.pdf", "owner-only.pdf"]
        {
            let Layer::Pages(pages) = read(odd(name)) else { panic!("{name}") };
            assert_eq!(pages.len(), 1, "{name}");
            assert_eq!(text(pages[0].as_ref()), expected, "{name}");
            for line in &pages[0].as_ref().unwrap().lines {
                let bounds = line.bounds.unwrap();
                assert!(
                    bounds.left > 0.0 && bounds.width > 0.2 && bounds.height > 0.005,
                    "{line:?}"
                );
            }
        }
    }

    #[test]
    fn a_pdf_that_opens_only_with_a_password_is_locked_and_no_pdf_is_unknown() {
        assert!(matches!(read(odd("locked.pdf")), Layer::Locked));
        let torn = odd("text-layer.pdf")[..200].to_vec();
        assert!(matches!(read(odd("form.pdf")), Layer::Unknown));
        for bytes in [Vec::new(), b"%PDF-1.7\nno more than that\n".to_vec(), torn] {
            assert!(matches!(read(bytes), Layer::Unknown));
        }
    }

    #[test]
    fn pages_without_text_of_their_own_are_left_to_the_reader_and_turned_ones_read_upright() {
        let Layer::Pages(pages) = read(odd("mixed.pdf")) else { panic!("not read") };
        assert_eq!(pages.len(), 3);
        assert_eq!(
            text(pages[0].as_ref()),
            ["Ferritin 38 ug/L", "15 - 200", "Repeat in 6-8 weeks"]
        );
        assert!(pages[1].is_none(), "a scan with a stamp");
        assert_eq!(text(pages[2].as_ref()), ["Sodium 139 mmol/L"]);
        let bounds = pages[2].as_ref().unwrap().lines[0].bounds.unwrap();
        assert!(bounds.width > bounds.height, "{bounds:?}");
    }

    #[test]
    fn the_tables_of_a_letter_are_read_row_by_row() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/documents");
        let letter = std::fs::read(format!("{folder}/referral-letter.pdf")).unwrap();
        let Layer::Pages(pages) = read(letter) else { panic!("not read") };
        let second = text(pages[1].as_ref());
        let row = second.windows(3).find(|row| row[0] == "Metformin").unwrap();
        assert_eq!(row, ["Metformin", "500 mg", "twice a day, with food"]);
    }
}
