//! Numbers one a line, from a file or from elsewhere.

use super::number::{MAX_DIGITS, Number};
use crate::ItemsFrom;
use crate::lines::{FileProblem, LineTasks, Lines, Readable};

/// The longest line, in bytes: the longest number, its sign and its zeros, spaces, a comment.
const MAX_LINE: usize = 2 * MAX_DIGITS;

/// The numbers of a file; nothing is read yet.
pub(super) fn numbers(from: &ItemsFrom) -> Result<LineTasks, FileProblem> {
    let lines = Lines::new(Readable::find(from)?, MAX_LINE);
    Ok(LineTasks::new(lines, "numbers", Box::new(take_number)))
}

/// Appends the number of a line, where it has one; what follows a `#` is a comment.
fn take_number(line: &[u8], into: &mut protocol::Payloads) -> Result<(), String> {
    let written = line.split(|byte| *byte == b'#').next().unwrap_or(line).trim_ascii();
    if written.is_empty() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(written);
    let number = Number::parse(&text).map_err(|bad| bad.to_string())?;
    into.push_with(|payload| number.write(payload));
    Ok(())
}

#[cfg(test)]
mod tests {
    use protocol::Payloads;

    use super::*;

    fn numbers_of(lines: &[&[u8]]) -> Result<Vec<String>, String> {
        let mut payloads = Payloads::new();
        lines.iter().try_for_each(|line| take_number(line, &mut payloads))?;
        let printed = payloads.iter().map(|payload| {
            let mut text = String::new();
            Number::read(payload).unwrap().print(&mut text);
            text
        });
        Ok(printed.collect())
    }

    #[test]
    fn blank_lines_and_comments_are_skipped() {
        let lines: [&[u8]; 5] = [b"2", b"", b"  # odd ones", b"\t-3 # negative", b"18446744073709551616"];
        assert_eq!(numbers_of(&lines), Ok(vec!["2".into(), "-3".into(), "18446744073709551616".into()]));
    }

    #[test]
    fn what_is_no_number_is_told() {
        assert_eq!(numbers_of(&[b"12x"]), Err("\"12x\" is not an integer".into()));
        assert_eq!(numbers_of(&[b"3 4"]), Err("\"3 4\" is not an integer".into()));
        assert!(numbers_of(&[b"\xFF\xFE"]).unwrap_err().ends_with("is not an integer"));
    }
}
