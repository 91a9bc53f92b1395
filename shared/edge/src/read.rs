//! Reads a request once, into typed values, and reports everything that is wrong with it at once.

use std::{cell::RefCell, collections::BTreeSet};

use domain::{Date, consent::Purpose, names::Named};
use serde_json::Value;

use crate::{
    idempotency::Idempotency,
    problem::{Failure, Invalid, Problem},
    request::Request,
};

/// The most items a list answers with.
pub const MOST_ITEMS: u64 = 100;
const DEFAULT_ITEMS: usize = 25;
const LONGEST_CURSOR: usize = 2048;

/// A value was wrong or missing; [`Reader::finish`] says how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong;

impl From<Wrong> for Failure {
    fn from(_: Wrong) -> Self {
        Problem::invalid(Vec::new()).into()
    }
}

/// A value as it was read.
pub type Read<T> = Result<T, Wrong>;

/// Reads one request. Values are asked for first, then [`Reader::finish`] reports every error,
/// unknown fields and parameters among them.
#[derive(Debug)]
pub struct Reader<'r> {
    request: &'r Request,
    body: Option<Value>,
    fields: RefCell<BTreeSet<String>>,
    parameters: RefCell<BTreeSet<&'static str>>,
    errors: RefCell<Vec<Invalid>>,
}

