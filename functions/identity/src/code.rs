//! Codes that people type: from a mail or an authenticator app. Read kindly, since what they mean
//! is plain: blanks, hyphens and other scripts' digits do not make a code wrong.

use edge::kind::{Kind, custom, secret};
use serde_json::json;
use unicode_general_category::{GeneralCategory, get_general_category};
use uuid::Uuid;

/// What every code of ours begins with: the pool asks a temporary password for letters.
const MARK: &str = "Mv";

/// How many digits follow.
const DIGITS: usize = 12;

/// How many digits an authenticator app shows.
const TOTP_DIGITS: usize = 6;

/// A new code, such as `Mv-4829-1736-5502`.
pub(crate) fn new() -> String {
    let number = Uuid::new_v4().as_u128() % 10_u128.pow(12);
    written(&format!("{number:0DIGITS$}"))
}

/// The code that was mailed. Whatever does not read as one of ours is taken as it is: Cognito may
/// have made it, and judges it.
pub(crate) fn mailed() -> impl Kind<Value = String> {
    let parse = |value: &serde_json::Value| {
        let text = secret(64).parse(value)?;
        Ok(own(&text).unwrap_or_else(|| text.trim().to_owned()))
    };
    custom(parse, || secret(64).schema())
}

/// The code of an authenticator app (RFC 6238): six digits.
pub(crate) fn shown() -> impl Kind<Value = String> {
    let parse = |value: &serde_json::Value| {
        let digits = digits(&secret(64).parse(value)?);
        let digits = digits.filter(|digits| digits.len() == TOTP_DIGITS);
        digits.ok_or_else(|| format!("must have {TOTP_DIGITS} digits"))
    };
    custom(parse, || json!({ "type": "string", "minLength": TOTP_DIGITS, "maxLength": 64 }))
}

/// A code of ours as it was mailed; `None` for any other text.
fn own(text: &str) -> Option<String> {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let marked = text.get(..MARK.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(MARK));
    let text = if marked { text.get(MARK.len()..)? } else { text };
    digits(text).filter(|digits| digits.len() == DIGITS).map(|digits| written(&digits))
}

fn written(digits: &str) -> String {
    let mut code = MARK.to_owned();
    for (n, digit) in digits.chars().enumerate() {
        if n % 4 == 0 {
            code.push('-');
        }
        code.push(digit);
    }
    code
}

/// The digits of a text that holds nothing else but blanks, dashes and what has no shape.
fn digits(text: &str) -> Option<String> {
    use GeneralCategory::{Control, DashPunctuation, DecimalNumber, Format, SpaceSeparator};
    let mut digits = String::new();
    for c in text.chars() {
        match get_general_category(c) {
            DecimalNumber => digits.push(char::from_digit(value(c), 10)?),
            SpaceSeparator | DashPunctuation | Control | Format => {}
            _ => return None,
        }
    }
    Some(digits)
}

/// What a decimal digit of any script stands for. Unicode keeps each script's ten in one run, from
/// zero up (The Unicode Standard, 4.6).
fn value(digit: char) -> u32 {
    let decimal = |c: &char| get_general_category(*c) == GeneralCategory::DecimalNumber;
    let before = (0..u32::from(digit)).rev().map_while(char::from_u32);
    u32::try_from(before.take_while(decimal).count() % 10).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_code_meets_the_policy_and_reads_as_itself() {
        for _ in 0..100 {
            let code = new();
            assert_eq!(code.len(), "Mv-4829-1736-5502".len(), "{code}");
            assert!(crate::password::password().parse(&json!(code)).is_ok(), "{code}");
            assert_eq!(mailed().parse(&json!(code)), Ok(code));
        }
        assert_ne!(new(), new());
    }

    #[test]
    fn a_mailed_code_is_read_however_it_is_typed() {
        let code = "Mv-4829-1736-5502";
        for typed in [
            "Mv-4829-1736-5502",
            " Mv-4829-1736-5502\n",
            "mv 4829 1736 5502",
            "MV482917365502",
            "482917365502",
            "4829-1736-5502",
            "4829\u{2013}1736\u{2011}5502",
            "Mv\u{a0}4829\u{2009}1736\u{3000}5502\u{200b}",
            "-Mv-4829-1736-5502",
            "Mv-٤٨٢٩-١٧٣٦-٥٥٠٢",
            "Mv-४८२९-१७३६-५५०२",
            "４８２９１７３６５５０２",
            "Mv-\u{1d7d2}\u{1d7d6}\u{1d7d0}\u{1d7d7}-1736-5502",
        ] {
            assert_eq!(mailed().parse(&json!(typed)), Ok(code.to_owned()), "{typed:?}");
        }
        for (typed, taken) in [
            ("Mv-4829-1736-550", "Mv-4829-1736-550"),
            (" xK4$m-Pq9 ", "xK4$m-Pq9"),
            ("Mw-4829-1736-5502", "Mw-4829-1736-5502"),
            ("4829 1736 550²", "4829 1736 550²"),
        ] {
            assert_eq!(mailed().parse(&json!(typed)), Ok(taken.to_owned()), "{typed:?}");
        }
        assert!(mailed().parse(&json!("")).is_err());
    }

    #[test]
    fn an_apps_code_has_six_digits() {
        for typed in
            ["287082", " 287 082 ", "287-082", "٢٨٧٠٨٢", "۲۸۷۰۸۲", "२८७०८२", "２８７０８２"]
        {
            assert_eq!(shown().parse(&json!(typed)), Ok("287082".to_owned()), "{typed:?}");
        }
        for typed in ["28708", "2870822", "28708x", "", "      ", "②87082"] {
            assert!(shown().parse(&json!(typed)).is_err(), "{typed:?}");
        }
    }
}
