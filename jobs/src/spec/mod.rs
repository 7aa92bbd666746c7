//! A job file, read once at the edge: every value keeps its place, so that an error can say where it is.
//!
//! `JobSpec` hands out the tables of a parsed file; a kind *takes* its keys from them, and what nobody took
//! in the end is an unknown key.
//!
//! ```
//! let text = "kind = \"primes\"\n[input]\nnumbers = [2, \"12x\"]\n";
//! let mut job = jobs::spec::JobSpec::parse("primes.toml", text, std::path::Path::new("."), &[])?;
//! let numbers = job.input.take("numbers").ok_or("nothing to do")?;
//! let bad: Vec<String> =
//!     numbers.into_list()?.filter_map(|item| item.integer().err()).map(|error| error.to_string()).collect();
//! assert_eq!(bad, [r#"primes.toml:3:15: `input.numbers[1]`: "12x" is not an integer"#]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod job;
mod overrides;
mod read;
#[cfg(test)]
mod tests;
mod value;

pub use error::{SpecError, SpecErrors};
pub use job::JobSpec;
pub use read::{Item, Table};
