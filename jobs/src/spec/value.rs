//! Values as they stand in a job file, each with its place.

use std::ops::Range;

use num_bigint::BigUint;
use toml::de::DeValue;

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Integer(String),
    Float(f64),
    Bool(bool),
    Date(String),
    List(Vec<(Value, Range<usize>)>),
    Table(Entries),
}

/// Keys and values of a table, each with its place, in the order of the keys.
pub(super) type Entries = Vec<(String, Range<usize>, Value, Range<usize>)>;

/// The place of what an override has set: none in the job file's text.
pub(super) const OVERRIDDEN: Range<usize> = usize::MAX..usize::MAX;

impl Value {
    pub(super) fn from_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Integer(integer) => Self::Integer(integer_text(integer.as_str(), integer.radix())),
            // The parser has checked the shape; an overflow reads as infinity, as IEEE says.
            DeValue::Float(float) => Self::Float(float.as_str().replace('_', "").parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(bool) => Self::Bool(*bool),
            DeValue::Datetime(date) => Self::Date(date.to_string()),
            DeValue::Array(list) => {
                Self::List(list.iter().map(|item| (Self::from_toml(item.get_ref()), item.span())).collect())
            }
            DeValue::Table(table) => Self::Table(
                table
                    .iter()
                    .map(|(key, item)| {
                        (key.get_ref().to_string(), key.span(), Self::from_toml(item.get_ref()), item.span())
                    })
                    .collect(),
            ),
        }
    }
}

impl Value {
    /// Gives all that lies inside the place of an override.
    pub(super) fn displace(&mut self) {
        match self {
            Self::List(list) => {
                for (value, span) in list {
                    *span = OVERRIDDEN;
                    value.displace();
                }
            }
            Self::Table(entries) => {
                for (_, key_span, value, span) in entries {
                    *key_span = OVERRIDDEN;
                    *span = OVERRIDDEN;
                    value.displace();
                }
            }
            _ => {}
        }
    }
}

/// Decimal digits of a TOML integer of any size and radix.
fn integer_text(digits: &str, radix: u32) -> String {
    let digits = digits.replace('_', "");
    if radix == 10 {
        return match digits.strip_prefix(['+', '-']) {
            Some("0") => "0".into(),
            Some(positive) if digits.starts_with('+') => positive.into(),
            _ => digits,
        };
    }
    BigUint::parse_bytes(digits.as_bytes(), radix).map_or(digits, |value| value.to_string())
}
