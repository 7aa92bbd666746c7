//! Where rows start in the middle of a file, so that many workers read it at once.
//!
//! A worker owns the rows that start in its range of bytes. Both neighbours of a cut ask [`row_start`], and get the
//! same answer: each row has one owner. What makes it hard are quotes: a line end in a quoted cell ends no row, and
//! whether a place is inside of quotes follows from everything before it. Two things settle it nearby:
//!
//! - A row with a quote in it is at most [`QUOTED_ROW`] bytes long; whoever owns a longer one refuses it, and there is
//!   no result. So a place with no quote that far before it is outside.
//! - From a line's start, both possibilities are followed. Where they come to the same row (the end of any usual quoted
//!   cell does it), it does not matter which was true; where one comes to a row that would be refused, it was the other.
//!
//! Where neither helps, more of the file is looked at, up to its beginning, which settles everything.

use memchr::{memchr, memchr2, memrchr, memrchr2};

use super::{Fed, RowReader};

/// A row with a quote in it is at most so many bytes long.
pub(crate) const QUOTED_ROW: usize = 256 << 10;
/// How far back the first look at quotes goes; each further one goes eight times as far.
const FIRST_LOOK: usize = 4 << 10;

/// A part of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    pub(crate) bytes: &'a [u8],
    /// It begins where the table's first row does.
    pub(crate) from_first: bool,
    /// It goes to the file's end.
    pub(crate) to_end: bool,
}

/// Where a row starts, or what is missing to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowStart {
    At(usize),
    /// The window must begin earlier.
    MoreBefore,
    /// The window must end later.
    MoreBehind,
}

/// The first place at or behind `at` where a row starts, the file's end if there is none; `reader` is of the table's
/// dialect.
pub(crate) fn row_start(window: Window<'_>, at: usize, reader: &mut RowReader) -> RowStart {
    let bytes = window.bytes;
    if at >= bytes.len() {
        return if window.to_end { RowStart::At(bytes.len()) } else { RowStart::MoreBehind };
    }
    if at == 0 && window.from_first {
        return RowStart::At(0);
    }
    let before = bytes.get(..at).unwrap_or_default();
    let sight = before.get(at.saturating_sub(QUOTED_ROW)..).unwrap_or_default();
    let sees_enough = window.from_first || sight.len() == QUOTED_ROW;
    if sees_enough && memrchr(b'"', sight).is_none() {
        return outside(window, at, reader);
    }
    let mut look = FIRST_LOOK;
    while look < at {
        let from = at - look;
        // A line of more than the look: the next one goes further back.
        let line = before.get(from..).and_then(|rest| memchr2(b'\n', b'\r', rest)).map(|end| from + end + 1);
        if let Some(found) = line.and_then(|line| either(window, line, at, reader)) {
            return found;
        }
        look = look.saturating_mul(8);
    }
    if window.from_first { settled(run(window, (0, at), false, reader)) } else { RowStart::MoreBefore }
}

/// There is no quote before `at` that matters.
fn outside(window: Window<'_>, at: usize, reader: &mut RowReader) -> RowStart {
    let before = window.bytes.get(..at).unwrap_or_default();
    // Without a quote in between, the middle of a line will do as well as its start.
    let line = memrchr2(b'\n', b'\r', before).map_or(0, |end| end + 1);
    let rest = window.bytes.get(at..).unwrap_or_default();
    if line < at
        && let Some(end) = memchr2(b'\n', b'\r', rest)
        && memchr(b'"', rest.get(..end).unwrap_or_default()).is_none()
    {
        return settled(behind_break(window, at + end + 1));
    }
    settled(run(window, (line, at), false, reader))
}

/// Follows both possibilities from a line's start; `None` where they don't settle it.
fn either(window: Window<'_>, line: usize, at: usize, reader: &mut RowReader) -> Option<RowStart> {
    let out = run(window, (line, at), false, reader);
    let quoted = run(window, (line, at), true, reader);
    match (out, quoted) {
        (Run::Row(out), Run::Row(quoted)) if out == quoted => Some(RowStart::At(out)),
        (Run::Row(_), Run::Row(_)) => None,
        (Run::Refused, Run::Row(row)) | (Run::Row(row), Run::Refused) => Some(RowStart::At(row)),
        // A row that is refused, whatever was true: any answer will do that all give.
        (Run::Refused, Run::Refused) => Some(settled(out)),
        (Run::Unseen, _) | (_, Run::Unseen) => Some(RowStart::MoreBehind),
    }
}

fn settled(run: Run) -> RowStart {
    match run {
        Run::Row(row) => RowStart::At(row),
        Run::Unseen => RowStart::MoreBehind,
        // The owner of that row refuses it, and what follows it is nobody's.
        Run::Refused => RowStart::At(usize::MAX),
    }
}

/// What a possibility leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    /// The first row at or behind the place starts here.
    Row(usize),
    /// It is not in the window.
    Unseen,
    /// A row would be refused: it is too long, or a quote is left open.
    Refused,
}

/// Goes over the rows from `line` on, where one starts, or a quoted cell goes on.
fn run(window: Window<'_>, (line, at): (usize, usize), in_quotes: bool, reader: &mut RowReader) -> Run {
    reader.restart();
    if in_quotes {
        reader.open_quotes();
    }
    let mut start = line;
    let mut in_quotes = in_quotes;
    while start < at || in_quotes {
        let rest = window.bytes.get(start..).unwrap_or_default();
        if !in_quotes && matches!(rest.first(), Some(b'\n' | b'\r')) {
            start += 1;
            continue;
        }
        let sight = rest.get(..QUOTED_ROW + 1).unwrap_or(rest);
        let has_quote = |row: &[u8]| in_quotes || memchr(b'"', row).is_some();
        let (mut taken, mut fed) = reader.feed(sight);
        if fed == Fed::More && sight.len() < rest.len() && !has_quote(sight) {
            let (more, end) = reader.feed(rest.get(taken..).unwrap_or_default());
            (taken, fed) = (taken + more, end);
        }
        if taken > QUOTED_ROW && has_quote(rest.get(..taken).unwrap_or_default()) {
            return Run::Refused;
        }
        match fed {
            Fed::Row => (start, in_quotes) = (start + taken, false),
            Fed::TooLong | Fed::TooWide => return Run::Refused,
            _ if !window.to_end => return Run::Unseen,
            _ => return if reader.end().is_ok() { Run::Row(window.bytes.len()) } else { Run::Refused },
        }
    }
    behind_break(window, start)
}

/// A line feed behind a carriage return belongs to the line that ends there.
fn behind_break(window: Window<'_>, start: usize) -> Run {
    let ended_with_return = start.checked_sub(1).and_then(|last| window.bytes.get(last)) == Some(&b'\r');
    match window.bytes.get(start) {
        Some(b'\n') if ended_with_return => Run::Row(start + 1),
        None if ended_with_return && !window.to_end => Run::Unseen,
        _ => Run::Row(start),
    }
}
