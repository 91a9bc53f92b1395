//! Text that people write and other people read: names, titles, notes, messages. One rule for all
//! of it, so that no text can pose as what stands around it, and real writing stays as it is.

use unicode_normalization::UnicodeNormalization;

/// How many lines a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// A name or a title.
    One,
    /// A note or a message.
    Several,
}

/// `text` as it is kept: composed (NFC, UAX #15), without blanks around it, line ends as LF.
///
/// # Errors
/// Says what such a text must not be.
pub fn read(text: &str, lines: Lines) -> Result<String, &'static str> {
    let text: String = with_line_feeds(text).trim().nfc().collect();
    if lines == Lines::One && text.contains(['\n', '\t']) {
        return Err("must be on one line, without tabs");
    }
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err("must not hold U+FFFD: what was written is not there any more");
    }
    if text.chars().any(is_control) {
        return Err("must not hold control characters");
    }
    if text.chars().any(turns_round) {
        return Err("must not hold characters that turn the text around them round");
    }
    if text.chars().all(is_invisible) {
        return Err("must hold something that can be seen");
    }
    Ok(text)
}

/// Each end of a line as LF: CRLF, CR, NEL, LS, PS (Unicode Standard, 5.8).
fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace(['\r', '\u{85}', '\u{2028}', '\u{2029}'], "\n")
}

fn is_control(c: char) -> bool {
    let noncharacter = u32::from(c) & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}');
    noncharacter || c.is_control() && !matches!(c, '\n' | '\t')
}

/// Embeddings, overrides and isolates (UAX #9, 2.1 to 2.5). Marks, which real text needs, are none.
fn turns_round(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Blanks, and what has no shape of its own (`Default_Ignorable_Code_Point`, UAX #44).
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{2800}')
        || matches!(c, '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
        || matches!(c, '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}')
        || matches!(c, '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn real_writing_stays_as_it_is() {
        let real = [
            "Dr. Ana Lima-Øst",
            "د. ليلى حسن",
            "\u{200f}דו\u{5f4}ח מעבדה\u{200f} 12",
            "डॉ. प्रिया क्\u{200d}ष शर्मा",
            "می\u{200c}خواهم",
            "張偉",
            "👩\u{200d}⚕\u{fe0f} Praxis 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "5\u{a0}mg, ½ tablet; <b>&amp;</b> ../../ 169.254.169.254",
        ];
        for text in real {
            assert_eq!(read(text, Lines::One).as_deref(), Ok(text));
            assert_eq!(read(text, Lines::Several).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_written_in_two_ways_is_kept_in_one() {
        let cases = [
            ("  Ana ", "Ana"),
            ("Mu\u{308}ller", "Müller"),
            ("a\r\nb\rc\u{85}d\u{2028}e\u{2029}f\n", "a\nb\nc\nd\ne\nf"),
            ("a\tb", "a\tb"),
        ];
        for (written, kept) in cases {
            assert_eq!(read(written, Lines::Several).as_deref(), Ok(kept), "{written:?}");
        }
    }

    #[test]
    fn nothing_poses_as_what_stands_around_it() {
        let anywhere = [
            "",
            " ",
            "\u{200b}",
            "\u{ad}\u{2060}",
            "\u{3164}",
            "\u{2800} \u{fe0f}",
            "a\0",
            "a\u{7}",
            "a\u{b}b",
            "a\u{c}b",
            "a\u{1b}[2J",
            "a\u{9b}b",
            "a\u{7f}",
            "a\u{202e}b",
            "a\u{202a}b",
            "a\u{2066}b",
            "a\u{2069}b",
            "a\u{fffd}",
            "a\u{ffff}",
            "a\u{fdd0}",
            "a\u{1fffe}",
        ];
        for text in anywhere {
            assert!(read(text, Lines::One).is_err(), "{text:?}");
            assert!(read(text, Lines::Several).is_err(), "{text:?}");
        }
        for text in ["a\nb", "a\rb", "a\r\nb", "a\tb", "a\u{85}b", "a\u{2028}b", "a\u{2029}b"] {
            assert!(read(text, Lines::One).is_err(), "{text:?}");
            assert!(read(text, Lines::Several).is_ok(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_kept_is_kept_again(text in ".*") {
            if let Ok(kept) = read(&text, Lines::Several) {
                prop_assert_eq!(read(&kept, Lines::Several), Ok(kept));
            }
        }
    }
}
