//! The first row of a table: which column is meant, and where the rows start.

use std::io::{self, Read};

use crate::table::start::{
    Problem, Sighted, Start, delimiter_hint, doubtful_header, is_number, name, other_encoding,
};

/// A first row longer than this is none.
const MAX_HEADER: u64 = 1 << 20;

/// How a column is named in a job file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::reduce) enum Wanted {
    Name(String),
    /// Counted from 1.
    Number(usize),
    /// The only one there is.
    Only,
}

/// How the job file says that the table is written; `None` where it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::reduce) struct Written {
    pub(in crate::reduce) delimiter: Option<u8>,
    pub(in crate::reduce) header: Option<bool>,
    /// What stands between cells where nothing is said.
    pub(in crate::reduce) usual_delimiter: u8,
}

/// What a table's first row tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::reduce) struct CsvHeader {
    /// The column meant, counted from 0.
    pub(in crate::reduce) column: usize,
    /// Bytes before the first row.
    pub(in crate::reduce) offset: u64,
    /// True where there is no row, and that shows within [`MAX_HEADER`] bytes.
    pub(in crate::reduce) is_empty: bool,
}

impl Written {
    /// What stands between cells.
    pub(in crate::reduce) fn delimiter(self) -> u8 {
        self.delimiter.unwrap_or(self.usual_delimiter)
    }

    fn has_header(self) -> bool {
        self.header.unwrap_or(true)
    }
}

/// Reads a table's first row and finds the column.
///
/// # Errors
/// The file is no table in UTF-8, or another one than the job file says, or has no such column.
pub(in crate::reduce) fn read_header(
    file: impl Read,
    written: Written,
    wanted: &Wanted,
) -> Result<CsvHeader, Problem> {
    let mut bytes = Vec::new();
    let failed = |error: io::Error| format!("can't be read: {error}");
    file.take(MAX_HEADER).read_to_end(&mut bytes).map_err(failed)?;
    if let Some(other) = other_encoding(&bytes) {
        return Err(other.into());
    }
    let start = Start { bytes: &bytes, is_whole: (bytes.len() as u64) < MAX_HEADER };
    let delimiter = written.delimiter();
    let first = match start.row(start.mark(), delimiter) {
        Sighted::Row(first) => first,
        // No row has a column that could be looked for.
        Sighted::Nothing => {
            return Ok(CsvHeader { column: 0, offset: bytes.len() as u64, is_empty: true });
        }
        Sighted::Long => {
            return Err(format!("its first row is longer than {MAX_HEADER} bytes: it is not a table").into());
        }
        Sighted::Open(_) => return Err("a quoted cell of its first row is never closed".to_owned().into()),
    };
    if written.delimiter.is_none()
        && let Some(other) = start.other_delimiter(delimiter)
    {
        let shown = char::from(other).escape_default();
        return Err(Problem {
            message: format!(
                "its first rows are cells with '{shown}' between them, and the delimiter is another"
            ),
            hint: Some(delimiter_hint(other)),
        });
    }
    let names: Vec<String> = first.cells.iter().map(|cell| name(cell)).collect();
    let column = find(&names, written.has_header(), wanted).map_err(|message| {
        let better = start.better_delimiter(delimiter, |names| find(names, true, wanted).is_ok());
        Problem { message, hint: better.map(delimiter_hint) }
    })?;
    check_header(first.cells.get(column), written, wanted)?;
    let offset = if written.has_header() { first.to } else { first.from };
    let is_empty = written.has_header() && start.row(offset, delimiter) == Sighted::Nothing;
    Ok(CsvHeader { column, offset: offset as u64, is_empty })
}

