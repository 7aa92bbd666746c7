//! Rows: finding one column's cell in each.
//!
//! [`RowReader`] takes a row apart, whatever it looks like. Most rows look alike, and [`Block`] finds their cell
//! without copying: it looks only for what can matter in a block without a lone carriage return, and leaves any row
//! that it can't judge to the reader. Tests hold the two against each other.

use memchr::{memchr, memchr2};

use super::number::{Cell, cell, leading_float, leading_integer};
use crate::reduce::gather::Gather;
use crate::table::cut::QUOTED_ROW;
use crate::table::{Fed, Limits, RowReader};

/// Rows are looked over in blocks that the first-level cache holds.
const BLOCK: usize = 16 << 10;
/// No row is longer.
const LIMITS: Limits = Limits { bytes: 32 << 20, cells: 1 << 20 };

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
    /// A quoted cell is not closed.
    OpenQuote,
    /// The row is longer than a row may be that has quotes in it, or than any.
    Long,
}

impl ColumnKey {
    /// What takes apart the rows of which there is no more to be said.
    pub(in crate::reduce) fn reader(self) -> RowReader {
        RowReader::new(self.delimiter, LIMITS)
    }

    /// Gives each row's cell to `gather`. `rows` starts where a row starts and ends where one ends (or the file does);
    /// empty lines don't count.
    ///
    /// # Errors
    /// Where the first bad row starts, and what is wrong with it.
    pub(super) fn gather(
        self,
        rows: &[u8],
        reader: &mut RowReader,
        gather: &mut Gather,
    ) -> Result<(), (usize, Fault)> {
        let mut start = 0;
        while let Some(rest) = rows.get(start..).filter(|rest| !rest.is_empty()) {
            let near = BLOCK.min(rest.len());
            let end =
                rest.get(near..).and_then(|far| memchr(b'\n', far)).map_or(rest.len(), |end| near + end + 1);
            let block = start..start + end;
            let plain = !has_lone_return(rest.get(..end).unwrap_or_default());
            while start < block.end {
                let row = rows.get(start..).unwrap_or_default();
                let in_block = row.get(..block.end - start).filter(|_| plain);
                start += match in_block.and_then(|block| Block(block).row(self, gather)) {
                    Some(taken) => taken,
                    None => careful_row(self, row, reader, gather).map_err(|fault| (start, fault))?,
                };
            }
        }
        Ok(())
    }
}

/// True where a carriage return ends a line by itself, or may.
fn has_lone_return(block: &[u8]) -> bool {
    if memchr(b'\r', block).is_none() {
        return false;
    }
    let behind = block.get(1..).unwrap_or_default().iter().chain(std::iter::once(&0));
    block.iter().zip(behind).fold(false, |lone, (byte, next)| lone | (*byte == b'\r') & (*next != b'\n'))
}

/// Bytes from a row's start on in which line feeds end the rows, with or without a carriage return before them. They end
/// with a line feed, or where the file does.
#[derive(Clone, Copy)]
struct Block<'a>(&'a [u8]);

impl Block<'_> {
    /// Takes the row at the front and returns its length with its line end; `None` leaves it to the reader, which then
    /// says what is wrong with it.
    #[inline]
    fn row(self, key: ColumnKey, gather: &mut Gather) -> Option<usize> {
        match self.0 {
            [b'\n', ..] => return Some(1),
            [b'\r', b'\n', ..] => return Some(2),
            _ => {}
        }
        let mut start = 0;
        for _ in 0..key.column {
            start = self.skip_cell(start, key.delimiter)?;
        }
        let quoted = self.0.get(start) == Some(&b'"');
        let start = start + usize::from(quoted);
        let text = self.0.get(start..)?;
        if let Some((value, len)) = leading_integer(text)
            && let Some(end) = self.row_end(start + len, quoted, key.delimiter)
        {
            return gather.integer(value).then_some(end);
        }
        if gather.refuses_floats() {
            return None;
        }
        let (value, len) = leading_float(text)?;
        let end = self.row_end(start + len, quoted, key.delimiter)?;
        gather.float(value).then_some(end)
    }

    /// Where the next cell starts; `None` where the row ends first.
    #[inline]
    fn skip_cell(self, start: usize, delimiter: u8) -> Option<usize> {
        let rest = self.0.get(start..)?;
        if rest.first() == Some(&b'"') {
            let end = self.quoted_end(start)?;
            return (*self.0.get(end)? == delimiter).then_some(end + 1);
        }
        let len = memchr2(delimiter, b'\n', rest)?;
        (*rest.get(len)? == delimiter).then_some(start + len + 1)
    }

    /// Where the byte behind the closing quote is of the cell that `start` opens.
    fn quoted_end(self, start: usize) -> Option<usize> {
        let mut at = start + 1;
        loop {
            at += memchr(b'"', self.0.get(at..)?)? + 1;
            if self.0.get(at) != Some(&b'"') {
                return Some(at);
            }
            at += 1;
        }
    }

    /// Where the next row starts, given that the cell ends at `end`, before its quote if it has one; `None` where it
    /// does not, or the row is too long to be let pass unread.
    #[inline]
    fn row_end(self, end: usize, quoted: bool, delimiter: u8) -> Option<usize> {
        let end = match (quoted, self.0.get(end)) {
            (true, Some(b'"')) => end + 1,
            (true, _) => return None,
            (false, _) => end,
        };
        let row = match self.0.get(end..)? {
            [] => end,
            [b'\n', ..] => end + 1,
            [b'\r', b'\n', ..] => end + 2,
            [byte, ..] if *byte == delimiter => self.line_end(end + 1, delimiter)?,
            _ => return None,
        };
        (row <= QUOTED_ROW).then_some(row)
    }

    /// Where the next row starts, given that a cell starts at `start`.
    #[inline]
    fn line_end(self, start: usize, delimiter: u8) -> Option<usize> {
        let mut at = start;
        loop {
            let rest = self.0.get(at..)?;
            let Some(len) = memchr2(b'\n', b'"', rest) else { return Some(self.0.len()) };
            let found = at + len;
            if rest.get(len) == Some(&b'\n') {
                return Some(found + 1);
            }
            // Only at the start of a cell is a quote more than text.
            let opens = found == start || self.0.get(found - 1) == Some(&delimiter);
            at = if opens { self.quoted_end(found)? } else { found + 1 };
        }
    }
}

