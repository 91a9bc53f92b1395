//! Passwords. Every one is made NFC before anything else: keyboards write the same letter in more
//! than one way. The policy is looked at before Cognito is asked, so that every address gets the same
//! answer.

use edge::kind::{Kind, custom, secret};
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

const LEAST: usize = 12;
const MOST: usize = 256;

/// A password that meets the policy of the user pool (template.yaml).
pub(crate) fn password() -> impl Kind<Value = String> {
    let schema = || {
        json!({
            "type": "string",
            "format": "password",
            "minLength": LEAST,
            "maxLength": MOST,
            "pattern": r"^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[^\s\u0000-\u001F\u007F-\u009F]*$",
        })
    };
    custom(parse, schema)
}

/// A password as somebody gives it to sign in: any text.
pub(crate) fn given() -> impl Kind<Value = String> {
    let parse = |value: &Value| Ok(secret(MOST).parse(value)?.nfc().collect());
    let schema =
        || json!({ "type": "string", "format": "password", "minLength": 1, "maxLength": MOST });
    custom(parse, schema)
}

/// Says all of what it takes.
fn parse(value: &Value) -> Result<String, String> {
    let text: String = value.as_str().ok_or("must be text")?.nfc().collect();
    let fits = (LEAST..=MOST).contains(&text.chars().count())
        && text.chars().any(|c| c.is_ascii_lowercase())
        && text.chars().any(|c| c.is_ascii_uppercase())
        && text.chars().any(|c| c.is_ascii_digit())
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    fits.then_some(text).ok_or_else(|| {
        format!(
            "must have {LEAST} to {MOST} characters, among them a lower-case letter, \
             an upper-case letter and a digit, and no spaces"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_holds_at_its_edges() {
        let long = format!("Aa1{}", "x".repeat(253));
        let cases = [
            (json!("Correct-horse-9"), true),
            (json!("Abcdefghij12"), true),
            (json!("Abcdefghi12"), false),
            (json!("abcdefghij12"), false),
            (json!("ABCDEFGHIJ12"), false),
            (json!("Abcdefghijkl"), false),
            (json!("Abcdefgh ij12"), false),
            (json!("\u{c4}bcdefghij12"), false),
            (json!(long), true),
            (json!(format!("{long}x")), false),
            (json!(12), false),
        ];
        for (value, fits) in cases {
            assert_eq!(parse(&value).is_ok(), fits, "{value}");
        }
    }

    #[test]
    fn a_password_is_the_same_from_every_keyboard() {
        let (composed, decomposed) = ("Caf\u{e9}-Noir-1927", "Cafe\u{301}-Noir-1927");
        for kind in [parse, |value: &Value| given().parse(value)] {
            assert_eq!(kind(&json!(composed)), Ok(composed.to_owned()));
            assert_eq!(kind(&json!(decomposed)), Ok(composed.to_owned()));
        }
        assert_eq!(given().parse(&json!(" any ")), Ok(" any ".to_owned()));
    }
}
