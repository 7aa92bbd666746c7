//! The columns of the JSON lines as comma-separated values, `value` and `error` flattened in place.

use std::borrow::Cow;
use std::fmt;

use jobs::Presenter;
use serde::Deserialize;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::columns::{Columns, input_or_id, push_number, push_worker};
use super::escape::{quote_csv, tame_csv};
use crate::outcome::{Outcome, Reason};

/// Writes lines; keeps its buffers from line to line.
#[derive(Debug, Default)]
pub(super) struct CsvLines {
    json: String,
    // Invariant: one cell for each of the presenter's columns, in their order.
    cells: Vec<String>,
}

impl CsvLines {
    /// Appends the names of the columns.
    pub(super) fn push_header(presenter: &dyn Presenter, columns: Columns, line: &mut String) {
        line.push_str("id,input,ok");
        for column in presenter.columns() {
            line.push(',');
            let mark = line.len();
            line.push_str("value.");
            line.push_str(column);
            quote_csv(line, mark);
        }
        line.push_str(",error.reason,error.message");
        if columns == Columns::All {
            line.push_str(",attempts,worker,micros");
        }
        line.push('\n');
    }

    /// Appends the line of one outcome.
    pub(super) fn push_line(
        &mut self,
        outcome: &Outcome<'_>,
        presenter: &dyn Presenter,
        columns: Columns,
        line: &mut String,
    ) {
        push_number(outcome.task.0, line);
        line.push(',');
        let mark = line.len();
        input_or_id(outcome, presenter, line);
        close_cell(line, mark);
        match outcome.result {
            Ok(value) => match self.read_value(outcome.payload, value, presenter) {
                Ok(()) => self.push_value(line),
                Err(message) => self.push_error(presenter, Reason::Protocol, &message, line),
            },
            Err(failure) => self.push_error(presenter, failure.reason, &failure.message, line),
        }
        if columns == Columns::All {
            line.push(',');
            push_number(outcome.attempts.into(), line);
            line.push(',');
            if outcome.worker > 0 {
                push_worker(outcome.worker, line);
            }
            line.push(',');
            push_number(outcome.micros, line);
        }
        line.push('\n');
    }

    fn push_value(&self, line: &mut String) {
        line.push_str(",true");
        for cell in &self.cells {
            line.push(',');
            let mark = line.len();
            line.push_str(cell);
            close_cell(line, mark);
        }
        line.push_str(",,");
    }

    fn push_error(&self, presenter: &dyn Presenter, reason: Reason, message: &str, line: &mut String) {
        line.push_str(",false");
        line.extend(presenter.columns().iter().map(|_| ','));
        line.push(',');
        line.push_str(reason.name());
        line.push(',');
        let mark = line.len();
        line.push_str(message);
        close_cell(line, mark);
    }

    /// Fills the cells with the fields of a value.
    fn read_value(&mut self, payload: &[u8], value: &[u8], presenter: &dyn Presenter) -> Result<(), String> {
        self.json.clear();
        presenter.value(payload, value, &mut self.json).map_err(|bad| bad.0)?;
        let columns = presenter.columns();
        self.cells.resize_with(columns.len(), String::new);
        self.cells.iter_mut().for_each(String::clear);
        if read_flat(&self.json, columns, &mut self.cells).is_some() {
            return Ok(());
        }
        self.cells.iter_mut().for_each(String::clear);
        let cells = Cells { columns, cells: &mut self.cells };
        serde_json::Deserializer::from_str(&self.json)
            .deserialize_map(cells)
            .map_err(|error| error.to_string())
    }
}

/// What stands behind `mark` becomes a cell. Others wrote it.
fn close_cell(line: &mut String, mark: usize) {
    tame_csv(line, mark);
    quote_csv(line, mark);
}

/// The fast path, for what nearly all values are: the columns in their order, without spaces, escapes or
/// nested values. Anything else is `None`, and the cells are then in disorder.
fn read_flat(json: &str, columns: &[&'static str], cells: &mut [String]) -> Option<()> {
    let mut rest = json.strip_prefix('{')?;
    for (index, (column, cell)) in columns.iter().zip(cells).enumerate() {
        let comma = if index > 0 { "," } else { "" };
        rest = rest.strip_prefix(comma)?.strip_prefix('"')?.strip_prefix(column)?.strip_prefix("\":")?;
        if let Some(text) = rest.strip_prefix('"') {
            let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
            cell.push_str(text.get(..end)?);
            rest = text.get(end..)?.strip_prefix('"')?;
        } else {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
            let end = rest.bytes().position(|byte| !plain(byte))?;
            let literal = rest.get(..end)?;
            cell.push_str(if literal == "null" { "" } else { literal });
            rest = rest.get(end..)?;
        }
    }
    (rest == "}").then_some(())
}

/// Puts each field of a JSON object into the cell of its column.
struct Cells<'a> {
    columns: &'a [&'static str],
    cells: &'a mut [String],
}

/// A key; borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Cells<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Fields come in the order of the columns, so the next one is nearly always the right one.
        let mut expected = 0;
        while let Some(Name(name)) = map.next_key()? {
            let raw: &RawValue = map.next_value()?;
            let found = match self.columns.get(expected) {
                Some(column) if *column == name => Some(expected),
                _ => self.columns.iter().position(|column| *column == name),
            };
            if let Some(cell) = found.and_then(|index| self.cells.get_mut(index)) {
                push_cell(raw.get(), cell).map_err(serde::de::Error::custom)?;
            }
            expected = found.map_or(expected, |index| index + 1);
        }
        Ok(())
    }
}

/// Text without its quotes, `null` as nothing, anything else as JSON writes it: [`read_flat`] agrees.
fn push_cell(json: &str, cell: &mut String) -> Result<(), serde_json::Error> {
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(text) if !text.contains('\\') => cell.push_str(text),
        Some(_) => cell.push_str(&serde_json::from_str::<String>(json)?),
        None if json == "null" => {}
        None => cell.push_str(json),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(json: &str, columns: &[&'static str]) -> Vec<String> {
        let mut cells = vec![String::new(); columns.len()];
        let visitor = Cells { columns, cells: &mut cells };
        serde_json::Deserializer::from_str(json).deserialize_map(visitor).unwrap();
        cells
    }

    #[test]
    fn the_fast_path_and_the_thorough_one_agree() {
        let columns = ["a", "b", "c"];
        for json in [
            r#"{"a":1,"b":"x, y","c":true}"#,
            r#"{"a":-1.5e+300,"b":"","c":null}"#,
            r#"{"a":"null","b":"é","c":"}"}"#,
        ] {
            let mut fast = vec![String::new(); 3];
            read_flat(json, &columns, &mut fast).unwrap();
            assert_eq!(fast, cells(json, &columns), "{json}");
        }
    }

    #[test]
    fn what_is_not_flat_is_left_to_the_thorough_path() {
        let columns = ["a", "b"];
        for (json, expected) in [
            (r#"{"a":"x\"y","b":1}"#, ["x\"y", "1"]),
            (r#"{"a":[1,2],"b":{"c":null}}"#, ["[1,2]", "{\"c\":null}"]),
            (r#"{"b":1,"a":2}"#, ["2", "1"]),
            (r#"{"a": 1, "b": 2}"#, ["1", "2"]),
            (r#"{"a":1,"unknown":7,"b":2}"#, ["1", "2"]),
            (r#"{"a":1}"#, ["1", ""]),
        ] {
            let mut fast = vec![String::new(); 2];
            assert_eq!(read_flat(json, &columns, &mut fast), None, "{json}");
            assert_eq!(cells(json, &columns), expected, "{json}");
        }
    }
}
