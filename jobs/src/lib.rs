//! The kinds of work: how a job is split into tasks (*plan*), how one task is done (*run*), and how results
//! combine (*combine*).
//!
//! ```
//! use std::path::Path;
//!
//! use jobs::PlanOptions;
//! use jobs::spec::JobSpec;
//! use protocol::{Context, Payloads, Task, TaskId};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In the coordinator: a job file becomes tasks.
//! let text = "kind = \"primes\"\n[input]\nnumbers = [2, 36, 101]\n";
//! let mut job = JobSpec::parse("primes.toml", text, Path::new("."), &[])?;
//! let kind = jobs::find(job.kind.text()?).ok_or("no such kind")?;
//! let mut plan = kind.plan(&mut job, &PlanOptions::default())?;
//! job.unknown_keys().into_result()?;
//! let mut payloads = Payloads::new();
//! while plan.tasks.next(1000, &mut payloads)? {}
//!
//! // In each worker: tasks become values. In the coordinator again: values become lines.
//! let (mut handler, presenter) = (kind.handler(&plan.setup)?, kind.presenter(&plan.setup)?);
//! let context = Context { worker: "worker-1", link: None };
//! let mut lines = Vec::new();
//! for (id, payload) in (0..).map(TaskId).zip(payloads.iter()) {
//!     let (mut value, mut line) = (Vec::new(), String::new());
//!     handler.run(&Task { id, attempt: 1, payload, context }, &mut value)?;
//!     presenter.text(payload, &value, &mut line)?;
//!     lines.push(line);
//! }
//! assert_eq!(lines, ["2 is prime", "36 is not prime", "101 is prime"]);
//! # Ok(())
//! # }
//! ```
//!
//! A program has kinds of its own by implementing [`Kind`], or with a [`TextKind`] made from one function, and gives
//! them to `coordinator::cli::main_with`. Adding a kind to this crate touches one module, one line in [`registry`]
//! and one job file.

mod command;
mod faults;
// Open to its tests and benchmarks, and no part of the API.
#[doc(hidden)]
pub mod images;
mod kind;
mod lines;
mod pi;
mod primes;
mod reduce;
mod size;
mod sleep;
pub mod spec;
mod table;
#[cfg(test)]
mod testing;
mod text_kind;
// Shared with the command, and no part of the API.
#[doc(hidden)]
pub mod words;

pub use kind::{
    BadValue, Combine, ItemsFrom, Key, Kind, Outputs, Plan, PlanError, PlanOptions, Presenter, Section,
    Setup, Tasks,
};
pub use text_kind::{TextFunction, TextKind};

/// All the kinds, in the order in which `kinds` lists them.
///
/// ```
/// let names: Vec<&str> = jobs::registry().iter().map(|kind| kind.name()).collect();
/// assert!(names.contains(&"primes"));
/// ```
pub fn registry() -> &'static [&'static dyn Kind] {
    &[
        &primes::Primes,
        &reduce::Reduce,
        &images::Images,
        &command::Command,
        &pi::Pi,
        &sleep::Sleep,
        &faults::Faults,
    ]
}

/// The kind with this name.
///
/// ```
/// assert!(jobs::find("primes").is_some_and(|kind| kind.about().contains("prime")));
/// assert!(jobs::find("primed").is_none());
/// ```
pub fn find(name: &str) -> Option<&'static dyn Kind> {
    registry().iter().copied().find(|kind| kind.name() == name)
}
