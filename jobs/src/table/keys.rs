//! The keys of `[input]` that say how tables are read, the same for all kinds.

use crate::spec::{Item, SpecError};

/// Reads `input.delimiter`; `None` where it is absent.
pub(crate) fn delimiter(item: Option<&Item>) -> Result<Option<u8>, SpecError> {
    let Some(item) = item else { return Ok(None) };
    match item.text()?.as_bytes() {
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n.+-".contains(byte) => {
            Ok(Some(*byte))
        }
        _ => Err(item.error(format!(
            "{} can't stand between cells; give one character, for example \";\" or \"\\t\"",
            item.describe()
        ))),
    }
}

/// Reads `input.header`; `None` where it is absent.
pub(crate) fn header(item: Option<&Item>) -> Result<Option<bool>, SpecError> {
    item.map(Item::bool).transpose()
}