enum Place<'a> {
    Body(&'a str),
    Parameter(&'a str),
    Header(&'a str),
}

impl<'r> Reader<'r> {
    /// A reader of a request without a body; an empty object passes for none.
    #[must_use]
    pub fn new(request: &'r Request) -> Self {
        match request.body.is_empty() {
            true => Self::empty(request),
            false => Self::with_body(request),
        }
    }

    fn empty(request: &'r Request) -> Self {
        Self {
            request,
            body: None,
            fields: RefCell::default(),
            parameters: RefCell::default(),
            errors: RefCell::default(),
        }
    }

    /// A reader of a request whose body is a JSON object.
    #[must_use]
    pub fn with_body(request: &'r Request) -> Self {
        let mut reader = Self::empty(request);
        match serde_json::from_slice(&request.body) {
            Ok(value @ Value::Object(_)) => reader.body = Some(value),
            Ok(_) => reader.wrong(&Place::Body(""), "must be a JSON object".into()),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let detail = format!("is not JSON: line {line}, column {column}");
                reader.wrong(&Place::Body(""), detail);
            }
        }
        reader
    }

    fn wrong(&self, place: &Place<'_>, detail: String) {
        let mut invalid = Invalid { pointer: None, parameter: None, header: None, detail };
        match place {
            Place::Body(pointer) => invalid.pointer = Some((*pointer).to_owned()),
            Place::Parameter(name) => invalid.parameter = Some((*name).to_owned()),
            Place::Header(name) => invalid.header = Some((*name).to_owned()),
        }
        self.errors.borrow_mut().push(invalid);
    }

    fn taken<T>(&self, place: &Place<'_>, parsed: Result<T, String>) -> Read<T> {
        parsed.map_err(|detail| {
            self.wrong(place, detail);
            Wrong
        })
    }

    /// An id of the path.
    ///
    /// # Errors
    /// When it is not one.
    pub fn path<T>(&self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Read<T> {
        let id = self.request.path(name).and_then(parse);
        self.taken(&Place::Parameter(name), id.ok_or_else(|| "must be a UUID".into()))
    }

    /// An optional query parameter.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn query<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&Value) -> Result<T, String>,
    ) -> Read<Option<T>> {
        self.parameters.borrow_mut().insert(name);
        let Some(text) = self.request.query(name) else { return Ok(None) };
        self.taken(&Place::Parameter(name), parse(&Value::String(text.to_owned()))).map(Some)
    }

    /// How many items a list shall show: `limit`, 1 to 100, 25 when absent.
    ///
    /// # Errors
    /// When it is no such number.
    pub fn limit(&self) -> Read<usize> {
        let parse = |value: &Value| {
            let number = value.as_str().and_then(|text| text.parse::<usize>().ok());
            let number = number.filter(|n| (1..=100).contains(n));
            number.ok_or_else(|| format!("must be a number from 1 to {MOST_ITEMS}"))
        };
        Ok(self.query("limit", parse)?.unwrap_or(DEFAULT_ITEMS))
    }

    /// Where a list goes on: `cursor`, as an earlier page gave it.
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn cursor(&self) -> Read<Option<String>> {
        self.query("cursor", text(1, LONGEST_CURSOR))
    }

    /// The purpose of use the caller states.
    ///
    /// # Errors
    /// When there is no such purpose.
    pub fn purpose(&self) -> Read<Option<Purpose>> {
        self.query("purpose", named)
    }

    /// The `Idempotency-Key`, which every POST that changes something must carry (I7).
    ///
    /// # Errors
    /// When it is missing or cannot be one.
    pub fn idempotency(&self) -> Read<Idempotency> {
        let key = Idempotency::of(self.request);
        let detail = || "must be 1 to 255 printable ASCII characters, new for each change".into();
        self.taken(&Place::Header("Idempotency-Key"), key.ok_or_else(detail))
    }

    /// A field of the body that must be there, by JSON pointer.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub fn field<T>(&self, pointer: &str, parse: impl Fn(&Value) -> Result<T, String>) -> Read<T> {
        match self.optional(pointer, parse)? {
            Some(value) => Ok(value),
            None if self.body.is_none() => Err(Wrong),
            None => self.taken(&Place::Body(pointer), Err("is missing".into())),
        }
    }

    /// A field of the body that may be absent or null.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn optional<T>(
        &self,
        pointer: &str,
        parse: impl Fn(&Value) -> Result<T, String>,
    ) -> Read<Option<T>> {
        self.fields.borrow_mut().insert(pointer.to_owned());
        let value = self.body.as_ref().and_then(|body| body.pointer(pointer));
        match value.filter(|value| !value.is_null()) {
            Some(value) => self.taken(&Place::Body(pointer), parse(value)).map(Some),
            None => Ok(None),
        }
    }

    /// Whether the body has anything at `pointer`.
    #[must_use]
    pub fn has(&self, pointer: &str) -> bool {
        self.body.as_ref().and_then(|body| body.pointer(pointer)).is_some_and(|v| !v.is_null())
    }

    /// Reports a rule that spans several fields.
    ///
    /// # Errors
    /// Always.
    pub fn reject<T>(&self, pointer: &str, detail: &str) -> Read<T> {
        self.taken(&Place::Body(pointer), Err(detail.to_owned()))
    }

    /// A cursor that turned out not to be of this list.
    #[must_use]
    pub fn bad_cursor() -> Problem {
        Problem::invalid(vec![Invalid {
            pointer: None,
            parameter: Some("cursor".into()),
            header: None,
            detail: "is not a cursor of this list".into(),
        }])
    }

    /// Reports everything that was wrong, unknown fields and parameters included.
    ///
    /// # Errors
    /// 400 with every error, when there is one.
    pub fn finish(&self) -> Result<(), Problem> {
        if let Some(body) = &self.body {
            self.unknown_fields("", body);
        }
        for name in self.request.query_names() {
            if !self.parameters.borrow().contains(name) {
                self.wrong(&Place::Parameter(name), "is not known here".into());
            }
        }
        let errors = self.errors.take();
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
    }

    fn unknown_fields(&self, at: &str, value: &Value) {
        let Some(object) = value.as_object() else {
            return self.wrong(&Place::Body(at), "must be an object".into());
        };
        for (name, value) in object {
            let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            let inside = format!("{pointer}/");
            let (known, parent) = {
                let fields = self.fields.borrow();
                let parent = fields.iter().any(|field| field.starts_with(&inside));
                (fields.contains(&pointer), parent)
            };
            match (known, parent) {
                (true, _) => {}
                (false, true) => self.unknown_fields(&pointer, value),
                (false, false) => self.wrong(&Place::Body(at), unknown(name)),
            }
        }
    }
}

