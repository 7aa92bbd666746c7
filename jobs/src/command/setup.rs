//! What every worker of a command job is told once, and how items travel.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::template::Template;
use crate::BadValue;

/// The plan's decisions, sent as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setup {
    /// The program and its arguments; never empty.
    pub(super) argv: Vec<Template>,
    /// Where it runs: absolute.
    pub(super) dir: PathBuf,
    /// The arguments are a script for `/bin/sh`.
    pub(super) shell: bool,
    pub(super) mode: Mode,
    /// The columns, where the input is a table; items are then rows.
    pub(super) columns: Option<Vec<String>>,
    /// How much of each of its outputs is kept, in bytes.
    pub(super) max_output: usize,
}

/// How a program gets its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    /// A process a task.
    Each {
        /// The item goes to its standard input.
        stdin: bool,
        /// The exit codes of success.
        exit_codes: Vec<u8>,
    },
    /// A process a worker: a line of JSON in, a line of JSON out.
    Lines,
}

impl Setup {
    pub(super) fn read(setup: &[u8]) -> Result<Self, BadValue> {
        let bad = |why: String| BadValue(format!("the setup is not one of a command job: {why}"));
        let setup: Self = serde_json::from_slice(setup).map_err(|error| bad(error.to_string()))?;
        if setup.argv.is_empty() {
            return Err(bad("no program".into()));
        }
        Ok(setup)
    }
}

/// Appends a row's cells as a payload.
pub(super) fn write_row<'a>(cells: impl Iterator<Item = &'a [u8]>, payload: &mut Vec<u8>) {
    for cell in cells {
        // A cell is far shorter than 4 GiB: rows are bounded where they are read.
        payload.extend_from_slice(&(cell.len() as u32).to_le_bytes());
        payload.extend_from_slice(cell);
    }
}

/// An item, as its payload holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Line(&'a [u8]),
    Row(Vec<&'a [u8]>),
}

impl<'a> Item<'a> {
    /// Reads a payload; `columns` is how many a row has, where it is one.
    pub(super) fn read(payload: &'a [u8], columns: Option<usize>) -> Result<Self, BadValue> {
        let Some(columns) = columns else { return Ok(Self::Line(payload)) };
        let bad = || BadValue("the payload is not a row of the job's table".into());
        let (mut cells, mut rest) = (Vec::with_capacity(columns.min(64)), payload);
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk().ok_or_else(bad)?;
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let (cell, after) = after.split_at_checked(length).ok_or_else(bad)?;
            cells.push(cell);
            rest = after;
        }
        if cells.len() == columns { Ok(Self::Row(cells)) } else { Err(bad()) }
    }

    /// The item as bytes: a row as a line of CSV.
    pub(super) fn text(&self) -> std::borrow::Cow<'a, [u8]> {
        match self {
            Self::Line(line) => (*line).into(),
            Self::Row(cells) => csv_line(cells).into(),
        }
    }

    pub(super) fn cells(&self) -> &[&'a [u8]] {
        match self {
            Self::Line(_) => &[],
            Self::Row(cells) => cells,
        }
    }
}

/// Cells in a row, quoted where they have to be (RFC 4180).
fn csv_line(cells: &[&[u8]]) -> Vec<u8> {
    let mut line = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        if cell.iter().any(|byte| b",\"\r\n".contains(byte)) {
            line.push(b'"');
            cell.iter().for_each(|byte| {
                line.extend_from_slice(if *byte == b'"' { b"\"\"" } else { std::slice::from_ref(byte) })
            });
            line.push(b'"');
        } else {
            line.extend_from_slice(cell);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_come_back(cells: Vec<Vec<u8>>) {
            let mut payload = Vec::new();
            write_row(cells.iter().map(Vec::as_slice), &mut payload);
            let row = Item::read(&payload, Some(cells.len())).unwrap();
            prop_assert_eq!(row, Item::Row(cells.iter().map(Vec::as_slice).collect()));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = Item::read(&bytes, Some(2));
            let _ = Setup::read(&bytes);
        }
    }

    #[test]
    fn a_row_as_text_is_a_line_of_csv() {
        let row = Item::Row(vec![b"a", b"b,c", b"d\"e", b""]);
        assert_eq!(&*row.text(), b"a,\"b,c\",\"d\"\"e\",");
    }
}
