//! Words of other people's, on their way to a screen; and which word was meant.
//!
//! A job's name, a key, a path or a worker's message may hold what commands a terminal or turns text around. Everything
//! that is printed goes through here once, as late as can be.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar as _;

/// As much of a line as an excerpt shows.
const EXCERPT: usize = 76;

/// True for what does something to a screen instead of standing on it: controls (of both blocks, line breaks too), what
/// turns the direction of text around, and separators of lines that are no line breaks.
#[must_use]
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` in one line, with escapes for what is harmful.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// The same, but line breaks stay: for text in several lines of our own.
#[must_use]
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n')
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let harmful = |c: char| is_harmful(c) && !stays(c);
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if harmful(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

/// The beginning of a text, at most `most` characters, with a sign where there was more.
#[must_use]
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
    }
}

/// The one of `names` that `text` was probably meant to be: no more than every third letter is another.
pub fn nearest<'a, N: AsRef<str> + ?Sized + 'a>(
    text: &str,
    names: impl IntoIterator<Item = &'a N>,
) -> Option<&'a str> {
    let text = text.to_lowercase();
    names
        .into_iter()
        .map(AsRef::as_ref)
        .filter_map(|name| {
            let distance = strsim::damerau_levenshtein(&name.to_lowercase(), &text);
            let longer = name.chars().count().max(text.chars().count());
            (distance * 3 <= longer).then_some((distance, name))
        })
        .min()
        .map(|(_, name)| name)
}

/// A line of a text and, under it, a caret at one of its characters (columns count from 1); of a long line the part
/// around it. `None` where there is nothing to show.
pub(crate) fn excerpt(line: &str, column: usize) -> Option<String> {
    let chars: Vec<char> = line.trim_end().chars().map(|c| if c == '\t' { ' ' } else { c }).collect();
    if chars.is_empty() {
        return None;
    }
    let at = column.saturating_sub(1).min(chars.len());
    let from = if chars.len() <= EXCERPT { 0 } else { at.saturating_sub(EXCERPT / 2) };
    let shown = |range: std::ops::Range<usize>| -> String {
        // What can't be shown takes one place, so that the caret stands where it should.
        chars
            .get(range)
            .unwrap_or_default()
            .iter()
            .map(|c| if is_harmful(*c) { '\u{fffd}' } else { *c })
            .collect()
    };
    let (cut, before) = (if from > 0 { "…" } else { "" }, shown(from..at));
    let to = (from + EXCERPT).min(chars.len());
    let more = if to < chars.len() { "…" } else { "" };
    let indent: usize = cut.chars().count() + before.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>();
    Some(format!("{cut}{before}{}{more}\n{}^", shown(at..to), " ".repeat(indent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_a_screen_or_turns_text_around_is_escaped() {
        assert_eq!(printable("a\u{1b}[2J\r\n\u{9b}31m\u{7f}"), "a\\u{1b}[2J\\r\\n\\u{9b}31m\\u{7f}");
        assert_eq!(
            printable("evil\u{202e}gpj.exe \u{2066}x\u{2069}"),
            "evil\\u{202e}gpj.exe \\u{2066}x\\u{2069}"
        );
        assert_eq!(printable_lines("a\nb\r"), "a\nb\\r");
        for fine in ["größe", "日本語", "👩‍🚀 …", "שלום"] {
            assert_eq!(printable(fine), fine);
        }
    }

    #[test]
    fn a_name_that_is_far_off_is_not_suggested() {
        let names = ["file", "files", "glob", "numbers", "range", "op", "threshold"];
        for (text, expected) in
            [("fil", "file"), ("number", "numbers"), ("rnage", "range"), ("FILES", "files")]
        {
            assert_eq!(nearest(text, names), Some(expected));
        }
        for far in ["x", "no", "a", "life", "grab", "ranking", "hold"] {
            assert_eq!(nearest(far, names), None, "{far}");
        }
        assert_eq!(nearest("treshhold", names), Some("threshold"));
        assert_eq!(nearest("File", names), Some("file"));
        assert_eq!((nearest("x", names), nearest("no", names), nearest("a", names)), (None, None, None));
    }

    #[test]
    fn a_caret_stands_under_its_character() {
        assert_eq!(excerpt("a = [1,,2]", 8).as_deref(), Some("a = [1,,2]\n       ^"));
        assert_eq!(excerpt("\tx = 日本 y", 9).as_deref(), Some(" x = 日本 y\n          ^"));
        assert_eq!(excerpt("   ", 1), None);
        let long = format!("{}!{}", "x".repeat(500), "y".repeat(500));
        let shown = excerpt(&long, 501).unwrap();
        let (line, caret) = shown.split_once('\n').unwrap();
        assert!(line.starts_with('…') && line.ends_with('…') && line.chars().count() < 80);
        assert_eq!(line.chars().nth(caret.len() - 1), Some('!'));
        assert!(!excerpt("\u{1b}]0;x", 2).unwrap().contains('\u{1b}'));
    }
}
