//! `coordinator runs`: what is stored.

mod export;
mod list;
mod prune;
mod show;
mod told;

use std::io::Write;

use super::args::{RunsArgs, RunsCommand};
use super::exit::Exit;
use super::logging::Verbosity;
use crate::job::Kinds;

/// Looks into the store.
///
/// # Errors
/// The store can't be read, or there is no such run.
pub(super) fn runs(
    args: &RunsArgs,
    verbosity: Verbosity,
    kinds: Kinds,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let store = args.store.open_existing()?;
    match &args.command {
        RunsCommand::List(list) => list::list(list, &store, out),
        RunsCommand::Show(show) => show::show(show, &store, kinds, out),
        RunsCommand::Export(export) => export::export(export, &store, verbosity, kinds),
        RunsCommand::Prune(prune) => prune::prune(prune, store, out),
    }
}
