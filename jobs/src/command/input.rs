//! `[input]`: `args`, or a `file` of lines or rows.

use std::path::{Path, PathBuf};

use protocol::Payloads;

use super::table::{Opened, Rows, Written};
use crate::lines::{FileProblem, LineTasks, Lines, List, Readable, refuse};
use crate::spec::{Item, JobSpec, SpecError, SpecErrors};
use crate::table;
use crate::table::start::Problem;
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
    /// What speaks against those columns, unless one of them is used by its name.
    pub(super) doubt: Option<SpecError>,
}

/// How a file is cut into items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Lines,
    /// What stands between the cells of such a table, if nothing else is said.
    Table(u8),
}

/// The keys that say how a file is read.
#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    format: Option<Format>,
    delimiter: Option<u8>,
    header: Option<bool>,
}

/// Why a source can't be opened.
enum Refusal {
    File(FileProblem),
    Table(Problem),
}

/// Reads the one source there is; `None` where something is wrong, with what is wrong in `errors`.
pub(super) fn source(
    job: &mut JobSpec,
    items: Option<&ItemsFrom>,
    errors: &mut SpecErrors,
) -> Option<Source> {
    let (args, file) = (job.input.take("args"), job.input.take("file"));
    let format = job.input.take("format");
    let (delimiter, header) = (job.input.take("delimiter"), job.input.take("header"));
    let reading = Reading {
        format: format.as_ref().and_then(|item| errors.keep(read_format(item))),
        delimiter: errors.keep(table::delimiter(delimiter.as_ref())).flatten(),
        header: errors.keep(table::header(header.as_ref())).flatten(),
    };
    let of_tables = [delimiter, header];
    if let Some(items) = items {
        let is_table = matches!(format_of(items, reading), Format::Table(_));
        refuse_keys(of_tables.iter().flatten().filter(|_| !is_table), "lines", errors);
        return errors.keep(open(items, reading).map_err(|refusal| match refusal {
            Refusal::File(problem) => refuse(items, &problem),
            Refusal::Table(problem) => outside(problem),
        }));
    }
    match (args, file) {
        (Some(args), None) => {
            if let Some(format) = format {
                errors.push(format.error("says how a file is read, and there is none"));
            }
            refuse_keys(of_tables.iter().flatten(), "a list", errors);
            listed(args, errors)
        }
        (None, Some(file)) => {
            let source = errors.keep(of_file(&file, job, reading))?;
            refuse_keys(of_tables.iter().flatten().filter(|_| source.columns.is_none()), "lines", errors);
            Some(source)
        }
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

/// Keys of tables mean nothing for anything else.
fn refuse_keys<'a>(keys: impl Iterator<Item = &'a Item>, what: &str, errors: &mut SpecErrors) {
    for key in keys {
        errors.push(key.error(format!("means nothing for {what}, only for tables; remove it")));
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

fn format_of(from: &ItemsFrom, reading: Reading) -> Format {
    let path = match (reading.format, from) {
        (Some(format), _) => return format,
        (None, ItemsFrom::Stdin) => return Format::Lines,
        (None, ItemsFrom::File(path)) => path,
    };
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
    let tasks = Box::new(List::new(payloads));
    Some(Source { tasks, total, inputs: Vec::new(), columns: None, doubt: None })
}

fn of_file(item: &Item, job: &JobSpec, reading: Reading) -> Result<Source, SpecError> {
    let path = job.resolve(item.text()?);
    let shown = path.display().to_string();
    let hint = "a relative path starts at the job file's folder";
    let mut source = open(&ItemsFrom::File(path), reading).map_err(|refusal| match refusal {
        Refusal::Table(Problem { message, hint }) => SpecError { hint, ..item.error(message) },
        Refusal::File(error) => {
            SpecError { hint: Some(hint.into()), ..item.error(format!("{shown}: {error}")) }
        }
    })?;
    source.doubt =
        source.doubt.map(|SpecError { message, hint, .. }| SpecError { hint, ..item.error(message) });
    Ok(source)
}

/// A problem with items that the command line names.
fn outside(Problem { message, hint }: Problem) -> SpecError {
    SpecError { file: "--input".to_owned(), place: None, key: String::new(), message, hint }
}

/// Opens a file. What is wrong may be that it can't be read, or that it has no good first line.
fn open(from: &ItemsFrom, reading: Reading) -> Result<Source, Refusal> {
    let readable = Readable::find(from).map_err(Refusal::File)?;
    let inputs = readable.path().map(Path::to_owned).into_iter().collect();
    match format_of(from, reading) {
        Format::Lines => {
            let tasks = LineTasks::new(Lines::new(readable, LONGEST), "items", Box::new(take_line));
            Ok(Source { tasks: Box::new(tasks), total: None, inputs, columns: None, doubt: None })
        }
        Format::Table(usual_delimiter) => {
            let Reading { delimiter, header, .. } = reading;
            let Opened { rows, columns, doubt } =
                Rows::open(readable, Written { delimiter, header, usual_delimiter })
                    .map_err(Refusal::Table)?;
            let (tasks, doubt) = (Box::new(rows), doubt.map(outside));
            Ok(Source { tasks, total: None, inputs, columns: Some(columns), doubt })
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