/// A number in place of the column's name, in a file of which nobody says whether it has names, is most likely the
/// first of the numbers.
fn check_header(cell: Option<&Vec<u8>>, written: Written, wanted: &Wanted) -> Result<(), Problem> {
    match (written.header, wanted, cell) {
        (None, Wanted::Number(_) | Wanted::Only, Some(cell)) if is_number(cell) => {
            Err(doubtful_header(cell, "columns then have numbers, from 1"))
        }
        _ => Ok(()),
    }
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

    fn written(header: impl Into<Option<bool>>) -> Written {
        Written { delimiter: None, header: header.into(), usual_delimiter: b',' }
    }

    fn read(text: &str, header: bool, wanted: Wanted) -> Result<(usize, u64), String> {
        read_header(text.as_bytes(), written(header), &wanted)
            .map(|found| (found.column, found.offset))
            .map_err(|problem| format!("{}; {}", problem.message, problem.hint.unwrap_or_default()))
    }

    #[test]
    fn a_column_is_found_by_name_or_number() {
        assert_eq!(read("a,b\n1,2\n", true, Wanted::Name("b".into())), Ok((1, 4)));
        assert_eq!(read("a,b\r\n1,2\r\n", true, Wanted::Name("b".into())), Ok((1, 5)));
        assert_eq!(read("a,b\r1,2\r", true, Wanted::Name("b".into())), Ok((1, 4)));
        assert_eq!(read("a,b\n1,2\n", true, Wanted::Number(1)), Ok((0, 4)));
        assert_eq!(read("1,2\n", false, Wanted::Number(2)), Ok((1, 0)));
        assert_eq!(read("n\n1\n", true, Wanted::Only), Ok((0, 2)));
        assert_eq!(read("\"a,b\", c \n", true, Wanted::Name("c".into())), Ok((1, 10)));
        assert_eq!(read("\"a\nb\",c\n", true, Wanted::Name("c".into())), Ok((1, 8)));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_name() {
        assert_eq!(read("\u{feff}a,b\n1,2\n", true, Wanted::Name("a".into())), Ok((0, 7)));
        assert_eq!(read("\u{feff}\"a\",b\n1,2\n", true, Wanted::Name("a".into())), Ok((0, 9)));
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
            read_header(text.as_bytes(), written(header), &Wanted::Only).unwrap().is_empty
        };
        for text in ["a", "a\n", "a\n\n\r\n\n", "\u{feff}a\r\n", "", "a\r\r", "\n\na\n\n"] {
            assert!(is_empty(text, true), "{text:?}");
        }
        for text in ["a\n1", "a\n\n1\n", "a\n \n", "a\r1", "\na\n1"] {
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
        assert!(read("\"a\nb\"\n", true, Wanted::Number(2)).unwrap_err().contains("no column 2"));
        assert!(read("\"a\nb,c\n", true, Wanted::Only).unwrap_err().contains("never closed"));
    }

    #[test]
    fn a_table_with_another_separator_is_told_the_delimiter_to_set() {
        for (text, wanted, key) in [
            ("a;b\n1;2\n", Wanted::Only, "\";\""),
            ("a;b\n1;2\n", Wanted::Name("b".into()), "\";\""),
            ("a;b\n1,5;2\n", Wanted::Name("b".into()), "\";\""),
            ("a\tb\r1\t2\r", Wanted::Number(2), "\"\\t\""),
            ("a|b|c\n", Wanted::Only, "\"|\""),
            ("x,1;b\n", Wanted::Name("b".into()), "\";\""),
        ] {
            let error = read(text, true, wanted).unwrap_err();
            assert!(error.contains(&format!("set input.delimiter = {key}")), "{text:?}: {error}");
        }
        // A name with a semicolon in it, over rows that have none.
        assert_eq!(read("a;b\n1\n", true, Wanted::Only), Ok((0, 4)));
        let given = Written { delimiter: Some(b','), ..written(true) };
        assert!(read_header(&b"a;b\n1;2\n"[..], given, &Wanted::Only).is_ok(), "the user knows");
    }

    #[test]
    fn a_first_row_of_numbers_is_refused_unless_somebody_says_what_it_is() {
        let read = |text: &str, header: Option<bool>, wanted: Wanted| {
            read_header(text.as_bytes(), written(header), &wanted).map(|found| found.offset)
        };
        for (text, wanted) in [("5\n10\n15\n", Wanted::Only), ("x,-2.5e3\ny,2\n", Wanted::Number(2))] {
            let problem = read(text, None, wanted.clone()).unwrap_err();
            assert!(problem.message.contains("is it a row like the others?"), "{problem:?}");
            assert!(problem.hint.unwrap().contains("input.header = false"));
            assert_eq!(read(text, Some(false), wanted.clone()), Ok(0));
            assert!(read(text, Some(true), wanted).unwrap() > 0);
        }
        assert_eq!(read("2019,2020\n1,2\n", None, Wanted::Name("2020".into())), Ok(10), "it is a name");
        assert_eq!(read("n,5\n1,2\n", None, Wanted::Number(1)), Ok(4));
    }

    #[test]
    fn what_is_no_text_in_utf_8_is_called_by_its_name() {
        let utf_16: Vec<u8> = "\u{feff}a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let refused = |bytes: &[u8]| read_header(bytes, written(None), &Wanted::Only).unwrap_err().message;
        assert!(refused(&utf_16).contains("UTF-16; save it as UTF-8: iconv -f UTF-16"));
        assert!(refused(&utf_16[2..]).contains("UTF-16LE; save it"));
        let big: Vec<u8> = "a,b\n1,2\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(refused(&big).contains("UTF-16BE"));
        assert!(refused(b"\xff\xfe\0\0a\0\0\0").contains("UTF-32"));
        assert!(refused(b"\x1f\x8b\x08\0").contains("gzip"));
        assert!(refused(b"PK\x03\x04\x14\0").contains("spreadsheet"));
    }
}
