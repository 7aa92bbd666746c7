//! The formats of results. To add one, write its file and add it here: a variant, and its place in [`Format::ALL`] and
//! `entry`. Everything else (flags, their help, extensions, errors) asks this file.

use std::fmt;
use std::path::Path;

use super::encoder::Entry;
use super::{csv, jsonl, text};

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One line a task, for people.
    Text,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header (RFC 4180, lines end in a line feed).
    Csv,
}

impl Format {
    /// All of them, in the order in which help lists them.
    pub const ALL: [Self; 3] = [Self::Text, Self::Jsonl, Self::Csv];

    pub(super) fn entry(self) -> &'static Entry {
        match self {
            Self::Text => &text::FORMAT,
            Self::Jsonl => &jsonl::FORMAT,
            Self::Csv => &csv::FORMAT,
        }
    }

    /// The format that a file's extension stands for.
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::ALL.into_iter().find(|format| format.entry().extensions.contains(&extension.as_str()))
    }

    /// The format with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// What it is, in one line.
    pub fn about(self) -> &'static str {
        self.entry().about
    }

    /// True for text that people read; programs read the others.
    pub fn is_for_people(self) -> bool {
        self.entry().for_people
    }

    /// What a path is missing that is none of a format's: `ends in neither .jsonl nor .csv`.
    pub(crate) fn no_extension() -> String {
        let usual: Vec<String> = Self::ALL
            .iter()
            .filter_map(|format| Some(format!(".{}", format.entry().extensions.first()?)))
            .collect();
        match usual.as_slice() {
            [one, other] => format!("ends in neither {one} nor {other}"),
            all => format!("ends in none of {}", all.join(", ")),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
