//! Checks the public API of crates, as rustdoc's JSON tells it: that every item has an example, that the snapshot
//! in the tree is up to date, and that the version says so where something was taken away.
//!
//! `scripts/check_api.sh` runs it.

mod crate_doc;
mod examples;
mod snapshot;
mod surface;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::crate_doc::CrateDoc;
use crate::snapshot::{Difference, Snapshot};

const USAGE: &str = "usage: api check|update|release JSON_FOLDER SNAPSHOT_FOLDER CRATE...
  check    compares the crates with their snapshots, and looks for items without an example
  update   writes the snapshots anew, unless that breaks a promise
  release  the same, and from now on the promise is what the snapshots say";

/// The exit code where rustdoc writes another format than this program reads.
const EXIT_FORMAT: u8 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Check,
    Update,
    Release,
}

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("api: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<String>) -> anyhow::Result<ExitCode> {
    let [mode, json, snapshots, crates @ ..] = arguments.as_slice() else { bail!("{USAGE}") };
    let mode = match mode.as_str() {
        "check" => Mode::Check,
        "update" => Mode::Update,
        "release" => Mode::Release,
        _ => bail!("{USAGE}"),
    };
    let mut well = true;
    for name in crates {
        let file = Path::new(json).join(format!("{name}.json"));
        let Some(krate) = CrateDoc::read(&file)? else {
            eprintln!(
                "api: this rustdoc's JSON is of another format than the package `api` reads: update public-api"
            );
            return Ok(ExitCode::from(EXIT_FORMAT));
        };
        let snapshot = Path::new(snapshots).join(format!("{name}.txt"));
        well &= check(&krate, name, mode, snapshot)?;
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks one crate, says what is wrong, and returns whether nothing is.
fn check(krate: &CrateDoc, name: &str, mode: Mode, path: PathBuf) -> anyhow::Result<bool> {
    let lines = surface::lines(krate);
    let old = match std::fs::read_to_string(&path) {
        Ok(text) => Snapshot::parse(&text).with_context(|| format!("{} is no snapshot", path.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Snapshot::first(krate.version()?),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let difference = Difference::between(&old, &lines);
    print!("{difference}");
    let mut well = true;
    if !difference.removed.is_empty() && !old.may_break(krate.version()?) {
        eprintln!(
            "{name}: items were removed or changed since {}, which needs version {} at least (Cargo.toml)",
            old.released,
            old.released.next_incompatible()
        );
        well = false;
    }
    let new = old.followed_by(krate.version()?, lines, mode == Mode::Release);
    match mode {
        Mode::Check if old != new => {
            eprintln!(
                "{name}: the public API is not that of {}: scripts/check_api.sh update",
                path.display()
            );
            well = false;
        }
        Mode::Update | Mode::Release if well => std::fs::write(&path, new.to_string())?,
        _ => {}
    }
    for item in examples::missing(krate) {
        eprintln!("{name}: no example of {item}");
        well = false;
    }
    Ok(well)
}
