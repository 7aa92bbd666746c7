//! Text that came from files and workers, made harmless for the place where it is written.
//!
//! Each function works on what was appended behind a mark, so that text without anything to escape, which is
//! nearly all of it, is written once and never copied.

use std::fmt::Write as _;

/// Appends `text` as a JSON string.
pub(super) fn push_json_string(text: &str, line: &mut String) {
    line.push('"');
    let mark = line.len();
    line.push_str(text);
    escape_json(line, mark);
    line.push('"');
}

/// Escapes what stands behind `mark` for the inside of a JSON string.
pub(super) fn escape_json(line: &mut String, mark: usize) {
    let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let tail = line.as_bytes().get(mark..).unwrap_or_default();
    if !contains(tail, special) {
        return;
    }
    let text = line.split_off(mark);
    for c in text.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                // Writing to a String can't fail.
                let _ = write!(line, "\\u{:04x}", u32::from(c));
            }
            c => line.push(c),
        }
    }
}

/// Quotes what stands behind `mark` as a CSV field, where it needs quotes (RFC 4180).
pub(super) fn quote_csv(line: &mut String, mark: usize) {
    let special = |byte: u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    let tail = line.as_bytes().get(mark..).unwrap_or_default();
    if !contains(tail, special) {
        return;
    }
    let text = line.split_off(mark);
    line.push('"');
    for (index, part) in text.split('"').enumerate() {
        if index > 0 {
            line.push_str("\"\"");
        }
        line.push_str(part);
    }
    line.push('"');
}

/// Replaces control characters behind `mark` by their escapes: a file's name or a worker's message must
/// neither break the line nor command the terminal.
pub(super) fn defuse(line: &mut String, mark: usize) {
    // The C1 controls are two bytes in UTF-8, the first of which is 0xC2.
    let suspicious = |byte: u8| byte < 0x20 || byte == 0x7f || byte == 0xc2;
    let tail = line.as_bytes().get(mark..).unwrap_or_default();
    if !tail.iter().copied().any(suspicious) {
        return;
    }
    let text = line.split_off(mark);
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
}

/// Looks at every byte: without an early end the compiler looks at many at once.
fn contains(bytes: &[u8], special: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |found, byte| found | special(*byte))
}

/// `text` without control characters.
pub(crate) fn printable(text: &str) -> String {
    let mut line = text.to_owned();
    defuse(&mut line, 0);
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_survives_a_json_string(text in any::<String>()) {
            let mut line = String::from("before");
            push_json_string(&text, &mut line);
            let back: String = serde_json::from_str(line.strip_prefix("before").unwrap()).unwrap();
            prop_assert_eq!(back, text);
            prop_assert!(!line.contains('\n'));
        }

        #[test]
        fn any_text_survives_a_csv_field(first in any::<String>(), second in any::<String>()) {
            let mut line = String::new();
            for text in [&first, &second] {
                let mark = line.len();
                line.push_str(text);
                quote_csv(&mut line, mark);
                line.push(',');
            }
            line.push_str("end\n");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            prop_assert_eq!(record.iter().collect::<Vec<_>>(), [first.as_str(), &second, "end"]);
        }

        #[test]
        fn no_text_commands_the_terminal(text in any::<String>()) {
            let mut line = String::new();
            line.push_str(&text);
            defuse(&mut line, 0);
            prop_assert!(!line.chars().any(char::is_control));
        }
    }

    #[test]
    fn what_stood_there_before_is_left_alone() {
        let mut line = String::from("a\"b\n");
        let mark = line.len();
        line.push_str("c\"\u{1b}[2J");
        escape_json(&mut line, mark);
        assert_eq!(line, "a\"b\nc\\\"\\u001b[2J");
        line.truncate(mark);
        line.push_str("\u{1b}[2J\n");
        defuse(&mut line, mark);
        assert_eq!(line, "a\"b\n\\u{1b}[2J\\n");
    }
}
