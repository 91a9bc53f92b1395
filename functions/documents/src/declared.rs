//! What is declared of a file before it is sent.

use domain::{Date, record::RecordType};
use edge::{
    Read, Reader,
    kind::{Kind, custom, date, line},
};
use serde_json::{Value, json};

/// A file's own name, without a path.
pub(crate) fn file_name() -> impl Kind<Value = String> {
    custom(parse_name, || line(255).schema())
}

/// The date of a record of a `kind`: it speaks of what was, unless its type looks ahead.
pub(crate) fn record_date(read: &Reader<'_>, kind: Read<RecordType>) -> Read<Date> {
    let date = read.field("/date", date())?;
    match (kind, read.now()) {
        (Ok(kind), Some(now)) if date > kind.last_date(now) => {
            read.reject("/date", "lies further ahead than a record of this type may")
        }
        _ => Ok(date),
    }
}

/// A SHA-256, as it is written and as bytes.
pub(crate) fn sha256() -> impl Kind<Value = (String, Vec<u8>)> {
    custom(parse_sha256, || json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }))
}

fn parse_name(value: &Value) -> Result<String, String> {
    let name = line(255).parse(value)?;
    match name.contains(['/', '\\']) || name.chars().all(|c| matches!(c, '.' | ' ')) {
        true => Err("must be a name without a path".into()),
        false => Ok(name),
    }
}

fn parse_sha256(value: &Value) -> Result<(String, Vec<u8>), String> {
    let wrong = || String::from("must be a SHA-256 in 64 lower-case hexadecimal digits");
    let text = value.as_str().filter(|text| text.len() == 64).ok_or_else(wrong)?;
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let digits: Option<Vec<u8>> = text.as_bytes().iter().map(digit).collect();
    let digits = digits.ok_or_else(wrong)?;
    let bytes = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit));
    Ok((text.to_owned(), bytes.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_checksum_is_64_lower_case_hexadecimal_digits_and_nothing_else() {
        let digits = "00ff".repeat(16);
        let (text, bytes) = parse_sha256(&json!(digits)).unwrap();
        assert_eq!(text, digits);
        assert_eq!(bytes, [0, 255].repeat(16));
        let upper = digits.to_uppercase();
        let (short, wide) = (&digits[1..], "é".repeat(32));
        for bad in [json!(upper), json!(short), json!(wide), json!(""), json!(7), json!(null)] {
            assert!(parse_sha256(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_name_is_no_path() {
        for good in ["scan.jpg", "Überweisung (2).pdf", "no extension"] {
            assert_eq!(parse_name(&json!(good)).unwrap(), good);
        }
        for bad in [
            "a/b",
            "..\\b",
            ".",
            "..",
            ". .",
            "a\u{202e}fdp.exe",
            "",
            " ",
            "a\nb",
            "a\0b",
            &"x".repeat(256),
        ] {
            assert!(parse_name(&json!(bad)).is_err(), "{bad:?}");
        }
    }
}
