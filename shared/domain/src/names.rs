//! Enumerations that travel by name: one list serves parsing, printing and storing.

/// A closed set of values with one wire name each (kebab-case, or an operation's name).
pub trait Named: Sized + Copy + PartialEq + 'static {
    /// Every value with its name, in the order used for display.
    const NAMES: &'static [(Self, &'static str)];

    /// The wire name.
    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(value, _)| *value == self).map_or("", |(_, name)| name)
    }

    /// The value of a wire name; `None` for any other text.
    fn from_name(text: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, name)| *name == text).map(|(value, _)| *value)
    }
}

/// What each value means, one a line, as its comment says.
#[must_use]
pub fn described(values: &[(&str, &[&str])]) -> String {
    let line = |(name, said): &(&str, &[&str])| {
        let said: Vec<_> = said.iter().map(|line| line.trim()).collect();
        format!("- `{name}`: {}", said.join(" "))
    };
    values.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Declares an enum whose variants each have a wire name, with [`Named`], `Display`, serde and
/// its JSON Schema.
#[macro_export]
macro_rules! named {
    ($(#[$meta:meta])* pub enum $Name:ident { $($(#[doc = $said:expr])* $Variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $Name { $($(#[doc = $said])* $Variant,)+ }

        impl $crate::names::Named for $Name {
            const NAMES: &'static [(Self, &'static str)] = &[$((Self::$Variant, $text),)+];
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::names::Named::name(*self))
            }
        }

        impl schemars::JsonSchema for $Name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($Name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let values: &[(&str, &[&str])] = &[$(($text, &[$($said),*])),+];
                schemars::json_schema!({
                    "type": "string",
                    "enum": [$($text),+],
                    "description": $crate::names::described(values),
                })
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str($crate::names::Named::name(*self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                <$Name as $crate::names::Named>::from_name(&text)
                    .ok_or_else(|| serde::de::Error::custom(concat!("unknown ", stringify!($Name))))
            }
        }
    };
}
