//! The arguments of `coordinator man`.

use std::path::PathBuf;

use clap::Args;

pub(crate) const EXAMPLES: &str = "\
Examples:
  coordinator man > coordinator.1            the page of the command itself
  coordinator man --dir ~/.local/share/man/man1    a page for each subcommand, too

Exit codes:
    0  the pages are written
    3  they can't be written";

/// The flags of `man`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ManArgs {
    /// Write a page for the command and for each subcommand to this folder, which is made if need be
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
