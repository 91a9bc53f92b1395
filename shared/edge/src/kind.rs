//! Kinds of values that a request may hold: how each is read, and what the API reference says of
//! it. Both stand in one place, so that the reference cannot promise what is not read.

use std::{collections::BTreeSet, marker::PhantomData};

use domain::{
    Date,
    names::Named,
    prose::{self, Lines},
    search::Query,
};
use email_address::{EmailAddress, Options};
use serde_json::{Value, json};

/// The longest query, in characters.
const LONGEST_QUERY: usize = 100;

/// A kind of value.
pub trait Kind {
    /// What is read.
    type Value;

    /// Reads a value.
    ///
    /// # Errors
    /// Says what the value must be.
    fn parse(&self, value: &Value) -> Result<Self::Value, String>;

    /// The same as a JSON Schema (draft 2020-12), as far as one can say it.
    fn schema(&self) -> Value;
}

/// A kind that a function reads and a schema describes.
#[derive(Debug, Clone, Copy)]
pub struct Custom<P> {
    parse: P,
    schema: fn() -> Value,
}

/// A kind of its own: `parse` reads it, `schema` describes it.
pub fn custom<T, P: Fn(&Value) -> Result<T, String>>(parse: P, schema: fn() -> Value) -> Custom<P> {
    Custom { parse, schema }
}

impl<T, P: Fn(&Value) -> Result<T, String>> Kind for Custom<P> {
    type Value = T;

    fn parse(&self, value: &Value) -> Result<T, String> {
        (self.parse)(value)
    }

    fn schema(&self) -> Value {
        (self.schema)()
    }
}

fn string(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "must be text".into())
}

/// Text that people write; see [`line()`] and [`text`].
#[derive(Debug, Clone, Copy)]
pub struct Text {
    lines: Lines,
    most: usize,
}

/// A name or a title: one line of at most `most` characters ([`prose::read`]).
#[must_use]
pub fn line(most: usize) -> Text {
    Text { lines: Lines::One, most }
}

/// A note or a message: lines of at most `most` characters together ([`prose::read`]).
#[must_use]
pub fn text(most: usize) -> Text {
    Text { lines: Lines::Several, most }
}

impl Kind for Text {
    type Value = String;

    fn parse(&self, value: &Value) -> Result<String, String> {
        let Self { lines, most } = *self;
        let text = prose::read(string(value)?, lines)?;
        let fits = text.chars().count() <= most;
        if fits { Ok(text) } else { Err(format!("must have at most {most} characters")) }
    }

    fn schema(&self) -> Value {
        let pattern = match self.lines {
            Lines::One => ON_ONE_LINE,
            Lines::Several => ON_LINES,
        };
        json!({ "type": "string", "minLength": 1, "maxLength": self.most, "pattern": pattern })
    }
}

/// No controls, no ends of lines, nothing that turns text round.
const ON_ONE_LINE: &str = r"^[^\u0000-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069\uFFFD]*$";
/// The same, with ends of lines and tabs.
const ON_LINES: &str = r"^[^\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u0084\u0086-\u009F\u202A-\u202E\u2066-\u2069\uFFFD]*$";

/// A secret; see [`secret`].
#[derive(Debug, Clone, Copy)]
pub struct Secret {
    most: usize,
}

/// A secret of up to `most` characters: taken as it is, not trimmed.
#[must_use]
pub fn secret(most: usize) -> Secret {
    Secret { most }
}

impl Kind for Secret {
    type Value = String;

    fn parse(&self, value: &Value) -> Result<String, String> {
        let Self { most } = *self;
        let text = string(value)?;
        let fits = (1..=most).contains(&text.chars().count());
        if fits { Ok(text.to_owned()) } else { Err(format!("must have 1 to {most} characters")) }
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": self.most })
    }
}

/// One of a set; see [`named`].
#[derive(Debug, Clone, Copy)]
pub struct OneOf<T>(PhantomData<fn() -> T>);

/// One of the values of a [`Named`] set.
#[must_use]
pub fn named<T: Named>() -> OneOf<T> {
    OneOf(PhantomData)
}

impl<T: Named> Kind for OneOf<T> {
    type Value = T;

    fn parse(&self, value: &Value) -> Result<T, String> {
        let found = T::from_name(string(value)?);
        found.ok_or_else(|| format!("must be one of: {}", names::<T>().join(", ")))
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "enum": names::<T>() })
    }
}

/// The names of a [`Named`] set.
#[must_use]
pub fn names<T: Named>() -> Vec<&'static str> {
    T::NAMES.iter().map(|(_, name)| *name).collect()
}

/// A list without repetitions; see [`set`].
#[derive(Debug, Clone, Copy)]
pub struct Set<K>(K);

/// A list of values of a kind, at least one and none twice.
#[must_use]
pub fn set<K: Kind>(of: K) -> Set<K> {
    Set(of)
}