/// Names an unknown field only where its name can be no more than a name.
fn unknown(name: &str) -> String {
    let plain = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain { format!("has an unknown field: {name}") } else { "has an unknown field".into() }
}

fn string(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "must be text".into())
}

/// Text of `least` to `most` characters after trimming, without control characters.
pub fn text(least: usize, most: usize) -> impl Fn(&Value) -> Result<String, String> {
    move |value| {
        let text = string(value)?.trim();
        let long = text.chars().count();
        if !(least..=most).contains(&long) {
            return Err(format!("must have {least} to {most} characters"));
        }
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err("must not hold control characters".into());
        }
        Ok(text.to_owned())
    }
}

/// A secret of up to `most` characters: taken as it is, not trimmed.
pub fn secret(most: usize) -> impl Fn(&Value) -> Result<String, String> {
    move |value| {
        let text = string(value)?;
        let fits = (1..=most).contains(&text.chars().count());
        if fits { Ok(text.to_owned()) } else { Err(format!("must have 1 to {most} characters")) }
    }
}

/// One of the values of a [`Named`] set.
///
/// # Errors
/// Names the values there are.
pub fn named<T: Named>(value: &Value) -> Result<T, String> {
    T::from_name(string(value)?).ok_or_else(|| {
        let names: Vec<_> = T::NAMES.iter().map(|(_, name)| *name).collect();
        format!("must be one of: {}", names.join(", "))
    })
}

/// A list without repetitions of `parse`d values, at least one.
pub fn set<T: Ord>(
    parse: impl Fn(&Value) -> Result<T, String>,
) -> impl Fn(&Value) -> Result<BTreeSet<T>, String> {
    move |value| {
        let list = value.as_array().ok_or("must be a list")?;
        let set = list.iter().map(&parse).collect::<Result<BTreeSet<_>, _>>()?;
        if set.is_empty() || set.len() != list.len() {
            return Err("must hold at least one value and none twice".into());
        }
        Ok(set)
    }
}

/// A calendar date (RFC 3339 `full-date`).
///
/// # Errors
/// When it is none.
pub fn date(value: &Value) -> Result<Date, String> {
    let text = string(value)?;
    let date = Some(text).filter(|text| text.len() == 10).and_then(|text| text.parse().ok());
    date.ok_or_else(|| "must be a date such as 2026-01-31".into())
}

/// A whole number from `least` to `most`.
pub fn number(least: u64, most: u64) -> impl Fn(&Value) -> Result<u64, String> {
    move |value| {
        let number = value.as_u64().filter(|n| (least..=most).contains(n));
        number.ok_or_else(|| format!("must be a whole number from {least} to {most}"))
    }
}

/// True or false.
///
/// # Errors
/// When it is neither.
pub fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "must be true or false".into())
}

/// A UUID of some kind.
pub fn id<T>(parse: impl Fn(&str) -> Option<T>) -> impl Fn(&Value) -> Result<T, String> {
    move |value| parse(string(value)?).ok_or_else(|| "must be a UUID".into())
}

/// An email address: one `@`, a dotted domain, at most 254 characters (RFC 5321 4.5.3.1).
///
/// # Errors
/// When it cannot be one.
pub fn email(value: &Value) -> Result<String, String> {
    let text = string(value)?.trim().to_ascii_lowercase();
    let graphic = text.is_ascii() && text.bytes().all(|b| b.is_ascii_graphic());
    let parts = text.split_once('@').filter(|(local, domain)| {
        !local.is_empty()
            && !domain.contains('@')
            && domain.split('.').count() > 1
            && domain.split('.').all(|label| !label.is_empty())
    });
    match parts {
        Some(_) if graphic && text.len() <= 254 => Ok(text),
        _ => Err("must be an email address".into()),
    }
}
