//! Reads a request once, into typed values, and reports everything that is wrong with it at once.

use std::{cell::RefCell, collections::BTreeSet};

use domain::{PatientId, RecordId, Timestamp, consent::Purpose};
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::{
    DataKey, Key,
    list::{read_cursor, read_place},
    table::Attributes,
};

use crate::{
    idempotency::Idempotency,
    json,
    kind::{Kind, custom, id, named, number, secret},
    problem::{Failure, Invalid, Problem, TOO_LARGE},
    request::Request,
};

/// The most items of a page.
pub const MOST_ITEMS: u64 = 100;
const DEFAULT_ITEMS: usize = 25;
const LONGEST_CURSOR: usize = 2048;
/// The firewall stops longer ones before (`long-bodies` in template.yaml); files never pass here.
const LONGEST_BODY: usize = 65_535;

/// A value was wrong or missing; the reader knows which. Nothing else goes wrong while reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong;

/// A value as it was read.
pub type Read<T> = Result<T, Wrong>;

/// What an operation takes. Reading is all there is to say about it: the API reference is made by
/// the same function.
pub trait Input: Sized {
    /// Asks for every value first, then answers with them: so that everything that is wrong is
    /// reported at once.
    fn read(read: &Reader<'_>) -> Read<Self>;

    /// The input of a request.
    ///
    /// # Errors
    /// 400 with everything that is wrong, unknown fields and parameters included; 413 for a body
    /// that is too long.
    fn of(request: &Request) -> Result<Self, Failure> {
        if request.body.len() > LONGEST_BODY {
            return Err(TOO_LARGE.into());
        }
        let reader = Reader::new(request);
        let input = Self::read(&reader);
        let errors = reader.finish();
        match input {
            Ok(input) if errors.is_empty() => Ok(input),
            _ => Err(Problem::invalid(errors).into()),
        }
    }
}

/// Nothing is taken.
impl Input for () {
    fn read(_: &Reader<'_>) -> Read<()> {
        Ok(())
    }
}

/// Where a value stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
    /// In the body, by JSON pointer (RFC 6901).
    Body,
}

/// A value that an operation asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Where.
    pub place: Place,
    /// Its name there.
    pub name: String,
    /// Whether it must be there.
    pub required: bool,
    /// What it must be, as a JSON Schema.
    pub schema: Value,
}

/// Reads one request; or, for the API reference, only notes what would be read.
#[derive(Debug)]
pub struct Reader<'r> {
    request: Option<&'r Request>,
    body: Option<Value>,
    fields: RefCell<BTreeSet<String>>,
    parameters: RefCell<BTreeSet<&'static str>>,
    errors: RefCell<Vec<Invalid>>,
    asked: RefCell<Vec<Asked>>,
}

/// What `I` asks for.
#[must_use]
pub fn asked<I: Input>() -> Vec<Asked> {
    let reader = Reader::of(None);
    _ = I::read(&reader);
    reader.asked.take()
}

impl<'r> Reader<'r> {
    fn of(request: Option<&'r Request>) -> Self {
        Self {
            request,
            body: None,
            fields: RefCell::default(),
            parameters: RefCell::default(),
            errors: RefCell::default(),
            asked: RefCell::default(),
        }
    }

    /// A reader of a request; a body that is not there passes for an empty object.
    fn new(request: &'r Request) -> Self {
        let mut reader = Self::of(Some(request));
        if request.body.is_empty() {
            reader.body = Some(Value::Object(serde_json::Map::new()));
            return reader;
        }
        match json::parse(&request.body) {
            Ok(value @ Value::Object(_)) => reader.body = Some(value),
            Ok(_) => reader.wrong(Place::Body, "", "must be a JSON object".into()),
            Err(wrong) => reader.wrong(Place::Body, "", wrong),
        }
        reader
    }

    fn wrong(&self, place: Place, name: &str, detail: String) {
        let mut invalid = Invalid { pointer: None, parameter: None, header: None, detail };
        let name = Some(name.to_owned());
        match place {
            Place::Body => invalid.pointer = name,
            Place::Path | Place::Query => invalid.parameter = name,
            Place::Header => invalid.header = name,
        }
        self.errors.borrow_mut().push(invalid);
    }

