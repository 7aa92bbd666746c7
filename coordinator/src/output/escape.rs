//! Text that came from files and workers, made harmless for the place where it is written.
//!
//! Each function works on what was appended behind a mark, so that text without anything to escape, which is
//! nearly all of it, is written once and never copied.

use std::borrow::Cow;
use std::fmt::Write as _;

use jobs::words::is_harmful;

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
    let special = |byte: u8| byte == b'"' || byte == b'\\' || may_be_harmful(byte);
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
            c => push_json_char(c, line),
        }
    }
}

/// Escapes in the JSON behind `mark` what would command a terminal or turn text around. Beyond ASCII all of it stands
/// inside of strings, where an escape means the same.
pub(super) fn defuse_json(line: &mut String, mark: usize) {
    let tail = line.as_bytes().get(mark..).unwrap_or_default();
    // JSON itself has escapes for the controls before DEL.
    if !contains(tail, |byte| byte >= 0x7f && may_be_harmful(byte)) {
        return;
    }
    let text = line.split_off(mark);
    for c in text.chars() {
        if c.is_ascii() && c != '\u{7f}' { line.push(c) } else { push_json_char(c, line) }
    }
}

fn push_json_char(c: char, line: &mut String) {
    if is_harmful(c) {
        // All of them have four digits. Writing to a String can't fail.
        let _ = write!(line, "\\u{:04x}", u32::from(c));
    } else {
        line.push(c);
    }
}

/// Makes what stands behind `mark` a cell that no spreadsheet takes for a formula and that commands no terminal: an
/// apostrophe stands before text that begins as a formula does, and controls other than tabs and line breaks are
/// escaped.
pub(super) fn tame_csv(line: &mut String, mark: usize) {
    let tail = line.as_bytes().get(mark..).unwrap_or_default();
    let formula = matches!(tail.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'));
    if !formula && !contains(tail, may_be_harmful) {
        return;
    }
    let text = line.split_off(mark);
    if formula && text.parse::<f64>().is_err() {
        line.push('\'');
    }
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let stays = match c {
            '\n' | '\t' => true,
            // A lone one takes a terminal's cursor back to the beginning of the line.
            '\r' => chars.peek() == Some(&'\n'),
            c => !is_harmful(c),
        };
        if stays { line.push(c) } else { line.extend(c.escape_default()) }
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

/// Replaces what is harmful behind `mark` by its escapes: a file's name or a worker's message must neither break the
/// line nor command the terminal, nor turn the rest of the line around.
pub(super) fn defuse(line: &mut String, mark: usize) {
    let tail = line.get(mark..).unwrap_or_default();
    if !contains(tail.as_bytes(), may_be_harmful) || !tail.contains(is_harmful) {
        return;
    }
    let text = line.split_off(mark);
    for c in text.chars() {
        if is_harmful(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
}

/// True for the bytes that a harmful character begins with: controls, those of the second block (0xC2), and what turns
/// text around (0xD8, 0xE2).
fn may_be_harmful(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, 0x7f | 0xc2 | 0xd8 | 0xe2)
}

/// Text in lines of our own, with what others wrote in it: line breaks and tabs stay, and where there are colours, so
/// do the sequences that set those in which text can be read.
pub(crate) fn for_screen(text: &str, colours: bool) -> Cow<'_, str> {
    let foreign = |c: char| is_harmful(c) && !matches!(c, '\n' | '\t');
    if !text.contains(foreign) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = colour_length(rest).filter(|_| colours) {
            let (colour, after) = rest.split_at(length);
            safe.push_str(colour);
            rest = after;
            continue;
        }
        if foreign(c) {
            safe.extend(c.escape_default())
        } else {
            safe.push(c)
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    Cow::Owned(safe)
}

/// The length of the sequence for a colour or a weight that `text` begins with. None that hides text is one.
fn colour_length(text: &str) -> Option<usize> {
    let (codes, _) = text.strip_prefix("\u{1b}[")?.split_once('m')?;
    let harmless = |code: &str| {
        matches!(code, "" | "0" | "1" | "2" | "3" | "4" | "31" | "32" | "33" | "34" | "35" | "36" | "37")
    };
    codes.split(';').all(harmless).then(|| codes.len() + 3)
}

/// A line of JSON as [`defuse_json`] leaves it.
pub(crate) fn json_for_screen(mut json: String) -> String {
    defuse_json(&mut json, 0);
    json
}

/// Looks at every byte: without an early end the compiler looks at many at once.
fn contains(bytes: &[u8], special: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |found, byte| found | special(*byte))
}

/// `text` in one line without anything harmful.
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
            prop_assert!(!line.contains(is_harmful));
        }

        #[test]
        fn any_json_keeps_its_meaning(text in any::<String>()) {
            let value = serde_json::json!({ "a": text, &text: [1, text] });
            let safe = json_for_screen(value.to_string());
            prop_assert!(!safe.contains(is_harmful));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        }

        #[test]
        fn no_cell_is_a_formula_or_commands_the_terminal(text in "[=+@\t\r\n1.e-]{0,4}.*") {
            let mut line = String::new();
            line.push_str(&text);
            tame_csv(&mut line, 0);
            prop_assert!(!line.starts_with(['=', '+', '-', '@', '\t', '\r']) || line.parse::<f64>().is_ok());
            prop_assert!(!line.replace("\r\n", "").contains(|c| is_harmful(c) && c != '\n' && c != '\t'));
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
            prop_assert!(!line.contains(is_harmful));
            prop_assert!(!for_screen(&text, false).contains(|c| is_harmful(c) && c != '\n' && c != '\t'));
        }
    }

    #[test]
    fn what_turns_text_around_and_the_second_block_of_controls_are_escaped_everywhere() {
        let hostile = "a\u{9b}31m\u{202e}gpj\u{2066}";
        assert_eq!(printable(hostile), "a\\u{9b}31m\\u{202e}gpj\\u{2066}");
        let mut json = String::new();
        push_json_string(hostile, &mut json);
        assert_eq!(json, "\"a\\u009b31m\\u202egpj\\u2066\"");
        assert_eq!(printable("größe … 日本"), "größe … 日本");
    }

    #[test]
    fn our_colours_stay_on_a_screen_and_nothing_else_does() {
        let text = "\u{1b}[31;1merror\u{1b}[0m: a\tb\n\u{1b}[8mhidden\u{1b}[2J\r";
        let safe = "\u{1b}[31;1merror\u{1b}[0m: a\tb\n\\u{1b}[8mhidden\\u{1b}[2J\\r";
        assert_eq!(for_screen(text, true), safe);
        assert!(!for_screen(text, false).contains('\u{1b}'));
    }

    #[test]
    fn a_cell_that_begins_as_a_formula_is_text() {
        let cell = |text: &str| {
            let mut line = String::from("=,");
            line.push_str(text);
            tame_csv(&mut line, 2);
            line.split_off(2)
        };
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-x", "'-x"),
            ("\t=1", "'\t=1"),
            ("-7", "-7"),
            ("+1.5e3", "+1.5e3"),
            ("a=b", "a=b"),
            ("a\r\nb\rc", "a\r\nb\\rc"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
        ] {
            assert_eq!(cell(text), expected);
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
