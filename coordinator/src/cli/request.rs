//! A request to run a job: everything is read, checked and typed; nothing is started or written yet.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use jobs::Presenter;

use super::args::{OutputArgs, RunArgs, ShowArgs};
use super::exit::{Exit, UsageError};
use super::logging::{Verbosity, stderr_has_colour, stdout_has_colour};
use crate::job::{self, Job, Kinds, ResultFile, RunSettings};
use crate::output::{
    Existing, FailureTally, FileSettings, Format, OutputError, ResultSettings, ScreenSettings, SummaryText,
    check_target, is_device, write_summary_json,
};
use crate::pool::{Order, PoolOptions};
use crate::show::ProgressMode;
use crate::summary::Summary;

/// What `run` was asked for.
pub struct RunRequest {
    /// The job and its tasks.
    pub job: Job,
    /// What turns its payloads and values into text.
    pub presenter: Box<dyn Presenter>,
    /// How the pool works: flags, then the job file, then defaults.
    pub pool: PoolOptions,
    /// The order in which results leave.
    pub order: Order,
    /// The job's priority; higher goes first.
    pub priority: i32,
    /// Where results go.
    pub results: ResultSettings,
    /// Where the summary goes.
    pub report: ReportSettings,
    /// What is shown while it runs.
    pub progress: ProgressMode,
    /// Where a timeline of it goes.
    pub trace: Option<PathBuf>,
    /// Where a page about it goes.
    pub html: Option<PathBuf>,
    /// At which socket it can be observed.
    pub observe: Option<PathBuf>,
    /// How much is told.
    pub verbosity: Verbosity,
}

/// Where the summary goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSettings {
    /// As text to the standard error.
    pub text: bool,
    /// With colours there.
    pub colour: bool,
    /// The width of the screen, where it goes to one.
    pub width: Option<usize>,
    /// As JSON to a file, which is replaced.
    pub json: Option<PathBuf>,
}

impl ReportSettings {
    /// Tells how a run ended; `result` is the combined result in a line, for kinds that have one. Returns
    /// how the command ends if nothing but tasks went wrong.
    ///
    /// # Errors
    /// The JSON can't be written.
    pub fn write(
        &self,
        summary: &Summary,
        failures: &FailureTally,
        result: Option<&str>,
    ) -> Result<Exit, OutputError> {
        if self.text {
            let text = SummaryText { summary, failures, result, colour: self.colour, width: self.width };
            // In one piece: the standard error has no buffer. Nobody listens on a closed one, and that is no
            // reason to fail.
            let _ = std::io::stderr().write_all(text.to_string().as_bytes());
        }
        if let Some(path) = &self.json {
            write_summary_json(summary, path)?;
        }
        Ok(if summary.tasks.failed > 0 { Exit::TasksFailed } else { Exit::Ok })
    }
}

impl RunRequest {
    /// Reads and plans the job, and puts flags, job file and defaults together.
    ///
    /// # Errors
    /// What is wrong with the command line or the job file, or with a place where something is to be written.
    pub(super) fn prepare(args: &RunArgs, verbosity: Verbosity, kinds: Kinds) -> anyhow::Result<Self> {
        let job = job::load(&args.job.source(), kinds)?;
        Self::assemble(args, job, RunSettings::default(), verbosity)
    }

