//! A run as one HTML page: no scripts, no network, readable on a phone, light and dark.
//!
//! Everything that came from a job, a task or a worker is hostile until it is escaped; `escape::text` is the
//! one door, and a policy in the page itself forbids scripts and anything from elsewhere.

mod charts;
mod content;
mod escape;
mod page;
mod sections;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use self::content::{FAILURES, Letter, Report};
pub use self::page::html;
use crate::output::{Destination, Existing, OutputError};

/// Writes a report to a file, whole or not at all; an earlier one is replaced.
///
/// # Errors
/// The file can't be written.
pub fn write(report: &Report, path: &Path) -> Result<(), OutputError> {
    let mut file = Destination::open(path, Existing::Replace)?;
    file.write(html(report).as_bytes())?;
    file.finish()
}
