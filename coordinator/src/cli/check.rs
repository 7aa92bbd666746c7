//! `coordinator check JOB`: what is wrong with a job, or what it would do.

use std::io::Write;

use super::args::{CheckArgs, RunArgs};
use super::describe;
use super::exit::Exit;
use super::logging::Verbosity;
use super::request::RunRequest;
use super::text::write_out;
use crate::job::{Kinds, schema};

/// Says what a job would do.
///
/// # Errors
/// It could not be run.
pub(super) fn check(
    args: CheckArgs,
    verbosity: Verbosity,
    kinds: Kinds,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let Some(job) = args.job.filter(|_| !args.schema) else {
        write_out(out, &format!("{:#}\n", schema(kinds)))?;
        return Ok(Exit::Ok);
    };
    describe::describe(RunRequest::prepare(&RunArgs::check(job), verbosity, kinds)?, out)
}