    fn taken<T>(&self, place: Place, name: &str, parsed: Result<T, String>) -> Read<T> {
        parsed.map_err(|detail| {
            self.wrong(place, name, detail);
            Wrong
        })
    }

    /// The request; without one, what is asked for is noted.
    fn ask(&self, place: Place, name: &str, required: bool, kind: &impl Kind) -> Read<&'r Request> {
        self.request.ok_or_else(|| {
            let (name, schema) = (name.to_owned(), kind.schema());
            self.asked.borrow_mut().push(Asked { place, name, required, schema });
            Wrong
        })
    }

    /// An id of the path.
    pub fn path<T>(&self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Read<T> {
        let kind = id(parse);
        let text = self.ask(Place::Path, name, true, &kind)?.path(name).unwrap_or_default();
        self.taken(Place::Path, name, kind.parse(&Value::String(text.to_owned())))
    }

    /// An optional query parameter.
    pub fn query<K: Kind>(&self, name: &'static str, kind: K) -> Read<Option<K::Value>> {
        let request = self.ask(Place::Query, name, false, &kind)?;
        self.parameters.borrow_mut().insert(name);
        let Some(text) = request.query(name) else { return Ok(None) };
        self.taken(Place::Query, name, kind.parse(&Value::String(text.to_owned()))).map(Some)
    }

    /// An optional query parameter that is a whole number from `least` to `most`.
    pub fn query_number(&self, name: &'static str, least: u64, most: u64) -> Read<Option<u64>> {
        let inner = number(least, most);
        if self.request.is_none() {
            return self.query(name, inner).map(|_| None);
        }
        let digits = |value: &Value| {
            let text = value.as_str().unwrap_or_default();
            let canonical = text.parse::<u64>().ok().filter(|n| n.to_string() == text);
            inner.parse(&canonical.map_or(Value::Null, Value::from))
        };
        self.query(name, custom(digits, Value::default))
    }

    /// Which part of a list is wanted: `limit` (1 to 100, 25 when absent) and `cursor`, as an
    /// earlier page gave it.
    pub fn paging(&self) -> Read<Paging> {
        let limit = self.query_number("limit", 1, MOST_ITEMS);
        let cursor = self.query("cursor", secret(LONGEST_CURSOR));
        let limit = limit?.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(DEFAULT_ITEMS);
        Ok(Paging { limit, cursor: cursor? })
    }

    /// The purpose of use the caller states.
    pub fn purpose(&self) -> Read<Option<Purpose>> {
        self.query("purpose", named())
    }

    /// The `Idempotency-Key`, which every POST that changes something must carry (I7).
    pub fn idempotency(&self) -> Read<Idempotency> {
        let name = "Idempotency-Key";
        let request =
            self.ask(Place::Header, name, true, &custom(|_| Ok(()), Idempotency::schema))?;
        let detail = || {
            "must be given once: 1 to 255 printable ASCII characters, new for each change".into()
        };
        self.taken(Place::Header, name, Idempotency::of(request).ok_or_else(detail))
    }

    /// A field of the body that must be there, by JSON pointer.
    pub fn field<K: Kind>(&self, pointer: &str, kind: K) -> Read<K::Value> {
        self.ask(Place::Body, pointer, true, &kind)?;
        match self.optional(pointer, kind)? {
            Some(value) => Ok(value),
            None if self.body.is_none() => Err(Wrong),
            None => self.taken(Place::Body, pointer, Err("is missing".into())),
        }
    }

    /// A field of the body that may be absent or null.
    pub fn optional<K: Kind>(&self, pointer: &str, kind: K) -> Read<Option<K::Value>> {
        self.ask(Place::Body, pointer, false, &kind)?;
        self.fields.borrow_mut().insert(pointer.to_owned());
        let value = self.body.as_ref().and_then(|body| body.pointer(pointer));
        match value.filter(|value| !value.is_null()) {
            Some(value) => self.taken(Place::Body, pointer, kind.parse(value)).map(Some),
            None => Ok(None),
        }
    }

    /// An object of the body that may be absent or null, with fields of its own.
    pub fn object<T>(
        &self,
        pointer: &str,
        read: impl FnOnce(&Self, &str) -> Read<T>,
    ) -> Read<Option<T>> {
        let object = custom(
            |value| if value.is_object() { Ok(()) } else { Err("must be an object".to_owned()) },
            || serde_json::json!({ "type": "object" }),
        );
        match self.optional(pointer, object) {
            Ok(None) => Ok(None),
            Err(Wrong) if self.request.is_some() => Err(Wrong),
            Ok(Some(())) | Err(Wrong) => read(self, pointer).map(Some),
        }
    }

    /// The moment of the request; none where only the reference asks.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        self.request.map(|request| request.now)
    }

    /// Reports a rule that spans several fields.
    pub fn reject<T>(&self, pointer: &str, detail: &str) -> Read<T> {
        self.taken(Place::Body, pointer, Err(detail.to_owned()))
    }

    /// Reports a rule that spans several query parameters.
    pub fn reject_query<T>(&self, name: &'static str, detail: &str) -> Read<T> {
        self.taken(Place::Query, name, Err(detail.to_owned()))
    }

    /// Everything that was wrong, unknown fields and parameters included.
    fn finish(&self) -> Vec<Invalid> {
        if let Some(body) = &self.body {
            self.unknown_fields("", body);
        }
        let mut seen = BTreeSet::new();
        for name in self.request.into_iter().flat_map(Request::query_names) {
            match (seen.insert(name), self.parameters.borrow().contains(name)) {
                (true, true) => {}
                (true, false) => self.wrong(Place::Query, name, "is not known here".into()),
                (false, _) => self.wrong(Place::Query, name, "stands there twice".into()),
            }
        }
        self.errors.take()
    }

    fn unknown_fields(&self, at: &str, value: &Value) {
        for (name, value) in value.as_object().into_iter().flatten() {
            let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            let inside = format!("{pointer}/");
            let (known, parent) = {
                let fields = self.fields.borrow();
                let parent = fields.iter().any(|field| field.starts_with(&inside));
                (fields.contains(&pointer), parent)
            };
            match (known, parent) {
                (_, true) => self.unknown_fields(&pointer, value),
                (true, false) => {}
                (false, false) => self.wrong(Place::Body, at, unknown(name)),
            }
        }
    }
}

