//! A job, read once at the edge: from here on every value is typed and possible.
//!
//! [`load`] collects everything that is wrong with a job file, so that one look at the errors is enough to
//! mend it.

mod entry;
mod file;
mod how;
mod kinds;
mod knobs;
pub mod reference;
mod schema;
mod settings;
#[cfg(test)]
mod tests;
pub mod units;
pub mod values;

use std::path::{Path, PathBuf};

use jobs::spec::{JobSpec, SpecError, SpecErrors};
use jobs::{BadValue, ItemsFrom, Kind, Plan, PlanOptions, Presenter, Section};

pub use file::{LARGEST, read};
pub(crate) use kinds::section_name;
pub use kinds::{Kinds, find_kind};
pub use knobs::{RunFlags, RunSettings};
pub use schema::schema;
pub use values::Workers;

use crate::output::Format;

/// Where a job comes from.
#[derive(Debug, Clone)]
pub struct JobSource {
    /// The job file.
    pub path: PathBuf,
    /// Dotted keys and TOML values that replace or add to what the file says.
    pub overrides: Vec<(String, String)>,
    /// What planning may depend on beside the file.
    pub plan: PlanOptions,
}

/// A job that can be run.
pub struct Job {
    /// The file, as the user gave it.
    pub path: PathBuf,
    /// The file's text, as it was read.
    pub text: String,
    /// What the job is called.
    pub name: String,
    /// Its kind.
    pub kind: &'static dyn Kind,
    /// Its tasks.
    pub plan: Plan,
    /// What `[run]` says.
    pub run: RunSettings,
    /// Where the results go, where `[output]` says so.
    pub output: Option<ResultFile>,
    /// Its items come from the standard input, which can't be read a second time.
    pub reads_stdin: bool,
}

/// A file for results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultFile {
    /// Where.
    pub path: PathBuf,
    /// How they are written, by the path's extension.
    pub format: Format,
}

impl Job {
    /// What turns this job's payloads and values into text.
    ///
    /// # Errors
    /// The kind doesn't understand its own setup.
    pub fn presenter(&self) -> Result<Box<dyn Presenter>, BadValue> {
        self.kind.presenter(&self.plan.setup)
    }
}

/// Reads a job file and plans the job. Nothing is run, nothing is written.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub fn load(source: &JobSource, kinds: Kinds) -> Result<Job, SpecErrors> {
    load_text(source, file::read(&source.path)?, kinds)
}

/// Plans the job of a job file whose text is this, whatever the file says by now.
///
/// # Errors
/// As for [`load`].
pub fn load_text(source: &JobSource, text: String, kinds: Kinds) -> Result<Job, SpecErrors> {
    let name = source.path.display().to_string();
    let base = source.path.parent().unwrap_or(Path::new(""));
    let mut spec = JobSpec::parse_any(&name, &text, base, &source.overrides)?;
    let mut errors = SpecErrors::default();
    let run = RunSettings::read(&mut spec.run, &mut errors);
    let output = read_output(&mut spec).map_err(|error| errors.push(error)).ok().flatten();
    match plan(&mut spec, source, kinds, &mut errors) {
        Some((kind, plan)) if errors.0.is_empty() => {
            let reads_stdin = source.plan.items == Some(ItemsFrom::Stdin);
            let (path, name) = (source.path.clone(), spec.name);
            Ok(Job { path, text, name, kind, plan, run, output, reads_stdin })
        }
        _ => {
            errors.0.retain(|error| !spec.is_idle(error));
            Err(in_order(errors))
        }
    }
}

fn plan(
    spec: &mut JobSpec,
    source: &JobSource,
    kinds: Kinds,
    errors: &mut SpecErrors,
) -> Option<(&'static dyn Kind, Plan)> {
    let kind = match kind_of(spec, kinds) {
        Ok(kind) => kind,
        Err(error) => {
            errors.0.extend(error);
            // Nobody knows what the tables of the kind may hold.
            let kinds_own = |error: &SpecError| {
                [Section::Input, Section::Params, Section::Output].into_iter().any(|section| {
                    error.key.strip_prefix(section_name(section)).is_some_and(|rest| rest.starts_with('.'))
                })
            };
            errors.0.extend(spec.unknown_keys().0.into_iter().filter(|error| !kinds_own(error)));
            return None;
        }
    };
    if source.plan.items.is_some() && kind.lines().is_none() {
        errors.push(no_lines(kind, kinds));
        return None;
    }
    let plan = kind.plan(spec, &source.plan);
    add_unknown_keys(spec, kind, plan.is_ok(), errors);
    plan.map_err(|found| errors.0.extend(found.0)).ok().map(|plan| (kind, plan))
}

/// Not every input is a list of lines.
fn no_lines(kind: &dyn Kind, kinds: Kinds) -> SpecError {
    let able: Vec<_> = kinds.iter().filter(|kind| kind.lines().is_some()).map(|kind| kind.name()).collect();
    SpecError {
        file: "--input".into(),
        place: None,
        key: String::new(),
        message: format!(
            "the items of a {} job don't come one a line; say in the job file where they are",
            kind.name()
        ),
        hint: Some(format!("kinds whose items do: {}", able.join(", "))),
    }
}

/// The job's kind; or what is wrong with it, where the file itself doesn't tell.
fn kind_of(spec: &JobSpec, kinds: Kinds) -> Result<&'static dyn Kind, Option<SpecError>> {
    let name = spec.kind.text().ok().filter(|_| spec.has_kind()).ok_or(None)?;
    find_kind(name, kinds).map_err(|hint| {
        let error = spec.kind.error(format!("{} is not a known kind", spec.kind.describe()));
        Some(SpecError { hint: Some(hint), ..error })
    })
}

fn read_output(spec: &mut JobSpec) -> Result<Option<ResultFile>, SpecError> {
    let Some(item) = spec.output.take("path") else {
        return Ok(None);
    };
    let path = spec.resolve(item.text()?);
    match Format::of_path(&path) {
        Some(format) => Ok(Some(ResultFile { path, format })),
        None => Err(item.error(format!("{} ends in neither .jsonl nor .csv", item.describe()))),
    }
}

/// A kind that stopped at an error hasn't asked for all its keys: those that it declares are no strangers.
fn add_unknown_keys(spec: &JobSpec, kind: &dyn Kind, planned: bool, errors: &mut SpecErrors) {
    let declared =
        |error: &SpecError| kind.keys().iter().any(|key| first_key(key.section, key.name) == error.key);
    for error in spec.unknown_keys().0 {
        if planned || !declared(&error) {
            errors.push(error);
        }
    }
}

/// The path of a declared key's outermost part: `params.step` for the key `step.op` of `[params]`.
fn first_key(section: Section, name: &str) -> String {
    format!("{}.{}", section_name(section), name.split('.').next().unwrap_or(name))
}

/// By place, each once; those without a place (overrides, the file as a whole) last.
fn in_order(mut errors: SpecErrors) -> SpecErrors {
    errors.0.sort_by_key(|error| (error.place.is_none(), error.place));
    errors.0.dedup();
    errors
}