impl<K: Kind<Value: Ord>> Kind for Set<K> {
    type Value = BTreeSet<K::Value>;

    fn parse(&self, value: &Value) -> Result<Self::Value, String> {
        let list = value.as_array().ok_or("must be a list")?;
        let set = list.iter().map(|item| self.0.parse(item)).collect::<Result<BTreeSet<_>, _>>()?;
        if set.is_empty() || set.len() != list.len() {
            return Err("must hold at least one value and none twice".into());
        }
        Ok(set)
    }

    fn schema(&self) -> Value {
        json!({ "type": "array", "items": self.0.schema(), "minItems": 1, "uniqueItems": true })
    }
}

/// The first day that a date may name: nobody who lives was born before.
const FIRST_DAY: Date = Date::constant(1850, 1, 1);

/// A calendar date (RFC 3339 `full-date`), from 1850 on.
#[must_use]
pub fn date() -> impl Kind<Value = Date> {
    let parse = |value: &Value| {
        let text = string(value)?;
        let date = Some(text).filter(|text| text.len() == 10).and_then(|text| text.parse().ok());
        let date = date.filter(|date| *date >= FIRST_DAY);
        date.ok_or_else(|| "must be a date such as 2026-01-31, from 1850 on".into())
    };
    custom(parse, || json!({ "type": "string", "format": "date" }))
}

/// Words to look for: text of up to 100 characters that holds a letter or digit.
#[must_use]
pub fn query() -> impl Kind<Value = Query> {
    let parse = |value: &Value| {
        let found = Query::parse(&line(LONGEST_QUERY).parse(value)?);
        found.ok_or_else(|| "must hold a letter or digit".into())
    };
    custom(parse, || line(LONGEST_QUERY).schema())
}

/// A whole number; see [`number`].
#[derive(Debug, Clone, Copy)]
pub struct Number {
    least: u64,
    most: u64,
}

/// A whole number from `least` to `most`; in a parameter, its decimal digits.
#[must_use]
pub fn number(least: u64, most: u64) -> Number {
    Number { least, most }
}

impl Kind for Number {
    type Value = u64;

    fn parse(&self, value: &Value) -> Result<u64, String> {
        let Self { least, most } = *self;
        let number = whole(value).filter(|n| (least..=most).contains(n));
        number.ok_or_else(|| format!("must be a whole number from {least} to {most}"))
    }

    fn schema(&self) -> Value {
        json!({ "type": "integer", "minimum": self.least, "maximum": self.most })
    }
}

/// A number without a fraction, however it is written: `7.0` is one (JSON Schema 2020-12, Core 6.4).
fn whole(value: &Value) -> Option<u64> {
    let exact = |number: &f64| (0.0..=9e15).contains(number) && number.fract() == 0.0;
    // In that range every whole number has an exact form.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let narrow = |number: f64| number as u64;
    value.as_u64().or_else(|| value.as_f64().filter(exact).map(narrow))
}

/// True or false.
#[must_use]
pub fn flag() -> impl Kind<Value = bool> {
    let parse = |value: &Value| value.as_bool().ok_or_else(|| "must be true or false".into());
    custom(parse, || json!({ "type": "boolean" }))
}

/// A UUID of some kind, in either case (RFC 9562, 4).
pub fn id<T>(read: impl Fn(&str) -> Option<T>) -> impl Kind<Value = T> {
    let parse = move |value: &Value| {
        read(&string(value)?.to_ascii_lowercase()).ok_or_else(|| "must be a UUID".to_owned())
    };
    custom(parse, || json!({ "type": "string", "format": "uuid" }))
}

/// An email address that mail servers take (RFC 5321): a plain local part at a dotted name of the
/// DNS, at most 254 characters. Blanks around it are dropped and all of it is in lower case, as the
/// user pool compares: no server in use keeps two people apart by case.
#[must_use]
pub fn email() -> impl Kind<Value = String> {
    custom(parse_email, || json!({ "type": "string", "format": "email", "maxLength": 254 }))
}

fn parse_email(value: &Value) -> Result<String, String> {
    let text = string(value)?.trim().to_ascii_lowercase();
    let options =
        Options::default().with_required_tld().without_domain_literal().without_display_text();
    let address = EmailAddress::parse_with_options(&text, options).ok();
    let plain = |address: &EmailAddress| {
        text.is_ascii() && text.len() <= 254 && !text.contains('"') && is_name(address.domain())
    };
    if address.as_ref().is_some_and(plain) {
        Ok(text)
    } else {
        Err("must be an email address".into())
    }
}

