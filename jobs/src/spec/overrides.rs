//! Values given beside the job file, which win over its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::SpecError;
use super::read::{Item, OVERRIDE, Origin, Table, parse_table};
use super::value::{Entries, OVERRIDDEN, Value};

/// Replaces or adds `key` (dotted) with `value`: TOML, or text where it is none and can't have been meant as any.
pub(super) fn apply_override(root: &mut Table, key: &str, value: &str) -> Result<(), SpecError> {
    let parsed = parse(key, value).or_else(|error| match is_bare_text(value) {
        // The key's own mistakes are told by the second try, too.
        true => parse(key, &quoted(value)),
        false => Err(error),
    })?;
    if parsed.entries.len() != 1 {
        return Err(refused(key, "sets more than one key".into(), None));
    }
    for (name, mut item) in parsed.entries {
        (item.span, item.key_span) = (Some(OVERRIDDEN), Some(OVERRIDDEN));
        item.value.displace();
        merge(&mut root.entries, &name, item);
    }
    Ok(())
}

fn parse(key: &str, value: &str) -> Result<Table, SpecError> {
    let origin = Arc::new(Origin { file: OVERRIDE.into(), text: format!("{key} = {value}") });
    parse_table(&origin).map_err(|errors| match errors.0.into_iter().next() {
        Some(error) => refused(key, error.message, error.hint),
        None => refused(key, "is no TOML".to_owned(), None),
    })
}

fn refused(key: &str, message: String, shown: Option<String>) -> SpecError {
    let way_out =
        "give KEY=VALUE with a TOML value or plain text: --set input.numbers='[7]', --set run.order=input";
    let shown = shown.map(|shown| shown + "\n").unwrap_or_default();
    let hint = Some(format!("{shown}{way_out}"));
    SpecError { file: OVERRIDE.into(), place: None, key: key.to_owned(), message, hint }
}

/// A shell takes quotes away, so that what was typed as text arrives without: `--set input.file=numbers.txt`. What begins
/// as a list, a table or text in quotes was meant as one.
fn is_bare_text(value: &str) -> bool {
    let value = value.trim();
    !value.is_empty()
        && !value.starts_with([
            '[', '{', '"', '\'', '\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}', '#',
        ])
        && !value.contains(char::is_control)
}

/// As a basic string of TOML.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.trim().replace('\\', "\\\\").replace('"', "\\\""))
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
