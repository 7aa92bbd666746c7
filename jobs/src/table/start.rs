//! The first rows of a table: what they say of the file, and what speaks against its being a table like that.

use memchr::memchr;

use super::{BYTE_ORDER_MARK, Fed, Limits, OpenQuote, RowReader};

/// What stands between cells in files that are called tables, beside commas.
const SEPARATORS: [u8; 4] = *b";\t|,";
/// Bytes that are looked at for an encoding.
const SIGHT: usize = 64;

/// What is wrong with a table, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl From<String> for Problem {
    fn from(message: String) -> Self {
        Self { message, hint: None }
    }
}

/// Why a file that begins so is no text in UTF-8: a sentence without its subject.
pub(crate) fn other_encoding(start: &[u8]) -> Option<String> {
    let to_utf8 =
        |name: &str| format!("is text in {name}; save it as UTF-8: iconv -f {name} -t UTF-8 OLD > NEW");
    let packed = |what: &str| format!("is {what}; unpack it first");
    match start {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some(to_utf8("UTF-32")),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(to_utf8("UTF-16")),
        [0x1f, 0x8b, ..] => Some(packed("compressed with gzip")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(packed("compressed with zstd")),
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', ..] => Some(packed("compressed with bzip2")),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(packed("compressed with xz")),
        [b'P', b'K', 3, 4, ..] => {
            Some("is a .zip archive or a spreadsheet; unpack it, or save the sheet as .csv".into())
        }
        _ => without_mark(start).map(to_utf8),
    }
}

/// Text in UTF-16 that has no mark has a zero beside each of its first letters.
fn without_mark(start: &[u8]) -> Option<&'static str> {
    let start = start.get(..SIGHT).unwrap_or(start);
    let (pairs, _) = start.as_chunks::<2>();
    if pairs.len() < 2 {
        return None;
    }
    let all =
        |high: usize| pairs.iter().all(|pair| pair.get(high) == Some(&0) && pair.get(1 - high) != Some(&0));
    match (all(0), all(1)) {
        (true, _) => Some("UTF-16BE"),
        (_, true) => Some("UTF-16LE"),
        _ => None,
    }
}

/// The rows at the beginning of a table, as far as they are in sight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start<'a> {
    /// The file's first bytes.
    pub(crate) bytes: &'a [u8],
    /// They are all there are.
    pub(crate) is_whole: bool,
}

/// A row, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FirstRow {
    pub(crate) cells: Vec<Vec<u8>>,
    /// Bytes before it.
    pub(crate) from: usize,
    /// Bytes up to the end of its line.
    pub(crate) to: usize,
}

/// What a row in sight is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sighted {
    Row(FirstRow),
    /// There is none.
    Nothing,
    /// It goes on out of sight.
    Long,
    Open(OpenQuote),
}

impl Start<'_> {
    /// Bytes of the mark.
    pub(crate) fn mark(&self) -> usize {
        if self.bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 }
    }

    /// The first row at or behind `from`, where a row starts.
    pub(crate) fn row(&self, from: usize, delimiter: u8) -> Sighted {
        let blank = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let rest = self.bytes.get(from..).unwrap_or_default();
        let from = from + rest.iter().take_while(|byte| blank(byte)).count();
        let rest = self.bytes.get(from..).unwrap_or_default();
        let limit = self.bytes.len().max(1);
        let mut reader = RowReader::new(delimiter, Limits { bytes: limit, cells: limit });
        let (taken, fed) = reader.feed(rest);
        match fed {
            Fed::Row => {}
            _ if !self.is_whole => return Sighted::Long,
            _ => match reader.end() {
                Ok(true) => {}
                Ok(false) => return Sighted::Nothing,
                Err(open) => return Sighted::Open(open),
            },
        }
        let ended_with_return = taken.checked_sub(1).and_then(|last| rest.get(last)) == Some(&b'\r');
        let feed = ended_with_return && rest.get(taken) == Some(&b'\n');
        let cells = reader.cells().map(<[u8]>::to_vec).collect();
        Sighted::Row(FirstRow { cells, from, to: from + taken + usize::from(feed) })
    }

    /// The first row's cells if `delimiter` stood between them.
    fn split(&self, delimiter: u8) -> Option<Vec<Vec<u8>>> {
        match self.row(self.mark(), delimiter) {
            Sighted::Row(row) => Some(row.cells),
            _ => None,
        }
    }

    /// The separator other than `delimiter` with which the first row has what is `wanted`.
    pub(crate) fn better_delimiter(&self, delimiter: u8, wanted: impl Fn(&[String]) -> bool) -> Option<u8> {
        let fits = |other: &u8| {
            let cells = self.split(*other).unwrap_or_default();
            cells.len() > 1 && wanted(&cells.iter().map(|cell| name(cell)).collect::<Vec<_>>())
        };
        SEPARATORS.into_iter().filter(|other| *other != delimiter).find(fits)
    }

    /// A separator that splits each of the first two rows in as many cells, where `delimiter` splits neither: the table
    /// is another one than was thought.
    pub(crate) fn other_delimiter(&self, delimiter: u8) -> Option<u8> {
        let Sighted::Row(first) = self.row(self.mark(), delimiter) else { return None };
        let second = self.row(first.to, delimiter);
        let second_is_one = match &second {
            Sighted::Row(row) => row.cells.len() == 1,
            Sighted::Nothing | Sighted::Long => true,
            Sighted::Open(_) => false,
        };
        if first.cells.len() != 1 || !second_is_one {
            return None;
        }
        SEPARATORS.into_iter().filter(|other| *other != delimiter).find(|other| {
            let Sighted::Row(first) = self.row(self.mark(), *other) else { return false };
            let same = match self.row(first.to, *other) {
                Sighted::Row(second) => second.cells.len() == first.cells.len(),
                _ => true,
            };
            first.cells.len() > 1 && same
        })
    }
}

/// What to write into the job file for another delimiter.
pub(crate) fn delimiter_hint(delimiter: u8) -> String {
    let shown = if delimiter == b'\t' { "\\t".to_owned() } else { char::from(delimiter).to_string() };
    format!("set input.delimiter = \"{shown}\"")
}

/// A cell as a column's name: blanks around it don't count.
pub(crate) fn name(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).trim().to_owned()
}

/// True where a cell of the first row is a number, as names of columns hardly ever are.
pub(crate) fn is_number(cell: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(cell) else { return false };
    let text = text.trim();
    text.bytes().any(|byte| byte.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

/// Why a first row with a number in it is refused where nobody says what it is.
pub(crate) fn doubtful_header(cell: &[u8], without: &str) -> Problem {
    Problem {
        message: format!(
            "its first line has {} where names of columns are expected: is it a row like the others?",
            String::from_utf8_lossy(cell).trim()
        ),
        hint: Some(format!(
            "set input.header = false if the file has no header ({without}), or input.header = true if that is a name"
        )),
    }
}

/// True where a whole line is in sight.
pub(crate) fn has_line(bytes: &[u8]) -> bool {
    memchr(b'\n', bytes).is_some() || memchr(b'\r', bytes).is_some()
}
