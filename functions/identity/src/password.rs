//! The password policy, looked at before Cognito is asked: so that a password it would refuse is
//! refused the same way whether or not the address has an account.

use edge::kind::{Kind, custom};
use serde_json::{Value, json};

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

/// Says all of what it takes.
fn parse(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or("must be text")?;
    let fits = (LEAST..=MOST).contains(&text.chars().count())
        && text.chars().any(|c| c.is_ascii_lowercase())
        && text.chars().any(|c| c.is_ascii_uppercase())
        && text.chars().any(|c| c.is_ascii_digit())
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    fits.then(|| text.to_owned()).ok_or_else(|| {
        format!(
            "must have {LEAST} to {MOST} characters, among them a lower-case letter, \
             an upper-case letter and a digit, and no spaces"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::parse;
    use serde_json::json;

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
}
