//! Arguments with places for the item: `{}` the item, `{#}` the task's number, `{name}` a column of a table.
//!
//! Everything else in braces stays as it is (`awk '{print $1}'`), and so does a placeholder in double braces,
//! without the outer ones: `{{}}` is `{}`.

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
}

/// A word in braces that looks like a column and is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoColumn(pub(super) String);

/// What stands in the places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill<'a> {
    pub(super) item: &'a [u8],
    pub(super) cells: &'a [&'a [u8]],
    pub(super) task: u64,
}

impl Template {
    /// Reads an argument; `columns` are those of the input, where it is a table.
    pub(super) fn parse(text: &str, columns: Option<&[String]>) -> Result<Self, NoColumn> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let (before, from) = rest.split_at(start);
            plain.push_str(before);
            let doubled = from.strip_prefix('{').filter(|inner| inner.starts_with('{'));
            if let Some((literal, after)) = doubled.and_then(|inner| doubled_placeholder(inner, columns)) {
                plain.push_str(literal);
                rest = after;
            } else if let Some((part, after)) = placeholder(from, columns) {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(part);
                rest = after;
            } else {
                refuse_word(before, from, columns)?;
                plain.push('{');
                rest = from.get(1..).unwrap_or_default();
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() || parts.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// True where it has a place for the item or a part of it.
    pub(super) fn takes_item(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Item | Part::Column(_)))
    }

    /// True where it is the same for every task.
    pub(super) fn is_plain(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
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

/// The placeholder that `text` begins with, and what follows it.
fn placeholder<'a>(text: &'a str, columns: Option<&[String]>) -> Option<(Part, &'a str)> {
    let (inner, after) = text.strip_prefix('{')?.split_once('}')?;
    let part = match inner {
        "" => Part::Item,
        "#" => Part::Task,
        name => Part::Column(columns?.iter().position(|column| column == name)?),
    };
    Some((part, after))
}

/// `{}` of `{{}}`, and what follows.
fn doubled_placeholder<'a>(inner: &'a str, columns: Option<&[String]>) -> Option<(&'a str, &'a str)> {
    let (_, after) =
        placeholder(inner, columns).or_else(|| word(inner).map(|_| (Part::Item, after_word(inner))))?;
    let literal = inner.get(..inner.len() - after.len())?;
    Some((literal, after.strip_prefix('}')?))
}

/// The word of `{word}` at the beginning of `text`.
fn word(text: &str) -> Option<&str> {
    let (inner, _) = text.strip_prefix('{')?.split_once('}')?;
    let is_word = !inner.is_empty() && inner.chars().all(|char| char.is_alphanumeric() || char == '_');
    is_word.then_some(inner)
}

fn after_word(text: &str) -> &str {
    text.split_once('}').map_or("", |(_, after)| after)
}

/// In a table, a word that is no column is a typing mistake; `${word}` is a shell's.
fn refuse_word(before: &str, text: &str, columns: Option<&[String]>) -> Result<(), NoColumn> {
    match word(text) {
        Some(name) if columns.is_some() && !before.ends_with('$') => Err(NoColumn(name.to_owned())),
        _ => Ok(()),
    }
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

    fn filled(text: &str, quote: bool) -> String {
        let columns = ["name".to_owned(), "size".to_owned()];
        let template = Template::parse(text, Some(&columns)).unwrap();
        let fill = Fill { item: b"it's", cells: &[b"cat", b"9"], task: 7 };
        let mut out = Vec::new();
        template.fill(&fill, quote, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn places_are_filled_and_all_else_stays() {
        for (text, expected) in [
            ("{}", "it's"),
            ("a{}b{#}c", "ait'sb7c"),
            ("{name}.{size}", "cat.9"),
            ("{print $1}", "{print $1}"),
            ("${HOME}/{}", "${HOME}/it's"),
            ("{{}} {{#}} {{name}} {{other}}", "{} {#} {name} {other}"),
            ("{ {} }", "{ it's }"),
            ("{\"a\": \"{}\"}", "{\"a\": \"it's\"}"),
            ("{", "{"),
            ("}", "}"),
            ("", ""),
            ("ä{}ö", "äit'sö"),
        ] {
            assert_eq!(filled(text, false), expected, "{text}");
        }
    }

    #[test]
    fn a_shell_sees_items_as_single_words() {
        assert_eq!(filled("wc -c < {}; echo {#}", true), r"wc -c < 'it'\''s'; echo '7'");
    }

    #[test]
    fn a_misspelt_column_is_refused_and_words_in_braces_are_not_where_there_are_no_columns() {
        let columns = ["name".to_owned()];
        assert_eq!(Template::parse("{nmae}", Some(&columns)), Err(NoColumn("nmae".into())));
        assert!(Template::parse("{nmae}", None).unwrap().is_plain());
        assert!(Template::parse("x{name}", Some(&columns)).unwrap().takes_item());
        assert!(!Template::parse("x{#}", None).unwrap().takes_item());
    }
}
