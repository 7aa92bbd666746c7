//! The dialect, held against Python's `csv`: `scripts/tables_oracle.py` made a thousand tables and what Python reads.

use super::cut::{RowStart, Window, row_start};
use super::*;

/// A table, and what Python makes of it.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Golden {
    pub(crate) text: String,
    pub(crate) delimiter: char,
    /// Empty lines are no rows. `None`: a quote is left open.
    pub(crate) rows: Option<Vec<Vec<String>>>,
}

/// All of them.
pub(crate) fn goldens() -> Vec<Golden> {
    let lines = include_str!("../../tests/data/tables.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn reader(delimiter: u8) -> RowReader {
    RowReader::new(delimiter, Limits { bytes: 1 << 20, cells: 1 << 20 })
}

fn rows(text: &[u8], delimiter: u8, piece: usize) -> Option<Vec<Vec<String>>> {
    let mut reader = reader(delimiter);
    let mut rows = Vec::new();
    let take = |reader: &RowReader, rows: &mut Vec<Vec<String>>| {
        rows.push(reader.cells().map(|cell| String::from_utf8(cell.to_vec()).unwrap()).collect());
    };
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    for mut piece in text.chunks(piece) {
        while !piece.is_empty() {
            let (taken, fed) = reader.feed(piece);
            piece = &piece[taken..];
            if fed == Fed::Row {
                take(&reader, &mut rows);
            }
        }
    }
    if reader.end().ok()? {
        take(&reader, &mut rows);
    }
    Some(rows)
}

#[test]
fn a_thousand_tables_are_read_as_python_reads_them() {
    let goldens = goldens();
    assert!(goldens.len() >= 1000);
    for Golden { text, delimiter, rows: expected } in goldens {
        for piece in [1, 3, usize::MAX] {
            assert_eq!(rows(text.as_bytes(), delimiter as u8, piece), expected, "{text:?}");
        }
    }
}

#[test]
fn rows_start_where_reading_from_the_beginning_finds_them() {
    for Golden { text, delimiter, rows: expected } in goldens() {
        // The first row starts behind the mark.
        let bytes = text.trim_start_matches('\u{feff}').as_bytes();
        let window = Window { bytes, from_first: true, to_end: true };
        let mut reader = reader(delimiter as u8);
        let Some(expected) = expected else { continue };
        let mut starts: Vec<usize> = (0..=bytes.len())
            .map(|at| match row_start(window, at, &mut reader) {
                RowStart::At(start) => start,
                other => panic!("{other:?} at {at} of {text:?}"),
            })
            .collect();
        assert!(starts.is_sorted(), "{text:?}");
        starts.dedup();
        for cut in starts {
            let parts = [&bytes[..cut], &bytes[cut..]];
            let read: Vec<_> =
                parts.iter().flat_map(|part| rows(part, delimiter as u8, 99).unwrap()).collect();
            assert_eq!(read, expected, "cut at {cut} of {text:?}");
        }
    }
}

#[test]
fn a_window_in_the_middle_of_a_table_finds_the_same_starts() {
    // Quoted cells with line ends in them, and quotes that are text: the neighbourhood must settle what is what.
    let mut text = String::new();
    for row in 0..6000 {
        text += &match row % 5 {
            0 => format!("{row},\"a\n{row},\"\"x\"\",\n\"\r\n"),
            1 => format!("{row},6'2\",\"\"\n"),
            2 => format!("\"{row}\",\",\",\"\n\"\r"),
            _ => format!("{row},plain,text\n"),
        };
    }
    let bytes = text.as_bytes();
    let mut reader = reader(b',');
    let whole = Window { bytes, from_first: true, to_end: true };
    for at in (70_000..80_000).step_by(7) {
        let expected = row_start(whole, at, &mut reader);
        let part = &bytes[at - 60_000..at + 10_000];
        let window = Window { bytes: part, from_first: false, to_end: false };
        match (row_start(window, 60_000, &mut reader), expected) {
            (RowStart::At(found), RowStart::At(expected)) => {
                assert_eq!(found + at - 60_000, expected, "{at}")
            }
            other => panic!("{other:?} at {at}"),
        }
    }
}

#[test]
fn a_hostile_pattern_of_quotes_is_settled_from_the_beginning() {
    // Read from a quote on, every row is as good as from the quote before it.
    let text = "\",\"x\n".repeat(20_000) + "\",1\n";
    let window =
        |from: usize| Window { bytes: &text.as_bytes()[from..], from_first: from == 0, to_end: true };
    let mut reader = reader(b',');
    assert_eq!(row_start(window(1000), 50_000, &mut reader), RowStart::MoreBefore);
    assert!(matches!(row_start(window(0), 51_000, &mut reader), RowStart::At(51_000..)));
}

#[test]
fn lines_are_counted_whatever_ends_them() {
    let line = |pieces: &[&str]| {
        let mut lines = LineCounter::default();
        pieces.iter().for_each(|piece| lines.pass(piece.as_bytes()));
        lines.line()
    };
    assert_eq!(line(&[]), 1);
    assert_eq!(line(&["a\nb\rc\r\nd"]), 4);
    assert_eq!(line(&["a\r", "\nb"]), 2);
    assert_eq!(line(&["a\r", "", "\r\n\n"]), 4);
}
