//! Arguments with places for the item: `{}` the item, `{#}` the task's number, `{name}` a column of a table.
//!
//! `{{` is a brace, and so is the `}}` that closes it. Code in braces stays as it is (`awk '{print $1}'`, `${HOME}`,
//! `{"a": 1}`); any other `{…}` was meant as a place and is none, which is an error and never text.

use serde::{Deserialize, Serialize};

/// An argument: text and placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Part {
    Text(String),
    Item,
    Task,
    Column(usize),
    /// The task's number as it stands, where a shell's quotes are the script's own.
    Digits,
}

/// Something in braces that was meant as a place and is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoPlace(pub(super) String);

/// Which columns an argument may name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Columns<'a> {
    /// Those of a table; none where the input is none.
    Known(&'a [String]),
    /// Nobody knows, since the input can't be read: any word may be one.
    Unknown,
}

/// A piece of an argument, as a shell's reader looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    /// Something of the input.
    Input,
    /// The task's number.
    Number,
}

/// What stands in the places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill<'a> {
    pub(super) item: &'a [u8],
    pub(super) cells: &'a [&'a [u8]],
    pub(super) task: u64,
}

impl Template {
    /// Reads an argument.
    pub(super) fn parse(text: &str, columns: Columns<'_>) -> Result<Self, NoPlace> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        // How many braces are open that were written as two.
        let mut doubled = 0_usize;
        let mut rest = text;
        while let Some(start) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(start);
            plain.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                plain.push('{');
                doubled += 1;
                rest = after;
            } else if let Some(after) = from.strip_prefix("}}").filter(|_| doubled > 0) {
                plain.push('}');
                doubled -= 1;
                rest = after;
            } else if let Some((part, after)) = place(from, columns) {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(part);
                rest = after;
            } else {
                refuse_misspelt(&plain, from, columns)?;
                let (brace, after) = from.split_at(1);
                plain.push_str(brace);
                rest = after;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() || parts.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The whole item.
    pub(super) fn item() -> Self {
        Self(vec![Part::Item])
    }

    /// True where it has a place for the item or a part of it.
    pub(super) fn takes_item(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Item | Part::Column(_)))
    }

    /// True where it has a place for a column.
    pub(super) fn names_columns(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Column(_)))
    }

    /// True where it is the same for every task.
    pub(super) fn is_plain(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// True where it has any place.
    pub(super) fn has_places(&self) -> bool {
        !self.is_plain()
    }

    /// What is written in it, without what its places hold.
    pub(super) fn text(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None })
    }

    /// Its pieces in order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.0.iter().map(|part| match part {
            Part::Text(text) => Piece::Text(text),
            Part::Item | Part::Column(_) => Piece::Input,
            Part::Task | Part::Digits => Piece::Number,
        })
    }

    /// Writes the task's number without quotes where `piece` is its place.
    pub(super) fn leave_bare(&mut self, piece: usize) {
        if let Some(part) = self.0.get_mut(piece)
            && *part == Part::Task
        {
            *part = Part::Digits;
        }
    }

    /// Appends the argument for one task; what stands in the places is quoted for a shell where `quote` says.
    pub(super) fn fill(&self, fill: &Fill<'_>, quote: bool, out: &mut Vec<u8>) {
        for part in &self.0 {
            let number;
            let bytes = match part {
                Part::Text(text) => {
                    out.extend_from_slice(text.as_bytes());
                    continue;
                }
                Part::Item => fill.item,
                Part::Digits => {
                    out.extend_from_slice(fill.task.to_string().as_bytes());
                    continue;
                }
                Part::Task => {
                    number = fill.task.to_string();
                    number.as_bytes()
                }
                Part::Column(index) => fill.cells.get(*index).copied().unwrap_or_default(),
            };
            if quote { push_quoted(bytes, out) } else { out.extend_from_slice(bytes) }
        }
    }
}

/// The place that `text` begins with, and what follows it.
fn place<'a>(text: &'a str, columns: Columns<'_>) -> Option<(Part, &'a str)> {
    let (inner, after) = text.strip_prefix('{')?.split_once('}')?;
    let part = match (inner, columns) {
        ("", _) => Part::Item,
        ("#", _) => Part::Task,
        (name, Columns::Known(columns)) => Part::Column(columns.iter().position(|column| column == name)?),
        (_, Columns::Unknown) => return None,
    };
    Some((part, after))
}

