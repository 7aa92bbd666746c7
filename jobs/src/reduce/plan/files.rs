//! Numbers in files: which files, and what their beginnings say.

use std::path::{Path, PathBuf};

use super::input::{Array, Input, Rows};
use crate::reduce::csv::{Wanted, Written, read_header};
use crate::reduce::dtype::Dtype;
use crate::reduce::file::{Pinned, npy};
use crate::spec::{Item, JobSpec, SpecError, SpecErrors, Table};
use crate::table;
use crate::table::start::Problem;

/// The keys that say how to read files.
pub(super) struct Options {
    dtype: Option<Item>,
    column: Option<Item>,
    header: Option<Item>,
    delimiter: Option<Item>,
}

/// What a file is, by its extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Npy,
    Bin,
    Table,
}

const FORMATS: &str = ".npy, .bin, .csv, .tsv";

impl Options {
    pub(super) fn take(input: &mut Table) -> Self {
        Self {
            dtype: input.take("dtype"),
            column: input.take("column"),
            header: input.take("header"),
            delimiter: input.take("delimiter"),
        }
    }

    /// None of them means anything for `place`.
    pub(super) fn refuse_all(&self, place: &str) -> Result<(), SpecErrors> {
        self.refuse(&[&self.dtype, &self.column, &self.header, &self.delimiter], &format!("`{place}`"))
    }

    fn refuse(&self, items: &[&Option<Item>], what: &str) -> Result<(), SpecErrors> {
        let errors = items.iter().copied().flatten();
        SpecErrors(errors.map(|item| item.error(format!("means nothing for {what}; remove it"))).collect())
            .into_result()
    }
}

/// Reads the beginnings of the files that `item` names.
pub(super) fn read(job: &JobSpec, place: &str, item: Item, options: Options) -> Result<Input, SpecErrors> {
    let files = match place {
        "file" => vec![(job.resolve(item.text()?), item.clone())],
        "files" => listed(job, &item)?,
        _ => globbed(job, &item)?,
    };
    let mut formats = Vec::new();
    for (path, item) in &files {
        formats.push(format(path).ok_or_else(|| SpecError {
            hint: Some(format!("formats, by extension: {FORMATS}")),
            ..item.error(format!("{}: is of no known format", path.display()))
        })?);
    }
    let Some(first) = formats.first().copied() else {
        return Err(item.error("names no file; give at least one").into());
    };
    if let Some(((path, item), _)) = files.iter().zip(&formats).find(|(_, format)| **format != first) {
        return Err(item
            .error(format!("{}: all files of a job must be of one format", path.display()))
            .into());
    }
    match first {
        Format::Table => tables(&files, options),
        Format::Npy | Format::Bin => arrays(&files, first, options),
    }
}

fn listed(job: &JobSpec, item: &Item) -> Result<Vec<(PathBuf, Item)>, SpecErrors> {
    let mut files = Vec::new();
    for item in item.clone().into_list()? {
        files.push((job.resolve(item.text()?), item));
    }
    Ok(files)
}

/// The files that match, in the order of their names.
fn globbed(job: &JobSpec, item: &Item) -> Result<Vec<(PathBuf, Item)>, SpecErrors> {
    let pattern = item.text()?;
    // The folder of the job file is meant literally, whatever characters it has.
    let whole = if Path::new(pattern).is_absolute() {
        pattern.to_owned()
    } else {
        let base = glob::Pattern::escape(&job.base().to_string_lossy());
        Path::new(&base).join(pattern).to_string_lossy().into_owned()
    };
    let paths = glob::glob(&whole).map_err(|error| item.error(format!("is not a pattern: {error}")))?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.map_err(|error| item.error(format!("can't be followed: {error}")))?;
        if path.is_file() {
            files.push((path, item.clone()));
        }
    }
    if files.is_empty() && job.base().join(pattern).is_dir() {
        let hint = Some("for what is in it: FOLDER/*, with all that is below it: FOLDER/**/*".to_owned());
        let error = item.error(format!("{} is a folder, and not a pattern for files", item.describe()));
        return Err(SpecError { hint, ..error }.into());
    }
    if files.is_empty() {
        return Err(item.error("matches no file; paths are relative to the job file").into());
    }
    Ok(files)
}

fn format(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "npy" => Some(Format::Npy),
        "bin" => Some(Format::Bin),
        "csv" | "tsv" => Some(Format::Table),
        _ => None,
    }
}