    /// Puts what `over` says, flags, job file and defaults together.
    ///
    /// # Errors
    /// What is wrong with the command line, or with a place where something is to be written.
    pub(super) fn assemble(
        args: &RunArgs,
        mut job: Job,
        over: RunSettings,
        verbosity: Verbosity,
    ) -> anyhow::Result<Self> {
        let run = over.or(args.settings()).or(std::mem::take(&mut job.run));
        let pool = run.pool_options(job.kind);
        let results = result_settings(&args.output, job.output.as_ref(), args.job.force, verbosity)?;
        let order = run.result_order();
        if results.reproducible && order == Order::Completion {
            let message = "--reproducible promises the same bytes every time, and results as they come can't \
                           keep that; add --order input";
            return Err(UsageError(message.into()).into());
        }
        results.check()?;
        let sides = [
            ("--summary-json", &args.output.summary_json),
            ("--trace", &args.show.trace),
            ("--report", &args.show.report),
        ];
        check_side_files(&sides, &job.path, results.file.as_ref())?;
        check_socket(args.show.observe.as_deref(), &sides, results.file.as_ref())?;
        let report = ReportSettings {
            text: verbosity > Verbosity::Quiet,
            colour: stderr_has_colour(),
            width: crate::show::width(),
            json: args.output.summary_json.clone(),
        };
        let priority = run.priority.unwrap_or(0);
        let presenter = job.presenter()?;
        job.run = run;
        let progress = args.show.progress();
        let ShowArgs { trace, report: html, observe, .. } = args.show.clone();
        Ok(Self {
            job,
            presenter,
            pool,
            order,
            priority,
            results,
            report,
            progress,
            trace,
            html,
            observe,
            verbosity,
        })
    }
}

/// The file is the flag's or the job file's; the screen has results where there is no file, or on request.
fn result_settings(
    args: &OutputArgs,
    job: Option<&ResultFile>,
    force: bool,
    verbosity: Verbosity,
) -> Result<ResultSettings, UsageError> {
    let file = match args.output.as_deref() {
        None => job.cloned(),
        Some(path) if path == Path::new("-") => None,
        Some(path) => match Format::of_path(path) {
            Some(format) => Some(ResultFile { path: path.to_owned(), format }),
            None => {
                let path = path.display();
                return Err(UsageError(format!("--output {path}: it ends in neither .jsonl nor .csv")));
            }
        },
    };
    let format = match (args.format, &file) {
        (None, Some(_)) => None,
        (format, _) => Some(format.unwrap_or(Format::Text)),
    };
    let screen = format.map(|format| ScreenSettings {
        format,
        worker: verbosity >= Verbosity::Verbose,
        colour: format == Format::Text && stdout_has_colour(),
    });
    let existing = if force { Existing::Replace } else { Existing::Refuse };
    let file = file.map(|ResultFile { path, format }| FileSettings { path, format, existing });
    Ok(ResultSettings { screen, file, reproducible: args.reproducible })
}

/// What is written beside the results replaces what is there, so it must not be what the run reads or writes.
fn check_side_files(
    sides: &[(&'static str, &Option<PathBuf>)],
    job: &Path,
    results: Option<&FileSettings>,
) -> anyhow::Result<()> {
    let mut taken = vec![("job file", job)];
    taken.extend(results.map(|results| ("file for the results", results.path.as_path())));
    for (flag, path) in sides.iter().filter_map(|(flag, path)| Some((*flag, path.as_deref()?))) {
        if !is_device(path) {
            check_target(path, Existing::Replace)?;
        }
        if let Some((what, _)) = taken.iter().find(|(_, other)| same_place(path, other)) {
            return Err(UsageError(format!("{flag} {}: that is the {what}", path.display())).into());
        }
        taken.push((flag, path));
    }
    Ok(())
}

/// What is written at the end of a run would replace its socket.
fn check_socket(
    socket: Option<&Path>,
    sides: &[(&'static str, &Option<PathBuf>)],
    results: Option<&FileSettings>,
) -> Result<(), UsageError> {
    let Some(socket) = socket else { return Ok(()) };
    let sides = sides.iter().filter_map(|(flag, path)| Some((*flag, path.as_deref()?)));
    let results = results.map(|results| ("file for the results", results.path.as_path()));
    match sides.chain(results).find(|(_, path)| same_place(socket, path)) {
        Some((what, _)) => Err(UsageError(format!("--observe {}: that is the {what}", socket.display()))),
        None => Ok(()),
    }
}

/// True where both paths name one file, be it there or not.
pub(super) fn same_place(one: &Path, other: &Path) -> bool {
    let absolute = |path: &Path| fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    matches!((absolute(one), absolute(other)), (Ok(one), Ok(other)) if one == other)
}
