//! `coordinator kinds`: what kinds of work there are, and what their job files look like.

use std::fmt::Write as _;
use std::io::Write;

use jobs::{Key, Kind, Section};

use super::args::KindsArgs;
use super::exit::{Exit, UsageError};
use super::text::write_out;
use crate::job::{Kinds, find_kind, section_name};

/// Lists the kinds, or tells about one.
///
/// # Errors
/// There is no such kind, or the output can't be written.
pub(super) fn kinds(args: &KindsArgs, kinds: Kinds, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let text = match &args.name {
        None => list(kinds, args.all),
        Some(name) => {
            let kind = find_kind(name, kinds)
                .map_err(|hint| UsageError(format!("{name:?} is not a known kind\n  {hint}")))?;
            if args.example { kind.example().to_owned() } else { describe(kind) }
        }
    };
    write_out(out, &text)?;
    Ok(Exit::Ok)
}

fn list(kinds: Kinds, all: bool) -> String {
    let shown: Vec<_> = kinds.iter().filter(|kind| all || !kind.hidden()).collect();
    let width = shown.iter().map(|kind| kind.name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for kind in shown {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{:<width$}  {}", kind.name(), kind.about());
    }
    text.push_str(
        "\n`coordinator kinds NAME` tells the keys of one, `coordinator kinds NAME --example` prints a job file that \
         runs.\n",
    );
    text
}

fn describe(kind: &dyn Kind) -> String {
    let mut text = format!("{}: {}\n\nKeys:\n", kind.name(), kind.about());
    for key in kind.keys() {
        push_key(key, kind.keys(), &mut text);
    }
    let _ = write!(text, "\nExample:\n\n{}", kind.example());
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// What is said of a key without a default: of an input one of several keys is there. A key of a step, and one that says
/// itself when it is required, is told there.
fn requirement(key: &Key, keys: &[Key]) -> String {
    let plain =
        |key: &&Key| key.default.is_none() && !key.name.contains('.') && !key.about.contains("required");
    if !plain(&key) {
        return String::new();
    }
    let sources: Vec<_> =
        keys.iter().filter(plain).filter(|other| other.section == key.section).map(|key| key.name).collect();
    match (key.section, sources.as_slice()) {
        (Section::Input, [_, _, ..]) => format!("; one of {} is required", sources.join(", ")),
        _ => "; required".to_owned(),
    }
}

fn push_key(key: &Key, keys: &[Key], text: &mut String) {
    let default = match key.default {
        Some(default) => format!("; default: {default}"),
        None => requirement(key, keys),
    };
    let _ = writeln!(text, "  {}.{} ({}{default})", section_name(key.section), key.name, key.kind);
    let _ = writeln!(text, "      {}; for example {}", key.about, key.example);
}
