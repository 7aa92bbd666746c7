//! A table's rows, one task each, read as they are needed.

use std::fs::File;
use std::io::{BufRead, BufReader};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use protocol::Payloads;

use super::setup::write_row;
use crate::lines::Readable;
use crate::{PlanError, Tasks};

/// The longest row, in bytes: what a message can carry, and more than any sensible table has.
const LONGEST: usize = 32 << 10;
/// The most columns.
const MOST_COLUMNS: usize = 1_000;

/// Rows of a table whose first row names its columns.
pub(super) struct Rows {
    name: String,
    reader: BufReader<File>,
    core: Box<Reader>,
    record: Vec<u8>,
    ends: Vec<usize>,
    // How many columns the header has; 0 while it is being read.
    columns: usize,
}

impl Rows {
    /// Opens a table, and reads the names of its columns.
    pub(super) fn open(mut source: Readable, delimiter: u8) -> Result<(Self, Vec<String>), PlanError> {
        let reader = source.open()?;
        let core = Box::new(ReaderBuilder::new().delimiter(delimiter).build());
        let (record, ends) = (vec![0; LONGEST], vec![0; MOST_COLUMNS]);
        let mut rows = Self { name: source.name(), reader, core, record, ends, columns: 0 };
        let Some(count) = rows.read()? else {
            return Err(PlanError(format!("{}: is empty: the first line names the columns", rows.name)));
        };
        let name = |cell: &[u8]| String::from_utf8_lossy(cell).trim().to_owned();
        let mut names: Vec<String> = rows.cells(count).map(name).collect();
        if let Some(first) = names.first_mut() {
            *first = first.trim_start_matches('\u{feff}').to_owned();
        }
        rows.columns = count;
        Ok((rows, names))
    }

    fn error(&self, problem: &str) -> PlanError {
        PlanError(format!("{}:{}: {problem}", self.name, self.core.line()))
    }

    /// The cells of the row that was read last, which has `count` of them.
    fn cells(&self, count: usize) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .take(count)
            .map(|(start, end)| self.record.get(start..*end).unwrap_or_default())
    }

    /// Reads the next row, and returns how many cells it has; `None` at the end.
    fn read(&mut self) -> Result<Option<usize>, PlanError> {
        let (mut bytes, mut cells) = (0, 0);
        loop {
            let input = self.reader.fill_buf();
            let input = input.map_err(|error| PlanError(format!("{}: can't be read: {error}", self.name)))?;
            let (record, ends) = (self.record.get_mut(bytes..), self.ends.get_mut(cells..));
            let (result, read, written, ended) =
                self.core.read_record(input, record.unwrap_or_default(), ends.unwrap_or_default());
            self.reader.consume(read);
            (bytes, cells) = (bytes + written, cells + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record => return Ok(Some(cells)),
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::OutputFull => {
                    return Err(self.error(&format!("the row is longer than {LONGEST} bytes")));
                }
                ReadRecordResult::OutputEndsFull => {
                    return Err(self.error(&format!("the row has more than {MOST_COLUMNS} cells")));
                }
            }
        }
    }
}

impl Tasks for Rows {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let before = into.len();
        while into.len() - before < max {
            // Rather hand over what there is than wait for a writer.
            if into.len() > before && !self.reader.buffer().contains(&b'\n') {
                break;
            }
            let Some(count) = self.read()? else { return Ok(into.len() > before) };
            if count != self.columns {
                let columns = self.columns;
                return Err(self.error(&format!("the row has {count} cells, and the header {columns}")));
            }
            into.push_with(|payload| write_row(self.cells(count), payload));
        }
        Ok(true)
    }
}