/// `text` begins with a brace and with no place: code or text is let be, what was meant as a place is not.
fn refuse_misspelt(before: &str, text: &str, columns: Columns<'_>) -> Result<(), NoPlace> {
    let known = matches!(columns, Columns::Known(_));
    let closed =
        text.strip_prefix('{').and_then(|inner| inner.split_once(['{', '}']).map(|(inner, _)| inner));
    match closed {
        // `${x}` is a shell's.
        Some(inner)
            if known
                && !before.ends_with('$')
                && text.get(1 + inner.len()..).is_some_and(|end| end.starts_with('}'))
                && !is_code(inner) =>
        {
            Err(NoPlace(inner.to_owned()))
        }
        _ => Ok(()),
    }
}

/// True for what no place looks like: a program's text, JSON.
fn is_code(inner: &str) -> bool {
    let quotes = |char: char| "\"'`$;\\\n".contains(char);
    let signs = |char: char| "=:,()<>|&[]".contains(char);
    inner.contains(quotes) || (inner.contains(char::is_whitespace) && inner.contains(signs))
}

/// Appends a word as a POSIX shell reads it back, whatever it holds.
pub(super) fn push_quoted(word: &[u8], out: &mut Vec<u8>) {
    out.push(b'\'');
    for byte in word {
        if *byte == b'\'' {
            out.extend_from_slice(br"'\''");
        } else {
            out.push(*byte);
        }
    }
    out.push(b'\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Columns<'static> = Columns::Known(&[]);

    fn filled(text: &str, quote: bool) -> String {
        let columns = ["name".to_owned(), "size".to_owned()];
        let template = Template::parse(text, Columns::Known(&columns)).unwrap();
        let fill = Fill { item: b"it's", cells: &[b"cat", b"9"], task: 7 };
        let mut out = Vec::new();
        template.fill(&fill, quote, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn places_are_filled_and_code_stays() {
        for (text, expected) in [
            ("{}", "it's"),
            ("a{}b{#}c", "ait'sb7c"),
            ("{name}.{size}", "cat.9"),
            ("{print $1}", "{print $1}"),
            ("${HOME}/{}", "${HOME}/it's"),
            ("{ {} }", "{ it's }"),
            ("{\"a\": \"{}\"}", "{\"a\": \"it's\"}"),
            ("{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}"),
            ("f() { echo x; }", "f() { echo x; }"),
            ("{", "{"),
            ("}", "}"),
            ("}}", "}}"),
            ("", ""),
            ("ä{}ö", "äit'sö"),
        ] {
            assert_eq!(filled(text, false), expected, "{text}");
        }
    }

    #[test]
    fn two_braces_are_one() {
        for (text, expected) in [
            ("{{}} {{#}} {{name}} {{other}} {{.}}", "{} {#} {name} {other} {.}"),
            ("{{", "{"),
            ("{{{}}}", "{it's}"),
            ("{{print {size}}}", "{print 9}"),
            ("{{{{.State}}}}", "{{.State}}"),
            ("{{\"a\":{\"b\":1}}}", "{\"a\":{\"b\":1}}"),
        ] {
            assert_eq!(filled(text, false), expected, "{text}");
        }
    }

    #[test]
    fn a_shell_sees_items_as_single_words() {
        assert_eq!(filled("wc -c < {}; echo {#}", true), r"wc -c < 'it'\''s'; echo '7'");
    }

    #[test]
    fn what_was_meant_as_a_place_and_is_none_is_refused() {
        let columns = ["name".to_owned(), "first name".to_owned()];
        for wrong in [
            ".",
            "/",
            "//",
            "/.",
            "%",
            "1",
            "nmae",
            "item",
            "frist name",
            " ",
            " name ",
            "##",
            "a,b",
            "1..3",
            "-",
            "print",
            "..}",
        ] {
            let (text, inner) = (format!("x{{{wrong}}}.webp"), wrong.trim_end_matches('}').to_owned());
            for columns in [NONE, Columns::Known(&columns)] {
                assert_eq!(Template::parse(&text, columns), Err(NoPlace(inner.clone())), "{text}");
            }
        }
        assert!(Template::parse("{nmae}", Columns::Unknown).unwrap().is_plain());
        assert!(Template::parse("x{first name}", Columns::Known(&columns)).unwrap().takes_item());
        assert!(!Template::parse("x{#}", NONE).unwrap().takes_item());
    }

    proptest::proptest! {
        /// A text with every brace doubled comes back.
        #[test]
        fn any_text_can_be_written(text in "[{}a$ .]{0,12}") {
            let doubled = text.replace('{', "{{").replace('}', "}}");
            let balanced = text.chars().scan(0_i32, |open, char| {
                *open += i32::from(char == '{') - i32::from(char == '}');
                Some(*open)
            });
            if balanced.into_iter().all(|open| open >= 0) {
                proptest::prop_assert_eq!(filled(&doubled, false), text);
            }
        }
    }
}
