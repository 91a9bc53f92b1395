//! From glyphs and where they stand to lines, as the reader orders them: from top to bottom, and from
//! left to right in a row.

use hayro_interpret::kurbo::{Point, Rect, Vec2};
use store::rows::{Bounds, Line};

/// What parts words and columns, as shares of the letters' height.
const BLANK: f64 = 0.2;
const COLUMN: f64 = 2.0;
/// Glyphs whose lines differ by less are of one row.
const ROW: f64 = 0.5;
/// Directions of writing that differ by less are one.
const DEGREES: f64 = 5.0;

/// A glyph of a page, in the page's units from its top left.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    /// What it stands for.
    pub(crate) text: String,
    /// Where it begins on its line.
    pub(crate) begin: Point,
    /// Where the next one begins.
    pub(crate) end: Point,
    /// Its upper left corner.
    pub(crate) top: Point,
}

/// A glyph, seen along its own direction of writing.
struct Along {
    glyph: Placed,
    direction: i32,
    /// Across the lines, from top to bottom.
    row: f64,
    /// Along the line.
    left: f64,
    right: f64,
    height: f64,
}

impl Along {
    fn of(glyph: Placed) -> Self {
        let steps = ((glyph.end - glyph.begin).atan2().to_degrees() / DEGREES).round();
        let angle = (steps * DEGREES).to_radians();
        let (along, across) = (Vec2::from_angle(angle), Vec2::from_angle(angle).turn_90());
        let distance = |point: Point, direction: Vec2| point.to_vec2().dot(direction);
        Self {
            #[expect(clippy::cast_possible_truncation, reason = "72 directions")]
            direction: steps as i32,
            row: distance(glyph.begin, across),
            left: distance(glyph.begin, along),
            right: distance(glyph.end, along),
            height: (glyph.top - glyph.begin).hypot(),
            glyph,
        }
    }
}

/// The lines of a page of this size.
pub(crate) fn lines(glyphs: Vec<Placed>, page: Rect) -> Vec<Line> {
    let mut glyphs: Vec<_> = glyphs.into_iter().map(Along::of).collect();
    glyphs.sort_by(|a, b| {
        let direction = a.direction.abs().cmp(&b.direction.abs());
        direction.then(a.direction.cmp(&b.direction)).then(a.row.total_cmp(&b.row))
    });
    let rows = glyphs.chunk_by(|a, b| {
        a.direction == b.direction && b.row - a.row < ROW * a.height.min(b.height)
    });
    rows.flat_map(|row| {
        let mut row: Vec<_> = row.iter().collect();
        row.sort_by(|a, b| a.left.total_cmp(&b.left));
        in_columns(&row, page)
    })
    .collect()
}

/// The lines of a row: one for each column.
fn in_columns(row: &[&Along], page: Rect) -> Vec<Line> {
    let mut lines: Vec<(String, Rect)> = Vec::new();
    let mut before: Option<&Along> = None;
    for glyph in row {
        let gap = before.map(|before| (glyph.left - before.right) / glyph.height);
        let bounds = Rect::from_points(glyph.glyph.begin, glyph.glyph.top);
        let bounds = bounds.union_pt(glyph.glyph.end);
        match (lines.last_mut(), gap) {
            // Bold letters are at times drawn twice.
            (Some(_), _) if before.is_some_and(|before| is_again(before, glyph)) => continue,
            (Some((text, whole)), Some(gap)) if gap < COLUMN => {
                if gap > BLANK && !text.ends_with(' ') && !glyph.glyph.text.starts_with(' ') {
                    text.push(' ');
                }
                text.push_str(&glyph.glyph.text);
                *whole = whole.union(bounds);
            }
            _ => lines.push((glyph.glyph.text.clone(), bounds)),
        }
        before = Some(glyph);
    }
    let lines = lines.into_iter().filter(|(text, _)| !text.trim().is_empty());
    lines.map(|(text, bounds)| line(text.trim(), bounds, page)).collect()
}

fn is_again(before: &Along, glyph: &Along) -> bool {
    before.glyph.text == glyph.glyph.text && glyph.left - before.left < BLANK / 2.0 * glyph.height
}

fn line(text: &str, bounds: Rect, page: Rect) -> Line {
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1, five digits are kept")]
    let share = |part: f64, whole: f64| {
        ((part / whole).clamp(0.0, 1.0) * 100_000.0).round() as f32 / 100_000.0
    };
    let bounds = bounds.intersect(page);
    let bounds = Bounds {
        left: share(bounds.x0, page.width()),
        top: share(bounds.y0, page.height()),
        width: share(bounds.width(), page.width()),
        height: share(bounds.height(), page.height()),
    };
    Line { text: text.to_owned(), confidence: 100.0, bounds: Some(bounds), unsure: Vec::new() }
}
