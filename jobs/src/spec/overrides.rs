//! Values given beside the job file, which win over its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::SpecError;
use super::read::{Item, OVERRIDE, Origin, Table, parse_table};
use super::value::{Entries, OVERRIDDEN, Value};

/// Replaces or adds `key` (dotted) with `value` (TOML).
pub(super) fn apply_override(root: &mut Table, key: &str, value: &str) -> Result<(), SpecError> {
    let origin = Arc::new(Origin { file: OVERRIDE.into(), text: format!("{key} = {value}") });
    let fail = |message: String| SpecError {
        file: OVERRIDE.into(),
        place: None,
        key: key.to_owned(),
        message,
        hint: Some(
            "give KEY=VALUE with a TOML value: --set input.numbers='[7]', --set run.order='\"input\"'".into(),
        ),
    };
    let parsed = parse_table(&origin).map_err(|errors| {
        fail(errors.0.first().map_or_else(|| "is no TOML".to_owned(), |error| error.message.clone()))
    })?;
    if parsed.entries.len() != 1 {
        return Err(fail("sets more than one key".into()));
    }
    for (name, mut item) in parsed.entries {
        (item.span, item.key_span) = (Some(OVERRIDDEN), Some(OVERRIDDEN));
        item.value.displace();
        merge(&mut root.entries, &name, item);
    }
    Ok(())
}

/// Tables merge key by key; anything else replaces what was there.
fn merge(entries: &mut BTreeMap<String, Item>, name: &str, item: Item) {
    let Some(old) = entries.get_mut(name) else {
        entries.insert(name.to_owned(), item);
        return;
    };
    match (&mut old.value, item) {
        (Value::Table(old), Item { value: Value::Table(new), .. }) => merge_tables(old, new),
        (_, item) => *old = item,
    }
}

fn merge_tables(old: &mut Entries, new: Entries) {
    for (key, key_span, value, span) in new {
        let Some(place) = old.iter_mut().find(|(name, ..)| *name == key) else {
            old.push((key, key_span, value, span));
            continue;
        };
        match (&mut place.2, value) {
            (Value::Table(old), Value::Table(new)) => merge_tables(old, new),
            (_, value) => *place = (key, key_span, value, span),
        }
    }
}
