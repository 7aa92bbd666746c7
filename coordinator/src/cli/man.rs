//! `coordinator man`: the manual pages, made from the same words as `--help`.

use std::io::Write;

use anyhow::Context as _;
use clap::CommandFactory;
use clap_mangen::Man;

use super::args::{Cli, ManArgs};
use super::exit::Exit;
use super::text::write_out;

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