/// Whether the DNS can hold a name (RFC 1123, 2.1) and its last label is no number (RFC 3696, 2).
fn is_name(domain: &str) -> bool {
    let last = domain.rsplit('.').next().unwrap_or_default();
    domain.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        && last.len() > 1
        && last.starts_with(|c: char| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use domain::{PatientId, consent::Ability};

    use super::*;

    /// Holds a kind against values it takes and values it refuses, without a word of
    /// what was sent.
    fn holds<K: Kind>(kind: &K, good: &[Value], bad: &[Value]) {
        for value in good {
            assert!(kind.parse(value).is_ok(), "{value} is refused");
        }
        for value in bad.iter().chain([&json!(null), &json!({})]) {
            let told = kind.parse(value).err().unwrap_or_else(|| panic!("{value} is taken"));
            let echoed = value.as_str().is_some_and(|text| text.len() > 5 && told.contains(text));
            assert!(!echoed, "{told} repeats what was sent");
        }
    }

    #[test]
    fn texts_are_taken_within_their_limits() {
        let wide = "e\u{301}".repeat(5);
        let bad = ["", " ", "abcdef", "a\0", "a\u{202e}b"].map(Value::from);
        holds(&text(5), &[json!("a"), json!(" abcde "), json!("a\nb\tc"), json!(wide)], &bad);
        holds(&line(5), &[json!("a"), json!(" abcde "), json!(wide)], &bad);
        holds(&line(5), &[], &[json!("a\nb"), json!("a\tb")]);
        assert_eq!(text(5).parse(&json!(" a\r\nb ")), Ok("a\nb".into()));
        holds(&secret(3), &[json!(" a "), json!("a\0")], &[json!(""), json!("abcd"), json!(1)]);
        holds(&query(), &[json!("b12"), json!("ß")], &[json!("-"), json!("x".repeat(101))]);
    }

    #[test]
    fn addresses_are_those_that_mail_servers_take() {
        let (local, label) = ("x".repeat(64), "d".repeat(63));
        let good = [
            "a@b.co",
            "a+b@c.de",
            " Ana@Example.ORG\n",
            "o'neil_{x}/y=z!@example.org",
            "first.last@sub.1and1.example.org",
            "a-@xn--mller-kva.de",
            "a@b.xn--p1ai",
            "1@2.museum",
            &format!("{local}@example.org"),
            &format!("a@{label}.org"),
        ];
        let bad = [
            "",
            "x",
            "@b.co",
            "a@",
            "a@b",
            "a@b.",
            "a@.b.co",
            "a@b..co",
            "a@b@c.de",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.de",
            "a b@c.de",
            "a@b c.de",
            "a@-b.co",
            "a@b-.co",
            "a@b_c.de",
            "a@b!c.de",
            "a@b.c",
            "a@1.2.3.4",
            "a@b.123",
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            "\"a b\"@c.de",
            "Ana <a@b.co>",
            "a@b.co, c@d.co",
            "a@b.co\r\nBcc: c@d.co",
            "a(comment)@b.co",
            "ä@b.co",
            "a@müller.de",
            "a\u{200b}@b.co",
            "mailto:a@b.co",
            &format!("{local}x@example.org"),
            &format!("a@{label}d.org"),
            &format!("a@{0}.{0}.{0}.{0}.org", label),
        ];
        holds(&email(), &good.map(Value::from), &bad.map(Value::from));
        assert_eq!(email().parse(&json!(" Ana@Example.ORG\n")), Ok("ana@example.org".into()));
    }

    #[test]
    fn ids_and_names_are_taken_as_they_are_written() {
        let plain = "01900000-0000-7000-8000-00000000000a";
        let bad = ["x", &plain.replace('-', ""), &plain.replace('a', "g"), &format!("{{{plain}}}")];
        let upper = json!(plain.to_uppercase());
        holds(&id(PatientId::parse), &[json!(plain), upper.clone()], &bad.map(Value::from));
        assert_eq!(id(PatientId::parse).parse(&upper).unwrap().to_string(), plain);
        holds(&named::<Ability>(), &[json!("read")], &[json!("Read"), json!("fly"), json!(1)]);
        let bad = [json!([]), json!(["read", "read"]), json!(["fly"]), json!("read")];
        holds(&set(named::<Ability>()), &[json!(["read", "add"])], &bad);
    }

    #[test]
    fn numbers_dates_and_flags_are_taken_exactly() {
        let bad = [json!(0), json!(51), json!(1.5), json!(-1), json!("7"), json!(1e300)];
        holds(&number(1, 50), &[json!(1), json!(50), json!(7.0)], &bad);
        let bad = [
            "1849-12-31",
            "0000-01-01",
            "2026-02-30",
            "2026-13-01",
            "26-01-01",
            "2026-01-31T00:00:00Z",
            "yesterday",
        ];
        holds(&date(), &[json!("2028-02-29"), json!("1850-01-01")], &bad.map(Value::from));
        holds(&flag(), &[json!(true), json!(false)], &[json!("true"), json!(1)]);
    }
}
