//! `coordinator runs list`.

use std::io::Write;

use super::told::{table, to_json};
use crate::cli::args::ListArgs;
use crate::cli::exit::Exit;
use crate::cli::text::write_out;
use crate::output::json_for_screen;
use crate::store::Store;

/// Lists the runs, newest first.
pub(super) fn list(args: &ListArgs, store: &Store, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let runs = store.runs(args.limit)?;
    let text = if args.json {
        runs.iter().map(|run| json_for_screen(format!("{}\n", to_json(run)))).collect()
    } else {
        table(&runs)
    };
    write_out(out, &text)?;
    Ok(Exit::Ok)
}
