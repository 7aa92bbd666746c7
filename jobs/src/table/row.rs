//! One row after the other, from bytes that come in pieces.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// The first room for a row's text, and for the ends of its cells.
const FIRST_ROOM: (usize, usize) = (4 << 10, 64);

/// How much a row may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of text, without quotes and delimiters.
    pub(crate) bytes: usize,
    pub(crate) cells: usize,
}

/// What came of feeding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fed {
    /// A row is complete.
    Row,
    /// All was taken, and the row goes on, or none has begun.
    More,
    /// The row has more text than the limit.
    TooLong,
    /// The row has more cells than the limit.
    TooWide,
}

/// A quoted cell was not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenQuote;

/// Takes rows apart: the one reader of tables, around the state machine of `csv-core`.
#[derive(Debug)]
pub(crate) struct RowReader {
    core: Box<Reader>,
    limits: Limits,
    // The text of the row's cells, end to end, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
    // How much of both is filled.
    bytes: usize,
    cells: usize,
    complete: bool,
}

impl RowReader {
    /// A reader that stands where a row starts.
    pub(crate) fn new(delimiter: u8, limits: Limits) -> Self {
        let core = Box::new(ReaderBuilder::new().delimiter(delimiter).build());
        let (text, ends) = FIRST_ROOM;
        let (text, ends) = (vec![0; text], vec![0; ends]);
        let mut reader = Self { core, limits, text, ends, bytes: 0, cells: 0, complete: false };
        reader.restart();
        reader
    }

    /// Stands where a row starts, whatever came before.
    pub(crate) fn restart(&mut self) {
        self.core.reset();
        (self.bytes, self.cells, self.complete) = (0, 0, false);
        // An empty line, which is no row: from the first byte on, the core would look for a byte order mark.
        self.core.read_record(b"\n", &mut [], &mut []);
    }

    /// Stands inside a quoted cell, right after a restart.
    pub(crate) fn open_quotes(&mut self) {
        self.core.read_record(b"\"", &mut self.text, &mut self.ends);
    }

    /// Takes bytes up to the row's end, and says how many. The line feed behind a carriage return is taken with the
    /// next row.
    pub(crate) fn feed(&mut self, input: &[u8]) -> (usize, Fed) {
        if std::mem::take(&mut self.complete) {
            (self.bytes, self.cells) = (0, 0);
        }
        let mut taken = 0;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            if rest.is_empty() {
                return (taken, Fed::More);
            }
            let (result, read) = self.step(rest);
            taken += read;
            let fed = match result {
                ReadRecordResult::InputEmpty | ReadRecordResult::End => Fed::More,
                ReadRecordResult::Record => {
                    self.complete = true;
                    match (self.bytes > self.limits.bytes, self.cells > self.limits.cells) {
                        (true, _) => Fed::TooLong,
                        (_, true) => Fed::TooWide,
                        _ => Fed::Row,
                    }
                }
                ReadRecordResult::OutputFull if grow(&mut self.text, self.limits.bytes) => continue,
                ReadRecordResult::OutputFull => Fed::TooLong,
                ReadRecordResult::OutputEndsFull if grow(&mut self.ends, self.limits.cells) => continue,
                ReadRecordResult::OutputEndsFull => Fed::TooWide,
            };
            return (taken, fed);
        }
    }

    fn step(&mut self, input: &[u8]) -> (ReadRecordResult, usize) {
        let text = self.text.get_mut(self.bytes..).unwrap_or_default();
        let ends = self.ends.get_mut(self.cells..).unwrap_or_default();
        let (result, read, written, ended) = self.core.read_record(input, text, ends);
        (self.bytes, self.cells) = (self.bytes + written, self.cells + ended);
        (result, read)
    }

    /// No more bytes will come: `true` where that completes a row.
    ///
    /// # Errors
    /// It leaves a quoted cell open.
    pub(crate) fn end(&mut self) -> Result<bool, OpenQuote> {
        // A line end ends every row but one in quotes.
        match self.feed(b"\n").1 {
            Fed::Row => Ok(true),
            _ if self.step(b"").0 == ReadRecordResult::End => Ok(false),
            _ => Err(OpenQuote),
        }
    }

    /// How many cells the complete row has.
    pub(crate) fn len(&self) -> usize {
        self.cells
    }

    /// A cell of the complete row, without its quotes.
    pub(crate) fn cell(&self, index: usize) -> Option<&[u8]> {
        let end = self.ends.get(..self.cells)?.get(index)?;
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(start..*end)
    }

    /// All cells of the complete row.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.cells).map_while(|index| self.cell(index))
    }
}

/// Doubles the room, up to the limit and one more, as the core takes no byte without room for it; `false` where that is
/// reached.
fn grow<T: Clone + Default>(room: &mut Vec<T>, limit: usize) -> bool {
    let most = limit.saturating_add(1);
    if room.len() >= most {
        return false;
    }
    room.resize(room.len().saturating_mul(2).min(most), T::default());
    true
}
