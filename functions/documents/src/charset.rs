//! In which encoding a text is: by its mark, by what it plainly is, or unknown.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Byte order marks (Unicode Standard, 23.8); `encoding_rs` knows no UTF-32.
const UTF_8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF_32LE_MARK: &[u8] = b"\xff\xfe\0\0";
const UTF_32BE_MARK: &[u8] = b"\0\0\xfe\xff";
/// In UTF-16 at least one unit of so many has a zero byte: blanks, digits and line ends have.
const UNITS_FOR_A_ZERO: usize = 10;

/// Signs of windows-1252 that notes hold beside ASCII.
const SIGNS: &str = "€‚„…†‡‰‹‘’“”•–—™›\u{a0}£§©«®°±²³´µ·¹»¼½¾×÷";
/// Signs that stand beside words and never within one.
const NEVER_WITHIN: &str = "‚„…†‡‰‹“”•™›£§©«®°±»¼½¾×÷¦¬¢¤¥";

/// A text and the encoding it was in, by its IANA name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    pub(crate) charset: String,
}

/// The text that `bytes` stand for; `None` where their encoding is unknown.
pub(crate) fn decode(bytes: &[u8]) -> Option<Decoded> {
    let mut zeros = Zeros::default();
    zeros.take(bytes);
    let utf_8 = decoded(UTF_8, bytes.strip_prefix(UTF_8_MARK).unwrap_or(bytes));
    if let Some(decoded) = utf_8.filter(|_| zeros.are_none()) {
        return Some(decoded);
    }
    let other = if has_utf_32_mark(bytes) {
        utf_32(bytes)
    } else if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        decoded(encoding, bytes.get(mark..)?)
    } else {
        decoded(zeros.utf_16().unwrap_or_else(|| guess(bytes)), bytes)
    };
    other.filter(|Decoded { text, .. }| !text.contains(is_odd) && !parts_a_word(text))
}

fn decoded(encoding: &'static Encoding, bytes: &[u8]) -> Option<Decoded> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?.into_owned();
    Some(Decoded { text, charset: encoding.name().to_ascii_lowercase() })
}

fn has_utf_32_mark(bytes: &[u8]) -> bool {
    bytes.starts_with(UTF_32LE_MARK) || bytes.starts_with(UTF_32BE_MARK)
}

fn utf_32(bytes: &[u8]) -> Option<Decoded> {
    let is_little = bytes.starts_with(UTF_32LE_MARK);
    let number = if is_little { u32::from_le_bytes } else { u32::from_be_bytes };
    let (characters, more) = bytes.get(UTF_32LE_MARK.len()..)?.as_chunks::<4>();
    let text = characters.iter().map(|bytes| char::from_u32(number(*bytes))).collect::<Option<_>>();
    Some(Decoded { text: text.filter(|_| more.is_empty())?, charset: "utf-32".into() })
}

/// The encoding whose letters make sense. Where there are none but signs beside ASCII (µ, °, ±), nothing
/// tells a detector of languages from another, and it is the encoding that most programs wrote.
fn guess(bytes: &[u8]) -> &'static Encoding {
    let (signs, _) = WINDOWS_1252.decode_without_bom_handling(bytes);
    if signs.chars().filter(|c| !c.is_ascii()).all(|c| SIGNS.contains(c)) {
        return WINDOWS_1252;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// Whether a sign stands within a word, as a letter of another encoding would.
fn parts_a_word(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    characters.windows(3).any(|three| match three {
        [before, sign, after] => {
            before.is_alphabetic() && after.is_alphabetic() && NEVER_WITHIN.contains(*sign)
        }
        _ => false,
    })
}

/// What no text holds that was decoded rightly.
fn is_odd(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}')
}

/// Where the zero bytes of a file are, taken piece by piece: in a text only UTF-16 and UTF-32 have any.
#[derive(Debug, Default)]
pub(crate) struct Zeros {
    head: Vec<u8>,
    length: usize,
    even: usize,
    odd: usize,
}

impl Zeros {
    pub(crate) fn take(&mut self, piece: &[u8]) {
        let wanted = UTF_32LE_MARK.len().saturating_sub(self.head.len());
        self.head.extend(piece.iter().take(wanted));
        for byte in piece {
            let zero = usize::from(*byte == 0);
            *if self.length.is_multiple_of(2) { &mut self.even } else { &mut self.odd } += zero;
            self.length += 1;
        }
    }

    /// Whether they can be a text's.
    pub(crate) fn are_of_a_text(&self) -> bool {
        let marks: [&[u8]; 4] = [UTF_32LE_MARK, UTF_32BE_MARK, b"\xff\xfe", b"\xfe\xff"];
        self.are_none()
            || marks.iter().any(|mark| self.head.starts_with(mark))
            || self.utf_16().is_some()
    }

    fn are_none(&self) -> bool {
        self.even + self.odd == 0
    }

