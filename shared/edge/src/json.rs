//! JSON as it is taken (RFC 8259). Of a name that stands twice in one object two readers may take
//! two different values (RFC 7493 2.3), so it is reported instead of chosen from.

use std::{cell::RefCell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The value of a text, and the pointers (RFC 6901) of names that stand twice in it.
pub(crate) fn parse(text: &[u8]) -> Result<(Value, Vec<String>), serde_json::Error> {
    let twice = RefCell::default();
    let mut reading = serde_json::Deserializer::from_slice(text);
    let value = Place { at: String::new(), twice: &twice }.deserialize(&mut reading)?;
    reading.end()?;
    Ok((value, twice.into_inner()))
}

/// The pointer of a member of the object at `at`.
pub(crate) fn member(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Where in the text a value stands.
struct Place<'t> {
    at: String,
    twice: &'t RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reading: D) -> Result<Value, D::Error> {
        reading.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        let next = |n| Place { at: member(&self.at, &format!("{n}")), twice: self.twice };
        while let Some(value) = list.next_element_seed(next(values.len()))? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            let at = member(&self.at, &name);
            let value = object.next_value_seed(Place { at: at.clone(), twice: self.twice })?;
            if members.insert(name, value).is_some() {
                self.twice.borrow_mut().push(at);
            }
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_that_stands_twice_is_reported_where_it_stands() {
        let cases: &[(&str, &[&str])] = &[
            (r#"{"a":1,"b":2}"#, &[]),
            (r#"{"a":1,"a":1}"#, &["/a"]),
            (r#"{"a":{"b":1},"c":{"b":1}}"#, &[]),
            (r#"{"a":{"b":1,"b":2},"a":3}"#, &["/a/b", "/a"]),
            (r#"[{"x":1},{"x":1,"x":2}]"#, &["/1/x"]),
            (r#"{"a/b":1,"a\u002fb":2}"#, &["/a~1b"]),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes()).unwrap().1, *expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused_as_serde_json_refuses_it() {
        for text in ["", "{", "{\"a\"}", "{} {}", "nul", "[1,]", "\u{feff}{}", "1e999"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(&[0xff, 0xfe]).is_err());
        assert!(parse("[".repeat(100_000).as_bytes()).is_err(), "depth is bounded");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1.0e9..1.0e9f64).prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn all_else_is_read_as_serde_json_reads_it(value in any_json()) {
            let text = serde_json::to_vec(&value).unwrap();
            let expected: Value = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(parse(&text).unwrap(), (expected, vec![]));
        }
    }
}
