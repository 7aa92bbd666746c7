//! Rows: finding one column's cell in each line.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2, memchr3};

use super::number::{Cell, cell, leading_float, leading_integer};
use crate::reduce::gather::Gather;

/// Which cell of each row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::reduce) struct ColumnKey {
    /// Counted from 0.
    pub(in crate::reduce) column: usize,
    /// Between cells.
    pub(in crate::reduce) delimiter: u8,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The cell is no number.
    NotANumber(String),
    /// A float where only whole numbers make sense.
    Fraction(String),
    /// True or false among numbers, or the other way round.
    Mixed(String),
    /// The row has only so many cells.
    Short(usize),
    /// A quoted field goes on in the next line.
    OpenQuote,
}

impl ColumnKey {
    /// Gives each row's cell to `gather`. `lines` starts where a line starts and ends where one ends (or the
    /// file does); empty lines don't count.
    ///
    /// # Errors
    /// Where the first bad line starts, and what is wrong with it.
    pub(super) fn gather(self, lines: &[u8], gather: &mut Gather) -> Result<(), (usize, Fault)> {
        let mut start = 0;
        while start < lines.len() {
            let rest = lines.get(start..).unwrap_or_default();
            start += self.row(rest, gather).map_err(|fault| (start, fault))?;
        }
        Ok(())
    }

    /// Takes the row at the front of `lines` and returns its length with its line break.
    #[inline]
    fn row(self, lines: &[u8], gather: &mut Gather) -> Result<usize, Fault> {
        match lines {
            [b'\n', ..] => return Ok(1),
            [b'\r', b'\n', ..] => return Ok(2),
            _ => {}
        }
        let Some(start) = self.skip_cells(lines) else { return self.careful_row(lines, gather) };
        let text = lines.get(start..).unwrap_or_default();
        if let Some((value, len)) = leading_integer(text)
            && let Some(end) = self.row_end(lines, start + len)
        {
            let fits = gather.integer(value);
            return if fits { Ok(end) } else { Err(Fault::Mixed(value.to_string())) };
        }
        if !gather.refuses_floats()
            && let Some((value, len)) = leading_float(text)
            && let Some(end) = self.row_end(lines, start + len)
        {
            let fits = gather.float(value);
            return if fits { Ok(end) } else { Err(Fault::Mixed(value.to_string())) };
        }
        self.careful_row(lines, gather)
    }

    /// Where the cell starts, unless a quote or the row's end comes first.
    #[inline]
    fn skip_cells(self, lines: &[u8]) -> Option<usize> {
        let mut start = 0;
        for _ in 0..self.column {
            let rest = lines.get(start..)?;
            let len = memchr3(self.delimiter, b'\n', b'"', rest)?;
            if *rest.get(len)? != self.delimiter {
                return None;
            }
            start += len + 1;
        }
        Some(start)
    }

    /// Where the next row starts, given that the cell ends at `end`; `None` where it does not, or where
    /// there is a quote before.
    #[inline]
    fn row_end(self, lines: &[u8], end: usize) -> Option<usize> {
        match lines.get(end..)? {
            [] => Some(end),
            [b'\n', ..] => Some(end + 1),
            [b'\r', b'\n', ..] => Some(end + 2),
            [byte, rest @ ..] if *byte == self.delimiter => self.line_end(rest).map(|len| end + 1 + len),
            _ => None,
        }
    }

    /// Where the line at the front of `rest` ends, its line break included, unless a quote is left open.
    #[inline]
    fn line_end(self, rest: &[u8]) -> Option<usize> {
        match memchr2(b'\n', b'"', rest) {
            None => Some(rest.len()),
            Some(len) if rest.get(len) == Some(&b'\n') => Some(len + 1),
            Some(_) => {
                let len = memchr(b'\n', rest).map_or(rest.len(), |len| len + 1);
                let quotes = memchr_iter(b'"', rest.get(..len)?).count();
                quotes.is_multiple_of(2).then_some(len)
            }
        }
    }

