//! One task of a table: the lines that start in a range of bytes.

use memchr::{memchr, memchr_iter};
use protocol::TaskError;

use super::column::{ColumnKey, Fault};
use crate::reduce::file::Opened;
use crate::reduce::gather::Gather;

/// The first guess at how far the last line goes on behind the range, then eight times as far, and so on.
const FIRST_REACH: u64 = 64 << 10;
/// No line is this long.
const LAST_REACH: u64 = 32 << 20;
const COUNTING_WINDOW: u64 = 8 << 20;

/// Gives `gather` the cells of the lines that start in `from .. to`. `first` is where the first row of all
/// starts.
///
/// # Errors
/// The file has changed, or a row is bad: file, line, column and what is wrong.
pub(in crate::reduce) fn reduce_rows(
    opened: &Opened,
    path: &str,
    (first, from, to): (u64, u64, u64),
    key: ColumnKey,
    label: &str,
    gather: &mut Gather,
) -> Result<(), TaskError> {
    // The byte before tells whether a line starts right at `from`.
    let start = if from > first { from - 1 } else { from };
    let mut reach = FIRST_REACH;
    let fault = loop {
        let end = to.saturating_add(reach).min(opened.length());
        let outcome = opened.with(start, end - start, |bytes| {
            let Some(lines) = own_lines(bytes, from > first, to - start, end == opened.length()) else {
                return Ok(None);
            };
            let offset = start + lines.start as u64;
            let lines = bytes.get(lines).unwrap_or_default();
            Ok(Some(key.gather(lines, gather).map_err(|(at, fault)| (offset + at as u64, fault))))
        })?;
        match outcome {
            Some(Ok(())) => return Ok(()),
            Some(Err(fault)) => break fault,
            None if reach > LAST_REACH => {
                return Err(TaskError::new(format!(
                    "{path}: has a line of more than {LAST_REACH} bytes: it is not a table"
                )));
            }
            None => reach *= 8,
        }
    };
    let line = line_number(opened, fault.0)?;
    Err(TaskError::new(describe(path, line, key, label, fault.1)))
}

/// Which of `bytes` are the lines that start before `to`; `None` where the last one's end is not in sight.
/// Where `inside` holds, the first byte is that before the range.
fn own_lines(bytes: &[u8], inside: bool, to: u64, is_end: bool) -> Option<std::ops::Range<usize>> {
    let to = usize::try_from(to).unwrap_or(usize::MAX);
    let break_after = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        memchr(b'\n', rest).map(|at| from + at + 1).or(is_end.then_some(bytes.len()))
    };
    let start = if inside { break_after(0)? } else { 0 };
    if start >= to {
        return Some(start..start);
    }
    // The line break that ends the last line may be the range's last byte.
    Some(start..break_after(to.saturating_sub(1))?)
}

/// The number, from 1, of the line that starts at `offset`.
fn line_number(opened: &Opened, offset: u64) -> Result<u64, TaskError> {
    let mut breaks = 0;
    let mut at = 0;
    while at < offset {
        let len = COUNTING_WINDOW.min(offset - at);
        breaks += opened.with(at, len, |bytes| Ok(memchr_iter(b'\n', bytes).count() as u64))?;
        at += len;
    }
    Ok(breaks + 1)
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
            "{path}:{line}: a quoted field is not closed in its line; tables with line breaks inside fields \
             can't be cut at line breaks: remove those, or write the column to a file of its own"
        ),
    }
}

#[cfg(test)]
mod tests;