    /// Which UTF-16 a file without a mark plainly is.
    fn utf_16(&self) -> Option<&'static Encoding> {
        let units = self.length / 2;
        let enough = |zeros: usize| zeros * UNITS_FOR_A_ZERO >= units;
        match (self.length.is_multiple_of(2), self.even, self.odd) {
            (true, 0, 1..) if enough(self.odd) => Some(UTF_16LE),
            (true, 1.., 0) if enough(self.even) => Some(UTF_16BE),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    fn of(encoding: &'static Encoding, text: &str) -> Vec<u8> {
        let (bytes, _, lossy) = encoding.encode(text);
        assert!(!lossy, "{text}");
        bytes.into_owned()
    }

    fn legacy(name: &str, text: &str) -> (Vec<u8>, String, String) {
        let encoding = Encoding::for_label(name.as_bytes()).unwrap();
        (of(encoding, text), text.into(), name.into())
    }

    #[test]
    fn a_text_is_decoded_by_its_mark_or_by_what_it_plainly_is() {
        let german = "Größe 178 cm\nÄrztin: Dr. Öz 🩺";
        let units = |text: &str, order: fn(u32) -> [u8; 4]| -> Vec<u8> {
            text.chars().flat_map(|c| order(u32::from(c))).collect()
        };
        let marked = |mark: &[u8], bytes: Vec<u8>| [mark, &bytes].concat();
        let (le, be) = (u16::to_le_bytes, u16::to_be_bytes);
        let unicode = [
            (german.as_bytes().to_vec(), "utf-8"),
            (marked(b"\xef\xbb\xbf", german.as_bytes().to_vec()), "utf-8"),
            (marked(b"\xff\xfe", utf_16(german, le)), "utf-16le"),
            (marked(b"\xfe\xff", utf_16(german, be)), "utf-16be"),
            (utf_16(german, le), "utf-16le"),
            (utf_16(german, be), "utf-16be"),
            (marked(UTF_32LE_MARK, units(german, u32::to_le_bytes)), "utf-32"),
            (marked(UTF_32BE_MARK, units(german, u32::to_be_bytes)), "utf-32"),
        ];
        let unicode = unicode.map(|(bytes, name)| (bytes, german.to_owned(), name.to_owned()));
        let others = [
            legacy("windows-1252", "Befund: Müller, Gewicht 72 kg – „unauffällig“, 5 €"),
            legacy("windows-1252", "Créatinine élevée à 84 µmol/L, hémoglobine 13,9 g/dL"),
            legacy("windows-1252", "Temperature 38.2 °C"),
            legacy("windows-1252", "5 µg"),
            legacy("windows-1252", "HbA1c 6.1 % ± 0.2, 10 µmol/l, “stable” – patient’s view"),
            legacy("windows-1252", "café"),
            legacy("windows-1252", "Alergia a la penicilina: sí, niño de 6 años"),
            legacy(
                "windows-1250",
                "Stężenie żelaza: 11 umol/l, podwyższone, wskazana ścisła kontrola, następna wizyta w środę",
            ),
            legacy("windows-1251", "Гемоглобин 139 г/л, контроль через 6 недель"),
            legacy("koi8-u", "Гемоглобин 139 г/л, контроль через 6 недель"),
            legacy("windows-1253", "Αιμοσφαιρίνη 13,9 g/dL, επανέλεγχος σε 6 εβδομάδες"),
            legacy("windows-1254", "Açlık kan şekeri 95 mg/dL, sonuç değerlendirildi, ılımlı"),
            legacy("shift_jis", "血液検査の結果は正常です。六週間後に再検査してください。"),
            legacy("euc-kr", "혈액 검사 결과는 정상입니다. 6주 후에 다시 검사하십시오."),
            legacy("gbk", "血液检查结果正常，六周后复查。血红蛋白一百三十九克每升。"),
            (utf_16("Гемоглобин 139 г/л", le), "Гемоглобин 139 г/л".into(), "utf-16le".into()),
        ];
        for (bytes, text, charset) in unicode.into_iter().chain(others) {
            let mut zeros = Zeros::default();
            bytes.chunks(3).for_each(|piece| zeros.take(piece));
            assert!(zeros.are_of_a_text(), "{charset}");
            assert_eq!(decode(&bytes), Some(Decoded { text, charset }));
        }
    }

    #[test]
    fn what_is_in_no_encoding_stays_unknown() {
        let unknown: [&[u8]; 8] = [
            b"\xff\xfe\x00\xd8a\0",
            b"\xff\xfea",
            b"\xef\xbb\xbfabc\xff\x81",
            b"\xff\xfe\0\0\0\0\x11\0",
            b"\x01\x02\x81\xfe\x03",
            b"Befund \x1b[1m\xfc",
            b"Gr\x94\xe1e 178 cm",
            b"Befund: unauff\x84llig",
        ];
        for bytes in unknown {
            assert_eq!(decode(bytes), None, "{bytes:x?}");
        }
    }

    #[test]
    fn zero_bytes_are_of_a_text_only_where_one_byte_of_each_unit_is_zero() {
        let late = [&[b'a'; 301][..], b"\0"].concat();
        let all: Vec<u8> = (0..=255).collect();
        for bytes in [&late[..], &all, b"\0", b"a\0b", b"\0\0", b"a\0\0b"] {
            let mut zeros = Zeros::default();
            zeros.take(bytes);
            assert!(!zeros.are_of_a_text(), "{bytes:x?}");
        }
    }
}
