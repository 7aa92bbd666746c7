//! The kinds that a program knows, by name, and the names of the tables that they read.

use jobs::words::nearest;
use jobs::{Kind, Section};

/// The kinds that a program knows.
pub type Kinds = &'static [&'static dyn Kind];

/// The kind with this name.
///
/// # Errors
/// There is none; the hint says which there are, or which one was probably meant.
pub fn find_kind(name: &str, kinds: Kinds) -> Result<&'static dyn Kind, String> {
    if let Some(kind) = kinds.iter().find(|kind| kind.name() == name) {
        return Ok(*kind);
    }
    let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    if let Some(near) = nearest(name, names) {
        return Err(format!("did you mean `{near}`?"));
    }
    let listed: Vec<_> = kinds.iter().filter(|kind| !kind.hidden()).map(|kind| kind.name()).collect();
    Err(format!("known: {}", listed.join(", ")))
}

/// The name of a table of the job file.
pub(crate) fn section_name(section: Section) -> &'static str {
    match section {
        Section::Input => "input",
        Section::Params => "params",
        Section::Output => "output",
    }
}