/// Names an unknown field only where its name can be no more than a name.
fn unknown(name: &str) -> String {
    let plain = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain { format!("has an unknown field: {name}") } else { "has an unknown field".into() }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    /// How many items, from 1 to 100.
    pub limit: usize,
    /// Where to go on; from the newest when absent.
    pub cursor: Option<String>,
}

impl Input for Paging {
    fn read(read: &Reader<'_>) -> Read<Self> {
        read.paging()
    }
}

impl Paging {
    /// The place after which the page begins. `list` names the list and its filters.
    ///
    /// # Errors
    /// 400 when the cursor is not of this list.
    pub fn after(&self, key: &DataKey, list: &Key) -> Result<Option<Attributes>, Problem> {
        self.read_by(|cursor| read_place(cursor, key, list))
    }

    /// What the cursor stands for, in a list that makes its own ([`store::list::cursor`]).
    ///
    /// # Errors
    /// 400 when the cursor is not of this list.
    pub fn place<T: DeserializeOwned>(
        &self,
        key: &DataKey,
        list: &Key,
    ) -> Result<Option<T>, Problem> {
        self.read_by(|cursor| read_cursor(cursor, key, list))
    }

    fn read_by<T>(&self, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        match read(cursor) {
            Some(place) => Ok(Some(place)),
            None => Err(Problem::invalid(vec![Invalid {
                pointer: None,
                parameter: Some("cursor".into()),
                header: None,
                detail: "is not a cursor of this list".into(),
            }])),
        }
    }
}

/// One record, and the purpose for which it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordPath {
    /// Whose.
    pub patient: PatientId,
    /// Which.
    pub record: RecordId,
    /// What for; the grant's own when absent.
    pub purpose: Option<Purpose>,
}

