//! A job file, read once at the edge: every value keeps its place, so that an error can say where it is.
//!
//! `JobSpec` hands out the tables of a parsed file; a kind *takes* its keys from them, and what nobody took
//! in the end is an unknown key.

mod error;
mod overrides;
mod read;
#[cfg(test)]
mod tests;
mod value;

pub use error::{SpecError, SpecErrors};
pub use read::{Item, JobSpec, Table};