fn arrays(files: &[(PathBuf, Item)], format: Format, options: Options) -> Result<Input, SpecErrors> {
    options.refuse(&[&options.column, &options.header, &options.delimiter], "files of this format")?;
    let given = match (format, &options.dtype, files.first()) {
        (Format::Bin, Some(item), _) => Some(named_dtype(item)?),
        (Format::Bin, None, Some((_, item))) => {
            return Err(SpecError {
                hint: Some(format!("for example: dtype = \"i64\"; types: {}", Dtype::names())),
                ..item.error("a .bin file needs `input.dtype`: what its elements are")
            }
            .into());
        }
        (_, Some(item), _) => {
            return Err(item.error("means nothing for .npy files, which say it; remove it").into());
        }
        _ => None,
    };
    let mut errors = SpecErrors::default();
    let mut arrays: Vec<Array> = Vec::new();
    let mut dtype = given;
    for (path, item) in files {
        match array(path, given) {
            Ok((array, found)) if *dtype.get_or_insert(found) == found => arrays.push(array),
            Ok((_, found)) => errors.push(item.error(format!(
                "{}: is of type {}, the files before it of type {}; a job's files must be of one type",
                path.display(),
                found.name(),
                dtype.map_or("", Dtype::name)
            ))),
            Err(message) => errors.push(item.error(message)),
        }
    }
    errors.into_result()?;
    Ok(Input::Arrays { dtype: dtype.unwrap_or(Dtype::I64), files: arrays.into() })
}

fn named_dtype(item: &Item) -> Result<Dtype, SpecError> {
    let name = item.text()?;
    Dtype::named(name).ok_or_else(|| SpecError {
        hint: Some(format!("types, all little endian: {}", Dtype::names())),
        ..item.error(format!("{name:?} is not a type"))
    })
}

/// An array file's extent; a `.bin` file is all elements.
fn array(path: &Path, given: Option<Dtype>) -> Result<(Array, Dtype), String> {
    let (file, opened) = Pinned::new(path)?;
    let Some(dtype) = given else {
        let layout =
            npy::layout(opened, file.length).map_err(|error| format!("{}: {error}", path.display()))?;
        return Ok((Array { file, offset: layout.offset, count: layout.count }, layout.dtype));
    };
    if file.length % dtype.size() != 0 {
        return Err(format!(
            "{}: has {} bytes, which is no whole number of elements of {} bytes ({}); it may be cut short, or \
             of another type",
            path.display(),
            file.length,
            dtype.size(),
            dtype.name()
        ));
    }
    let count = file.length / dtype.size();
    Ok((Array { file, offset: 0, count }, dtype))
}

fn tables(files: &[(PathBuf, Item)], options: Options) -> Result<Input, SpecErrors> {
    options.refuse(&[&options.dtype], "tables")?;
    let header = table::header(options.header.as_ref())?;
    let wanted =
        options.column.as_ref().map_or(Ok(Wanted::Only), |item| wanted(item, header.unwrap_or(true)))?;
    let is_tsv = files
        .first()
        .and_then(|(path, _)| path.extension())
        .is_some_and(|name| name.eq_ignore_ascii_case("tsv"));
    let usual_delimiter = if is_tsv { b'\t' } else { b',' };
    let written =
        Written { delimiter: table::delimiter(options.delimiter.as_ref())?, header, usual_delimiter };
    let mut errors = SpecErrors::default();
    let mut tables = Vec::new();
    for (path, item) in files {
        let read = Pinned::new(path).map_err(Problem::from).and_then(|(file, opened)| {
            let found = read_header(opened, written, &wanted).map_err(|problem| Problem {
                message: format!("{}: {}", path.display(), problem.message),
                ..problem
            })?;
            Ok(Rows { file, first: found.offset, column: found.column, is_empty: found.is_empty })
        });
        match read {
            Ok(rows) => tables.push(rows),
            Err(Problem { message, hint }) => {
                errors.push(SpecError { hint, ..options.column.as_ref().unwrap_or(item).error(message) });
            }
        }
    }
    errors.into_result()?;
    let label = match wanted {
        Wanted::Name(name) => name.chars().take(64).collect(),
        _ => String::new(),
    };
    Ok(Input::Tables { delimiter: written.delimiter(), label, files: tables.into() })
}

fn wanted(item: &Item, header: bool) -> Result<Wanted, SpecError> {
    if item.is_integer() {
        return item.number().map(Wanted::Number);
    }
    let name = item.text()?;
    if !header {
        return Err(item.error("without a header a column has no name; give its number, counted from 1"));
    }
    Ok(Wanted::Name(name.to_owned()))
}
