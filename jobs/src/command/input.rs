//! `[input]`: `args`, or a `file` of lines or rows.

use std::path::{Path, PathBuf};

use protocol::Payloads;

use super::table::Rows;
use crate::lines::{FileProblem, LineTasks, Lines, List, Readable, refuse};
use crate::spec::{Item, JobSpec, SpecError, SpecErrors};
use crate::{ItemsFrom, Tasks};

/// The longest line, in bytes: what a message can carry.
const LONGEST: usize = 32 << 10;

/// Where items come from.
pub(super) struct Source {
    pub(super) tasks: Box<dyn Tasks>,
    pub(super) total: Option<u64>,
    pub(super) inputs: Vec<PathBuf>,
    /// The columns of a table.
    pub(super) columns: Option<Vec<String>>,
}

/// How a file is cut into items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Lines,
    Table(u8),
}

/// Reads the one source there is; `None` where something is wrong, with what is wrong in `errors`.
pub(super) fn source(
    job: &mut JobSpec,
    items: Option<&ItemsFrom>,
    errors: &mut SpecErrors,
) -> Option<Source> {
    let (args, file) = (job.input.take("args"), job.input.take("file"));
    let format = job.input.take("format");
    let chosen = format.as_ref().and_then(|item| errors.keep(read_format(item)));
    if let Some(items) = items {
        let opened =
            open(items, chosen).map_err(|problem| problem.unwrap_or_else(|error| refuse(items, &error)));
        return errors.keep(opened);
    }
    match (args, file) {
        (Some(args), None) => {
            if let Some(format) = format {
                errors.push(format.error("says how a file is read, and there is none"));
            }
            listed(args, errors)
        }
        (None, Some(file)) => errors.keep(of_file(&file, job, chosen)),
        (None, None) => {
            errors.push(SpecError {
                hint: Some("for example: args = [\"a.txt\", \"b.txt\"]; or file = \"names.txt\"".into()),
                ..job.input.error("", "needs one of `args` and `file`")
            });
            None
        }
        (Some(_), Some(file)) => {
            errors.push(file.error("stands beside `input.args`: keep one of them"));
            None
        }
    }
}

fn read_format(item: &Item) -> Result<Format, SpecError> {
    match item.text()? {
        "lines" => Ok(Format::Lines),
        "csv" => Ok(Format::Table(b',')),
        "tsv" => Ok(Format::Table(b'\t')),
        _ => Err(item.error(format!("{} is not one of lines, csv, tsv", item.describe()))),
    }
}

fn format_of(path: &Path) -> Format {
    match path.extension().map(|extension| extension.to_ascii_lowercase()) {
        Some(extension) if extension == "csv" => Format::Table(b','),
        Some(extension) if extension == "tsv" => Format::Table(b'\t'),
        _ => Format::Lines,
    }
}

fn listed(args: Item, errors: &mut SpecErrors) -> Option<Source> {
    let nothing = args.error("is an empty list: there is nothing to do");
    let mut payloads = Payloads::new();
    for item in errors.keep(args.into_list())? {
        match item.text() {
            Ok(text) => payloads.push(text.as_bytes()),
            Err(_) if item.is_integer() || item.is_float() => payloads.push(item.describe().as_bytes()),
            Err(error) => errors.push(error),
        }
        if errors.are_enough() {
            break;
        }
    }
    if payloads.is_empty() && errors.0.is_empty() {
        errors.push(nothing);
    }
    let total = Some(payloads.len() as u64);
    Some(Source { tasks: Box::new(List::new(payloads)), total, inputs: Vec::new(), columns: None })
}

fn of_file(item: &Item, job: &JobSpec, format: Option<Format>) -> Result<Source, SpecError> {
    let path = job.resolve(item.text()?);
    let shown = path.display().to_string();
    open(&ItemsFrom::File(path), format).map_err(|problem| {
        let message = match problem {
            Ok(error) => error.message,
            Err(error) => format!("{shown}: {error}"),
        };
        SpecError {
            hint: Some("a relative path starts at the job file's folder".into()),
            ..item.error(message)
        }
    })
}

/// Opens a file. What is wrong may be that it can't be read, or that it has no good first line.
fn open(from: &ItemsFrom, format: Option<Format>) -> Result<Source, Result<SpecError, FileProblem>> {
    let format = format.unwrap_or_else(|| match from {
        ItemsFrom::Stdin => Format::Lines,
        ItemsFrom::File(path) => format_of(path),
    });
    let readable = Readable::find(from).map_err(Err)?;
    let inputs = readable.path().map(Path::to_owned).into_iter().collect();
    match format {
        Format::Lines => {
            let tasks = LineTasks::new(Lines::new(readable, LONGEST), "items", Box::new(take_line));
            Ok(Source { tasks: Box::new(tasks), total: None, inputs, columns: None })
        }
        Format::Table(delimiter) => {
            let (rows, columns) = Rows::open(readable, delimiter).map_err(|error| {
                let file = "--input".to_owned();
                Ok(SpecError { file, place: None, key: String::new(), message: error.0, hint: None })
            })?;
            Ok(Source { tasks: Box::new(rows), total: None, inputs, columns: Some(columns) })
        }
    }
}

/// A line is an item as it stands; an empty one is none.
fn take_line(line: &[u8], into: &mut Payloads) -> Result<(), String> {
    if !line.is_empty() {
        into.push(line);
    }
    Ok(())
}
