//! Formats as flags name them.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::output::Format;

/// How a run's results are written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExportFormat {
    /// In a format that runs write, too.
    Results(Format),
    /// As a database.
    Sqlite,
}

/// Takes the name of a format of which this holds.
pub(super) fn format_parser(is_wanted: fn(Format) -> bool) -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(values(is_wanted)).try_map(named)
}

/// Takes the name of a format for programs, or `sqlite`.
pub(super) fn export_parser() -> impl TypedValueParser<Value = ExportFormat> {
    let sqlite = PossibleValue::new("sqlite").help("A SQLite file with one row a task");
    let values = values(|format| !format.is_for_people()).into_iter().chain([sqlite]);
    PossibleValuesParser::new(values).try_map(|name| match name.as_str() {
        "sqlite" => Ok(ExportFormat::Sqlite),
        _ => named(name).map(ExportFormat::Results),
    })
}

fn values(is_wanted: fn(Format) -> bool) -> Vec<PossibleValue> {
    let formats = Format::ALL.into_iter().filter(|format| is_wanted(*format));
    formats.map(|format| PossibleValue::new(format.name()).help(format.about())).collect()
}

fn named(name: String) -> Result<Format, String> {
    Format::named(&name).ok_or_else(|| format!("{name:?} is no format"))
}
