//! `coordinator completions SHELL`: a script for the shell's own completion.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::generate;

use super::args::{Cli, CompletionsArgs};
use super::exit::Exit;
use super::text::write_out;

/// Prints the script.
///
/// # Errors
/// It can't be written.
pub(super) fn completions(args: &CompletionsArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "coordinator", &mut script);
    write_out(out, &String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