    /// The row at the front of `lines`, with quotes and everything.
    fn careful_row(self, lines: &[u8], gather: &mut Gather) -> Result<usize, Fault> {
        let end = memchr(b'\n', lines);
        let line = lines.get(..end.unwrap_or(lines.len())).unwrap_or_default();
        take_cell(&self.cell_of(line)?, gather)?;
        Ok(end.map_or(lines.len(), |end| end + 1))
    }

    /// The row's cell, without its quotes.
    fn cell_of(self, line: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if has_open_quote(line) {
            return Err(Fault::OpenQuote);
        }
        let short = || Fault::Short(fields(line, self.delimiter).count());
        fields(line, self.delimiter).nth(self.column).map(unquoted).ok_or_else(short)
    }
}

fn take_cell(text: &[u8], gather: &mut Gather) -> Result<(), Fault> {
    let fits = match cell(text) {
        Some(Cell::Small(value)) => gather.integer(value),
        Some(Cell::Big(value)) => gather.big(value),
        Some(Cell::Float(_)) if gather.refuses_floats() => return Err(Fault::Fraction(shown(text))),
        Some(Cell::Float(value)) => gather.float(value),
        Some(Cell::Bool(value)) => gather.bool(value),
        None => return Err(Fault::NotANumber(shown(text))),
    };
    if fits { Ok(()) } else { Err(Fault::Mixed(shown(text))) }
}

fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text.trim_ascii());
    if text.chars().count() > 40 {
        return format!("{:?}…", text.chars().take(40).collect::<String>());
    }
    format!("{text:?}")
}

/// A line's cells without their quotes; `None` where a quote is left open. The line's `\r` is not a part.
pub(super) fn split(line: &[u8], delimiter: u8) -> Option<Vec<Cow<'_, [u8]>>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    (!has_open_quote(line)).then(|| fields(line, delimiter).map(unquoted).collect())
}

fn has_open_quote(line: &[u8]) -> bool {
    !memchr_iter(b'"', line).count().is_multiple_of(2)
}

/// A line's cells as they stand there; delimiters inside quotes don't count.
fn fields(line: &[u8], delimiter: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    line.split(move |byte| {
        quoted ^= *byte == b'"';
        *byte == delimiter && !quoted
    })
}

/// A cell without its quotes; two quotes inside quotes are one.
fn unquoted(cell: &[u8]) -> Cow<'_, [u8]> {
    if !cell.contains(&b'"') {
        return cell.into();
    }
    let (mut quoted, mut just_closed) = (false, false);
    let mut plain = Vec::with_capacity(cell.len());
    for byte in cell.trim_ascii() {
        let is_quote = *byte == b'"';
        // The second of two quotes opens again what the first one has closed.
        if !is_quote || just_closed {
            plain.push(*byte);
        }
        just_closed = is_quote && quoted;
        quoted ^= is_quote;
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(line: &str) -> Option<Vec<String>> {
        let cells = split(line.as_bytes(), b',')?;
        Some(cells.into_iter().map(|cell| String::from_utf8(cell.into_owned()).unwrap()).collect())
    }

    #[test]
    fn quotes_keep_delimiters_and_double_quotes_are_one() {
        assert_eq!(cells("a,b,c\r").unwrap(), ["a", "b", "c"]);
        assert_eq!(cells("").unwrap(), [""]);
        assert_eq!(cells(",").unwrap(), ["", ""]);
        assert_eq!(cells(r#""a,b",c"#).unwrap(), ["a,b", "c"]);
        assert_eq!(cells(r#""say ""hi""",c"#).unwrap(), [r#"say "hi""#, "c"]);
        assert_eq!(cells(r#" "5" ,x"#).unwrap(), ["5", "x"]);
        assert_eq!(cells(r#""""",""a"""#).unwrap(), [r#"""#, "a"]);
        assert_eq!(cells(r#""open,c"#), None);
    }

    #[test]
    fn an_open_quote_behind_the_cell_is_noticed() {
        let key = ColumnKey { column: 0, delimiter: b',' };
        let mut gather = Gather::new(crate::reduce::op::Op::Sum);
        assert_eq!(key.gather(b"1,\"a\"\n2,\"b\nc\"\n", &mut gather), Err((6, Fault::OpenQuote)));
    }
}