impl Input for RecordPath {
    fn read(read: &Reader<'_>) -> Read<Self> {
        let patient = read.path("patientId", PatientId::parse);
        let record = read.path("recordId", RecordId::parse);
        let purpose = read.purpose();
        Ok(Self { patient: patient?, record: record?, purpose: purpose? })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use lambda_http::{Body, RequestExt};

    use super::*;
    use crate::kind::line;

    /// Takes something at every place, in an object of the body too.
    struct Everything(String);

    impl Input for Everything {
        fn read(read: &Reader<'_>) -> Read<Self> {
            let idempotency = read.idempotency();
            let paging = read.paging();
            let name = read.field("/name", line(5));
            let note = read.optional("/note", line(5));
            let inner = read.object("/in", |read, at| read.field(&format!("{at}/n"), number(1, 9)));
            let read = (idempotency?, paging?, name?, note?, inner?);
            Ok(Self(read.2))
        }
    }

    fn wrong(body: &str, query: &[(&str, &[&str])], keys: &[&'static str]) -> Vec<String> {
        let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let query = query.iter().map(|(name, values)| ((*name).to_owned(), list(values)));
        let query: HashMap<String, Vec<String>> = query.collect();
        let mut event = lambda_http::Request::new(Body::Text(body.to_owned()))
            .with_query_string_parameters(query);
        for key in keys {
            event.headers_mut().append("Idempotency-Key", key.parse().unwrap());
        }
        match Everything::of(&Request::new(event)) {
            Err(Failure::Problem(problem)) if problem.status == 413 => vec![problem.code.into()],
            Err(Failure::Problem(problem)) => {
                let place =
                    |one: &Invalid| [&one.pointer, &one.parameter, &one.header].map(Clone::clone);
                let mut wrong: Vec<_> = problem.errors.iter().flat_map(place).flatten().collect();
                wrong.sort();
                wrong
            }
            Ok(Everything(name)) => vec![format!("takes {name}")],
            Err(other) => vec![format!("{other:?}")],
        }
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let whole = r#"{"name":"Ana","note":null,"in":{"n":7}}"#;
        assert_eq!(wrong(whole, &[("limit", &["100"])], &["a"]), ["takes Ana"]);
        let every = r#"{"name":7,"note":" ","in":{"n":0,"x":1},"y":1}"#;
        let query: &[(&str, &[&str])] = &[("limit", &["0"]), ("q", &["x"]), ("cursor", &[""])];
        let all = ["", "/in", "/in/n", "/name", "/note", "Idempotency-Key", "cursor", "limit", "q"];
        assert_eq!(wrong(every, query, &[]), all);
    }

    #[test]
    fn a_body_is_an_object_that_has_what_it_must() {
        for missing in ["", "{}", r#"{"name":null,"in":null}"#] {
            assert_eq!(wrong(missing, &[], &["a"]), ["/name"], "{missing}");
        }
        assert_eq!(wrong(r#"{"name":"a","in":{}}"#, &[], &["a"]), ["/in/n"]);
        let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(LONGEST_BODY));
        assert_eq!(wrong(&long, &[], &["a"]), ["too-large"]);
        for no_object in ["[]", "{", "null", "\"x\"", r#"{"name":"a","name":"b"}"#] {
            assert_eq!(wrong(no_object, &[], &["a"]), [""], "{no_object:.60}");
        }
    }

    #[test]
    fn parameters_and_keys_stand_there_once_and_in_their_form() {
        let body = r#"{"name":"a"}"#;
        for limit in ["101", "x", "-1", "+1", "01", ""] {
            assert_eq!(wrong(body, &[("limit", &[limit])], &["a"]), ["limit"], "{limit}");
        }
        assert_eq!(wrong(body, &[("limit", &["1", "2"])], &["a"]), ["limit"]);
        let long: &str = "k".repeat(256).leak();
        for keys in [&["a", "a"][..], &[""], &["ä"], &[long]] {
            assert_eq!(wrong(body, &[], keys), ["Idempotency-Key"], "{keys:?}");
        }
    }
}