/// Takes the row at the front of `rows`, with quotes and everything.
fn careful_row(
    key: ColumnKey,
    rows: &[u8],
    reader: &mut RowReader,
    gather: &mut Gather,
) -> Result<usize, Fault> {
    if let Some(b'\n' | b'\r') = rows.first() {
        return Ok(1);
    }
    reader.restart();
    let (taken, fed) = reader.feed(rows);
    let too_long = taken > QUOTED_ROW && memchr(b'"', rows.get(..taken).unwrap_or_default()).is_some();
    match fed {
        _ if too_long => return Err(Fault::Long),
        Fed::TooLong | Fed::TooWide => return Err(Fault::Long),
        Fed::Row => {}
        Fed::More => match reader.end() {
            Ok(true) => {}
            Ok(false) => return Ok(taken.max(1)),
            Err(_) => return Err(Fault::OpenQuote),
        },
    }
    match reader.cell(key.column) {
        Some(text) => take_cell(text, gather)?,
        None => return Err(Fault::Short(reader.len())),
    }
    Ok(taken)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reduce::op::Op;

    /// What is taken of a column, and how a table of these rows ends.
    fn taken(key: ColumnKey, rows: &[u8], by_blocks: bool) -> (Vec<u8>, Result<(), (usize, Fault)>) {
        let (mut gather, mut reader) = (Gather::new(Op::Sum), key.reader());
        let end = if by_blocks {
            key.gather(rows, &mut reader, &mut gather)
        } else {
            let mut start = 0;
            loop {
                if start >= rows.len() {
                    break Ok(());
                }
                match careful_row(key, &rows[start..], &mut reader, &mut gather) {
                    Ok(row) => start += row,
                    Err(fault) => break Err((start, fault)),
                }
            }
        };
        let mut bytes = Vec::new();
        gather.finish().put(&mut bytes);
        (bytes, end)
    }

    #[test]
    fn a_quote_that_is_never_closed_is_noticed_behind_the_cell_as_well() {
        let key = ColumnKey { column: 0, delimiter: b',' };
        assert_eq!(taken(key, b"1,\"a\"\n2,\"b\nc\"\n", true).1, Ok(()));
        assert_eq!(taken(key, b"1,\"a\"\n2,\"b\nc\n", true).1, Err((6, Fault::OpenQuote)));
        assert_eq!(taken(key, b"1,5'10\"\n2,a\"\n", true).1, Ok(()));
    }

    #[test]
    fn a_row_with_quotes_has_a_limit_and_one_without_a_wider_one() {
        let key = ColumnKey { column: 1, delimiter: b',' };
        let row = |length: usize, quote: &str| format!("1,2\n{quote}{}{quote},3\n", "x".repeat(length));
        assert_eq!(taken(key, row(QUOTED_ROW - 10, "\"").as_bytes(), true).1, Ok(()));
        assert_eq!(taken(key, row(QUOTED_ROW, "\"").as_bytes(), true).1, Err((4, Fault::Long)));
        assert_eq!(taken(key, row(2 * QUOTED_ROW, "").as_bytes(), true).1, Ok(()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn blocks_and_the_reader_see_the_same_cells(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "1", "-2.5", "12345678", "x", ",", ",", ",", "\"", "\"", "\"\"", "\n", "\n", "\r\n", "\r", " ",
                    "12\n", "7,8\n", "\"3\",\"4\"\n", "5,\"a,b\"\n", "true", "123456789012345678901",
                ]),
                0..40,
            ),
            column in 0..3_usize,
            tail in 0..2_usize,
        ) {
            // The end of a table is far from most rows, and some short cuts are only taken there.
            let text = pieces.concat() + &["", "\n9,9,9\n9,9,9\n9,9,9\n"][tail].repeat(3);
            let key = ColumnKey { column, delimiter: b',' };
            let (blocks, reader) = (taken(key, text.as_bytes(), true), taken(key, text.as_bytes(), false));
            // What was taken before a fault does not matter.
            prop_assert_eq!(&blocks.1, &reader.1, "{:?}", text);
            if blocks.1.is_ok() {
                prop_assert_eq!(blocks.0, reader.0, "{:?}", text);
            }
        }
    }
}
