//! Search: what is looked for and what is looked through are brought to one form, and words are
//! found by how they begin.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// `text` in the form in which texts are compared: compatibility forms are one (NFKC, UAX #15),
/// case and accents make no difference ("İstanbul" is "istanbul", "Straße" is "strasse").
#[must_use]
pub fn fold(text: &str) -> String {
    // Upper case first: `ß` and `ı` have no other way to what they are compared with.
    let cased = text.nfkd().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    cased.nfkd().filter(|c| !is_left_out(*c)).map(plain).nfc().collect()
}

/// Letters that no decomposition brings to what people type for them.
fn plain(c: char) -> char {
    match c {
        'ø' => 'o',
        'ł' => 'l',
        'đ' => 'd',
        '\u{2019}' => '\'',
        other => other,
    }
}

/// What people leave out when they type: accents, Hebrew points, Arabic vowel signs, and what nobody
/// sees (soft hyphens, zero-width marks).
fn is_left_out(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}')
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// The words of `text` (UAX #29), folded.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    let folded = fold(text);
    let words: Vec<_> = folded.unicode_words().map(str::to_owned).collect();
    words.into_iter()
}

/// The words of lines of a page: a word that a hyphen parts at a line's end is there whole, too.
#[must_use]
pub fn words_of_lines<'l>(lines: impl IntoIterator<Item = &'l str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut parted: Option<String> = None;
    for line in lines {
        if let Some(begin) = parted.take()
            && let Some(end) = words(line).next()
        {
            found.insert(begin + &end);
        }
        found.extend(words(line));
        let before_hyphen = line.trim_end().strip_suffix(['-', '\u{ad}', '\u{2010}']);
        parted = before_hyphen.and_then(|line| words(line).last());
    }
    found
}

/// What is looked for: every one of these words, each as a word's beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<String>);

impl Query {
    /// The query of what somebody typed; `None` where that holds no word.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let words: Vec<_> = words(typed).collect();
        (!words.is_empty()).then_some(Self(words))
    }

    /// What is looked for and begins none of `words`, which are folded.
    pub fn missing(&self, words: impl IntoIterator<Item = impl AsRef<str>>) -> BTreeSet<&str> {
        let mut missing: BTreeSet<_> = self.0.iter().map(String::as_str).collect();
        for word in words {
            missing.retain(|wanted| !word.as_ref().starts_with(wanted));
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_people_take_for_the_same_fold_to_the_same() {
        let same = [
            ("Müller", "muller"),
            ("Mu\u{308}ller", "müller"),
            ("İSTANBUL", "istanbul"),
            ("ısırma", "ISIRMA"),
            ("Straße", "STRASSE"),
            ("ﬁbrosis", "fibrosis"),
            ("５ ｍｇ", "5 mg"),
            ("ΣΊΣΥΦΟΣ", "σισυφος"),
            ("café", "CAFE"),
            ("Ørsted, Łódź", "orsted, lodz"),
            ("O’Brien", "o'brien"),
            ("soft\u{ad}hyphen", "softhyphen"),
            ("مَرِيض", "مريض"),
        ];
        for (one, other) in same {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        assert_ne!(fold("हिन्दी"), fold("हन्द"), "vowel signs of Devanagari are letters");
        assert_eq!(fold(&fold("İß ﬁ ÀÉ")), fold("İß ﬁ ÀÉ"));
    }

    #[test]
    fn words_are_found_whole_and_by_their_beginning() {
        let text = words_of_lines(["Ferritin 12.5 ng/mL (low)", "Follow-up in 6-8 weeks"]);
        for found in ["ferritin", "FERR", "12.5", "ng", "low", "follow-up", "8 weeks ferr"] {
            assert!(Query::parse(found).unwrap().missing(&text).is_empty(), "{found}");
        }
        let missing = Query::parse("erritin low high").unwrap();
        assert_eq!(missing.missing(&text), ["erritin", "high"].into());
        assert_eq!(Query::parse(" -,- "), None);
    }

    #[test]
    fn a_word_parted_at_a_lines_end_is_found_whole_and_in_parts() {
        for hyphen in ["-", "\u{ad}", "\u{2010}", "-  "] {
            let first = format!("a history of hyper{hyphen}");
            let text = words_of_lines([first.as_str(), "tension, treated"]);
            for found in ["hypertension", "hyper", "tension", "treated"] {
                assert!(Query::parse(found).unwrap().missing(&text).is_empty(), "{found}");
            }
        }
        assert!(!words_of_lines(["one", "two"]).contains("onetwo"));
    }
}
