//! Tables as text: one dialect, read by one reader, for every kind.
//!
//! The dialect is that of Python's `csv` with its defaults, which is RFC 4180 with an answer to whatever else comes:
//!
//! - A row ends with a line feed, a carriage return, or both, and the ends may be mixed. An empty line is no row.
//! - A cell that *begins* with a quote ends with the next single one. Inside, delimiters and line ends are text, and two
//!   quotes are one. What follows the closing quote, up to the delimiter, is text.
//! - A quote anywhere else is text: `6'2"` is a cell like any other.
//! - Blanks belong to their cells.
//! - A byte order mark of UTF-8 is no part of the first cell.
//!
//! One thing differs: Python closes a quote that the file leaves open, and with it the rest of the file becomes one
//! cell. That is refused here, as a lost row is worse than an error.
//!
//! [`RowReader`] reads a row at a time; [`cut`] finds where rows start in the middle of a file, so that many workers
//! read one file; [`start`] looks at the first rows.

pub(crate) mod cut;
mod keys;
mod row;
pub(crate) mod start;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use keys::{delimiter, header};
pub(crate) use row::{Fed, Limits, OpenQuote, RowReader};

/// The mark that some editors put in front of UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Counts lines: a carriage return and a line feed behind it end one line together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LineCounter {
    breaks: u64,
    after_return: bool,
}

impl LineCounter {
    /// Goes over the next bytes.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
            let before = if at == 0 { self.after_return } else { bytes.get(at - 1) == Some(&b'\r') };
            if bytes.get(at) == Some(&b'\r') || !before {
                self.breaks += 1;
            }
        }
        self.after_return = bytes.last().map_or(self.after_return, |last| *last == b'\r');
    }

    /// The number, from 1, of the line that starts, or goes on, behind what was passed.
    pub(crate) fn line(&self) -> u64 {
        self.breaks + 1
    }
}
