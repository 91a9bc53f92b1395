//! JSON as it is taken (RFC 8259). Of a name that stands twice in one object two readers may take
//! two different values (RFC 7493 2.3), so it is refused instead of chosen from.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The value of a text; or what is wrong with it and where, without a word of the text itself.
pub(crate) fn parse(text: &[u8]) -> Result<Value, String> {
    let mut reading = serde_json::Deserializer::from_slice(text);
    let value = Any.deserialize(&mut reading).and_then(|value| reading.end().map(|()| value));
    value.map_err(|error| {
        // Any value is taken; only a name that stands twice is not.
        let what = if error.is_data() { "has a field twice" } else { "is not JSON" };
        format!("{what}: line {}, column {}", error.line(), error.column())
    })
}

/// Any value without a name that stands twice.
struct Any;

impl<'de> DeserializeSeed<'de> for Any {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reading: D) -> Result<Value, D::Error> {
        reading.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any {
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
        while let Some(value) = list.next_element_seed(Any)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom("twice"));
            }
            members.insert(name, object.next_value_seed(Any)?);
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_that_stands_twice_is_told_by_its_place_alone() {
        let told = |text: &str| parse(text.as_bytes()).map(|_| ());
        for once in [r#"{"a":1,"b":2}"#, r#"{"a":{"b":1},"c":{"b":1}}"#, r#"[{"x":1},{"x":1}]"#] {
            assert_eq!(told(once), Ok(()), "{once}");
        }
        for (twice, column) in [
            (r#"{"a":1,"a":1}"#, 10),
            (r#"{"a":{"b":1,"b":2},"a":3}"#, 15),
            (r#"[{"x":1},{"x":1,"x":2}]"#, 19),
            (r#"{"a/b":1,"a\u002fb":2}"#, 19),
            (r#"{"":1,"":2}"#, 8),
        ] {
            let expected = format!("has a field twice: line 1, column {column}");
            assert_eq!(told(twice), Err(expected), "{twice}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused_as_serde_json_refuses_it() {
        for text in ["", "{", "{\"a\"}", "{} {}", "nul", "[1,]", "\u{feff}{}", "1e999"] {
            let told = parse(text.as_bytes()).unwrap_err();
            assert!(told.starts_with("is not JSON: line "), "{text}: {told}");
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
            prop_assert_eq!(parse(&text).unwrap(), expected);
        }
    }
}
