//! `coordinator run JOB`.

use std::io::Write;

use super::args::RunArgs;
use super::exit::Exit;
use super::logging::Verbosity;
use super::request::RunRequest;
use super::stored::keep_new;
use super::{describe, execute, incremental};
use crate::job::Kinds;

/// Runs a job, or says what that would do.
///
/// # Errors
/// The job can't be run, or not to its end.
pub(super) fn run(
    args: &RunArgs,
    verbosity: Verbosity,
    kinds: Kinds,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    if args.keep.incremental && !args.dry_run {
        return incremental::run(args, verbosity, kinds);
    }
    let mut request = RunRequest::prepare(args, verbosity, kinds)?;
    if args.dry_run {
        return describe::describe(request, out);
    }
    let keep = keep_new(&args.keep, &mut request.job, &args.job.source().overrides)?;
    execute::execute_kept(request, keep)
}
