//! One task of a table: the rows that start in a range of bytes.

use protocol::TaskError;

use super::column::{ColumnKey, Fault};
use crate::reduce::file::Opened;
use crate::reduce::gather::Gather;
use crate::table::cut::{QUOTED_ROW, RowStart, Window, row_start};
use crate::table::{LineCounter, RowReader};

/// The first guess at how far the last row goes on behind the range, then eight times as far, and so on.
const FIRST_REACH: u64 = 64 << 10;
/// No row is this long.
const LAST_REACH: u64 = 32 << 20;
const COUNTING_WINDOW: u64 = 8 << 20;

/// A range of a table's bytes.
#[derive(Debug, Clone, Copy)]
pub(in crate::reduce) struct Range {
    /// Where the first row of all starts.
    pub(in crate::reduce) first: u64,
    pub(in crate::reduce) from: u64,
    pub(in crate::reduce) to: u64,
}

/// Gives `gather` the cells of the rows that start in `range`.
///
/// # Errors
/// The file has changed, or a row is bad: file, line, column and what is wrong.
pub(in crate::reduce) fn reduce_rows(
    opened: &Opened,
    path: &str,
    range: Range,
    (key, label): (ColumnKey, &str),
    reader: &mut RowReader,
    gather: &mut Gather,
) -> Result<(), TaskError> {
    let (mut back, mut reach) = (QUOTED_ROW as u64, FIRST_REACH);
    let (at, fault) = loop {
        let start = range.from.saturating_sub(back).max(range.first);
        let end = range.to.saturating_add(reach).min(opened.length());
        let ends = (start == range.first, end == opened.length());
        let seen = opened.with(start, end - start, |bytes| {
            let window = Window { bytes, from_first: ends.0, to_end: ends.1 };
            Ok(match own_rows(window, range.from - start, range.to - start, reader) {
                Ok(own) => {
                    let rows = bytes.get(own.clone()).unwrap_or_default();
                    let gathered = key.gather(rows, reader, gather);
                    Ok(gathered.map_err(|(at, fault)| (start + (own.start + at) as u64, fault)))
                }
                Err(more) => Err(more),
            })
        })?;
        match seen {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(fault)) => break fault,
            Err(More::Before) if !ends.0 => back = back.saturating_mul(8),
            Err(_) if reach <= LAST_REACH => reach *= 8,
            Err(_) => {
                return Err(TaskError::new(format!(
                    "{path}: has a row of more than {LAST_REACH} bytes: it is not a table"
                )));
            }
        }
    };
    let line = line_number(opened, at)?;
    Err(TaskError::new(describe(path, line, key, label, fault)))
}

/// In which direction a window is too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    Before,
    Behind,
}

/// Which of a window's bytes are the rows that start in `from .. to` of it.
fn own_rows(
    window: Window<'_>,
    from: u64,
    to: u64,
    reader: &mut RowReader,
) -> Result<std::ops::Range<usize>, More> {
    let mut place = |at: u64| match row_start(window, usize::try_from(at).unwrap_or(usize::MAX), reader) {
        RowStart::At(place) => Ok(place.min(window.bytes.len())),
        RowStart::MoreBefore => Err(More::Before),
        RowStart::MoreBehind => Err(More::Behind),
    };
    let start = place(from)?;
    // One row may have started before and go on behind.
    Ok(start..place(to)?.max(start))
}

/// The number, from 1, of the line that starts at `offset`.
fn line_number(opened: &Opened, offset: u64) -> Result<u64, TaskError> {
    let mut lines = LineCounter::default();
    let mut at = 0;
    while at < offset {
        let len = COUNTING_WINDOW.min(offset - at);
        opened.with(at, len, |bytes| {
            lines.pass(bytes);
            Ok(())
        })?;
        at += len;
    }
    Ok(lines.line())
}

fn describe(path: &str, line: u64, key: ColumnKey, label: &str, fault: Fault) -> String {
    let column = key.column + 1;
    let column =
        if label.is_empty() { format!("column {column}") } else { format!("column {column} ({label})") };
    match fault {
        Fault::NotANumber(text) if text == "\"\"" => {
            format!("{path}:{line}: {column}: the cell is empty; remove the row or give it a number")
        }
        Fault::NotANumber(text) if line == 1 => format!(
            "{path}:{line}: {column}: {text} is not a number; if the first line holds names, set input.header = true"
        ),
        Fault::NotANumber(text) if is_decimal_comma(&text) => {
            format!("{path}:{line}: {column}: {text} is not a number; decimals are written with a point")
        }
        Fault::NotANumber(text) => {
            format!("{path}:{line}: {column}: {text} is not a number; correct it or choose another column")
        }
        Fault::Mixed(text) => {
            format!(
                "{path}:{line}: {column}: {text}: numbers and true or false stand in one column; use one sort"
            )
        }
        Fault::Fraction(text) => {
            format!(
                "{path}:{line}: {column}: {text} is not an integer, and only integers have bits to combine"
            )
        }
        Fault::Short(cells) => {
            format!("{path}:{line}: {column} is missing: the row has {cells} cell(s); complete or remove it")
        }
        Fault::OpenQuote => format!(
            "{path}:{line}: a quoted cell of the row that starts here is never closed; close it, or double a quote \
             that is text"
        ),
        Fault::Long => format!(
            "{path}:{line}: the row that starts here is too long: a row with quotes in it may have {QUOTED_ROW} bytes, \
             any other {LAST_REACH}; is a quote left open?"
        ),
    }
}

/// `"1,5"`, with its quotes.
fn is_decimal_comma(text: &str) -> bool {
    let point = text.trim_matches('"').replacen(',', ".", 1);
    text.contains(',') && point.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests;
