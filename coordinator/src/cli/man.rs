//! `coordinator man`: the manual pages, made from the same words as `--help`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::exit::Exit;
use super::{Cli, write_out};

pub(super) const EXAMPLES: &str = "\
Examples:
  coordinator man > coordinator.1            the page of the command itself
  coordinator man --dir ~/.local/share/man/man1    a page for each subcommand, too

Exit codes:
    0  the pages are written
    3  they can't be written";

/// The flags of `man`.
#[derive(Debug, Clone, Args)]
pub(super) struct ManArgs {
    /// Write a page for the command and for each subcommand to this folder, which is made if need be
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints or writes the pages.
///
/// # Errors
/// They can't be written.
pub(super) fn man(args: &ManArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    if let Some(dir) = &args.dir {
        let cant = || format!("{}: the pages can't be written", dir.display());
        std::fs::create_dir_all(dir).with_context(cant)?;
        clap_mangen::generate_to(Cli::command(), dir).with_context(cant)?;
        return Ok(Exit::Ok);
    }
    let mut page = Vec::new();
    Man::new(Cli::command()).render(&mut page)?;
    write_out(out, &String::from_utf8_lossy(&page))?;
    Ok(Exit::Ok)
}
