//! The first line of a table: which column is meant, and where the rows start.

use std::io::{self, Read};

use memchr::memchr;

use super::column::split;

/// A first line longer than this is none.
const MAX_HEADER: u64 = 1 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How a column is named in a job file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::reduce) enum Wanted {
    Name(String),
    /// Counted from 1.
    Number(usize),
    /// The only one there is.
    Only,
}

/// What a table's first line tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::reduce) struct CsvHeader {
    /// The column meant, counted from 0.
    pub(in crate::reduce) column: usize,
    /// Bytes before the first row.
    pub(in crate::reduce) offset: u64,
    /// True where there is no row, and that shows within [`MAX_HEADER`] bytes.
    pub(in crate::reduce) is_empty: bool,
}

/// Reads a table's first line and finds the column; `header` says whether that line holds names.
///
/// # Errors
/// A sentence: the line is too long, a quote is open, or there is no such column.
pub(in crate::reduce) fn read_header(
    file: impl Read,
    delimiter: u8,
    header: bool,
    wanted: &Wanted,
) -> Result<CsvHeader, String> {
    let mut start = Vec::new();
    let failed = |error: io::Error| format!("can't be read: {error}");
    file.take(MAX_HEADER).read_to_end(&mut start).map_err(failed)?;
    let text = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&start);
    let mark = (start.len() - text.len()) as u64;
    let line = match memchr(b'\n', text) {
        Some(end) => text.get(..end).unwrap_or_default(),
        None if start.len() as u64 == MAX_HEADER => {
            return Err(format!("its first line is longer than {MAX_HEADER} bytes: it is not a table"));
        }
        None => text,
    };
    let cells = split(line, delimiter).ok_or("a quoted field in its first line has a line break in it")?;
    let names: Vec<String> =
        cells.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect();
    let column = find(&names, header, wanted)?;
    let rows = if header { (line.len() as u64 + 1).min(text.len() as u64) } else { 0 };
    let is_whole = (start.len() as u64) < MAX_HEADER;
    let rest = text.get(rows as usize..).unwrap_or_default();
    let is_empty =
        is_whole && rest.split_inclusive(|byte| *byte == b'\n').all(|line| matches!(line, b"\n" | b"\r\n"));
    Ok(CsvHeader { column, offset: mark + rows, is_empty })
}

fn find(names: &[String], header: bool, wanted: &Wanted) -> Result<usize, String> {
    let listed = || if header { format!("; columns: {}", names.join(", ")) } else { String::new() };
    match wanted {
        Wanted::Name(name) => {
            let mut found = names.iter().enumerate().filter(|(_, column)| *column == name);
            match (found.next(), found.next()) {
                (Some((column, _)), None) => Ok(column),
                (Some(_), Some(_)) => Err(format!("has two columns {name:?}; give its number instead")),
                (None, _) => Err(format!("has no column {name:?}{}", listed())),
            }
        }
        Wanted::Number(number) => match number.checked_sub(1) {
            Some(column) if column < names.len() => Ok(column),
            _ => Err(format!(
                "has no column {number}: its first line has {} column(s){}",
                names.len(),
                listed()
            )),
        },
        Wanted::Only if names.len() == 1 => Ok(0),
        Wanted::Only => {
            Err(format!("has {} columns: `input.column` must say which{}", names.len(), listed()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, header: bool, wanted: Wanted) -> Result<(usize, u64), String> {
        read_header(text.as_bytes(), b',', header, &wanted).map(|found| (found.column, found.offset))
    }

    #[test]
    fn a_column_is_found_by_name_or_number() {
        assert_eq!(read("a,b\n1,2\n", true, Wanted::Name("b".into())), Ok((1, 4)));
        assert_eq!(read("a,b\r\n1,2\r\n", true, Wanted::Name("b".into())), Ok((1, 5)));
        assert_eq!(read("a,b\n1,2\n", true, Wanted::Number(1)), Ok((0, 4)));
        assert_eq!(read("1,2\n", false, Wanted::Number(2)), Ok((1, 0)));
        assert_eq!(read("n\n1\n", true, Wanted::Only), Ok((0, 2)));
        assert_eq!(read("\"a,b\", c \n", true, Wanted::Name("c".into())), Ok((1, 10)));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_name() {
        assert_eq!(read("\u{feff}a,b\n1,2\n", true, Wanted::Name("a".into())), Ok((0, 7)));
        assert_eq!(read("\u{feff}1,2\n", false, Wanted::Number(1)), Ok((0, 3)));
    }

    #[test]
    fn a_header_alone_and_an_empty_file_have_no_rows() {
        assert_eq!(read("a", true, Wanted::Only), Ok((0, 1)));
        assert_eq!(read("", true, Wanted::Only), Ok((0, 0)));
    }

    #[test]
    fn empty_lines_are_no_rows_and_anything_else_is() {
        let is_empty = |text: &str, header: bool| {
            read_header(text.as_bytes(), b',', header, &Wanted::Only).unwrap().is_empty
        };
        for text in ["a", "a\n", "a\n\n\r\n\n", "\u{feff}a\r\n", ""] {
            assert!(is_empty(text, true), "{text:?}");
        }
        for text in ["a\n1", "a\n\n1\n", "a\n \n", "a\n\r"] {
            assert!(!is_empty(text, true), "{text:?}");
        }
        assert!(is_empty("\n\r\n", false) && is_empty("", false) && !is_empty("1", false));
        let long = format!("a\n{}", "\n".repeat(MAX_HEADER as usize));
        assert!(!is_empty(&long, true), "what was not seen may hold rows");
    }

    #[test]
    fn a_column_that_is_not_there_is_refused_with_those_that_are() {
        assert!(read("a,b\n", true, Wanted::Name("c".into())).unwrap_err().contains("columns: a, b"));
        assert!(read("a,b\n", true, Wanted::Number(3)).unwrap_err().contains("no column 3"));
        assert!(read("a,b\n", true, Wanted::Number(0)).unwrap_err().contains("no column 0"));
        assert!(read("a,a\n", true, Wanted::Name("a".into())).unwrap_err().contains("two columns"));
        assert!(read("a,b\n", true, Wanted::Only).unwrap_err().contains("`input.column`"));
        assert!(read("\"a\nb\",c\n", true, Wanted::Only).unwrap_err().contains("line break"));
    }
}
