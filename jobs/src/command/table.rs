//! A table's rows, one task each, read as they are needed.

use std::fs::File;
use std::io::{BufRead, BufReader};

use protocol::Payloads;

use super::setup::write_row;
use crate::lines::Readable;
use crate::table::start::{
    Problem, Start, delimiter_hint, doubtful_header, has_line, is_number, name, other_encoding,
};
use crate::table::{BYTE_ORDER_MARK, Fed, Limits, LineCounter, OpenQuote, RowReader};
use crate::{PlanError, Tasks};

/// The longest row, in bytes: what a message can carry, and more than any sensible table has.
const LONGEST: usize = 32 << 10;
/// The most columns.
const MOST_COLUMNS: usize = 1_000;
const LIMITS: Limits = Limits { bytes: LONGEST, cells: MOST_COLUMNS };

/// How the job file says that the table is written; `None` where it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) delimiter: Option<u8>,
    pub(super) header: Option<bool>,
    /// What stands between cells where nothing is said.
    pub(super) usual_delimiter: u8,
}

/// An opened table.
pub(super) struct Opened {
    pub(super) rows: Rows,
    /// The names of its columns; their numbers, from 1, where it has none.
    pub(super) columns: Vec<String>,
    /// What speaks against the first row's being names, unless one of them is used as such.
    pub(super) doubt: Option<Problem>,
}

/// Rows of a table.
pub(super) struct Rows {
    name: String,
    reader: BufReader<File>,
    core: RowReader,
    lines: LineCounter,
    // The line in which the row starts that is read now, or was last.
    line: u64,
    // How many columns there are; 0 while the first row is being read.
    columns: usize,
    // The first row is one of the tasks, and still to be handed out.
    first: bool,
}

impl Rows {
    /// Opens a table, and reads its first row.
    pub(super) fn open(mut source: Readable, written: Written) -> Result<Opened, Problem> {
        let reader = source.open().map_err(|error| error.0)?;
        let delimiter = written.delimiter.unwrap_or(written.usual_delimiter);
        let core = RowReader::new(delimiter, LIMITS);
        let lines = LineCounter::default();
        let mut rows = Self { name: source.name(), reader, core, lines, line: 1, columns: 0, first: false };
        rows.look(written.delimiter, delimiter)?;
        if !rows.read().map_err(|error| error.0)? {
            return Err(format!("{}: is empty: the first line names the columns", rows.name).into());
        }
        rows.columns = rows.core.len();
        rows.first = written.header == Some(false);
        let columns = match written.header {
            Some(false) => (1..=rows.columns).map(|number| number.to_string()).collect(),
            _ => rows.core.cells().map(|cell| name(cell).trim_start_matches('\u{feff}').to_owned()).collect(),
        };
        let number = rows.core.cells().find(|cell| is_number(cell)).filter(|_| written.header.is_none());
        let doubt = number.map(|cell| {
            let problem = doubtful_header(cell, "columns are then named {1}, {2} and so on");
            Problem { message: format!("{}: {}", rows.name, problem.message), ..problem }
        });
        Ok(Opened { rows, columns, doubt })
    }

    /// Looks at what is there of the table's beginning, and takes the mark off.
    fn look(&mut self, given: Option<u8>, delimiter: u8) -> Result<(), Problem> {
        let name = self.name.clone();
        let start = self.reader.fill_buf().map_err(|error| format!("{name}: can't be read: {error}"))?;
        if let Some(other) = other_encoding(start) {
            return Err(format!("{name}: {other}").into());
        }
        // More may come: only what is in sight can tell.
        let sighted = Start { bytes: start, is_whole: false };
        if given.is_none()
            && let Some(other) = sighted.other_delimiter(delimiter)
        {
            let shown = char::from(other).escape_default();
            return Err(Problem {
                message: format!("{name}: its first rows are cells with '{shown}' between them"),
                hint: Some(delimiter_hint(other)),
            });
        }
        let mark = if start.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        self.reader.consume(mark);
        Ok(())
    }

    fn error(&self, problem: &str) -> PlanError {
        PlanError(format!("{}:{}: {problem}", self.name, self.line))
    }

    /// Reads the next row; `false` at the end.
    fn read(&mut self) -> Result<bool, PlanError> {
        self.skip_empty_lines()?;
        self.line = self.lines.line();
        loop {
            let input = input(&mut self.reader, &self.name)?;
            if input.is_empty() {
                let open = "a quoted cell of the row that starts here is never closed";
                return self.core.end().map_err(|OpenQuote| self.error(open));
            }
            let (taken, fed) = self.core.feed(input);
            self.lines.pass(input.get(..taken).unwrap_or_default());
            self.reader.consume(taken);
            match fed {
                Fed::Row => return Ok(true),
                Fed::More => {}
                Fed::TooLong => return Err(self.error(&format!("the row is longer than {LONGEST} bytes"))),
                Fed::TooWide => {
                    return Err(self.error(&format!("the row has more than {MOST_COLUMNS} cells")));
                }
            }
        }
    }

    /// They are no rows: the next one starts behind them.
    fn skip_empty_lines(&mut self) -> Result<(), PlanError> {
        loop {
            let input = input(&mut self.reader, &self.name)?;
            let empty = input.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            let all = empty == input.len();
            self.lines.pass(input.get(..empty).unwrap_or_default());
            self.reader.consume(empty);
            if !all || empty == 0 {
                return Ok(());
            }
        }
    }
}

fn input<'a>(reader: &'a mut BufReader<File>, name: &str) -> Result<&'a [u8], PlanError> {
    reader.fill_buf().map_err(|error| PlanError(format!("{name}: can't be read: {error}")))
}

impl Tasks for Rows {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let before = into.len();
        while into.len() - before < max {
            // Rather hand over what there is than wait for a writer.
            if into.len() > before && !has_line(self.reader.buffer()) {
                break;
            }
            if !std::mem::take(&mut self.first) && !self.read()? {
                return Ok(into.len() > before);
            }
            let (count, columns) = (self.core.len(), self.columns);
            if count != columns {
                return Err(self.error(&format!("the row has {count} cells, and the first one {columns}")));
            }
            into.push_with(|payload| write_row(self.core.cells(), payload));
        }
        Ok(true)
    }
}
