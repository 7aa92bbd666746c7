//! Results on their way out: batches of outcomes in, bytes on the standard output and in files out.
//!
//! Lines are written in the order in which outcomes come. A batch is turned into text in one reused buffer
//! and leaves in one write.

mod atomic;
mod columns;
mod csv;
mod destination;
mod error;
mod escape;
mod fifo;
mod format;
mod held_back;
mod human;
mod jsonl;
mod results;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod writeback;

pub use atomic::{AtomicFile, Existing, check_target};
pub(crate) use columns::INPUT_LENGTH;
pub(crate) use destination::{Destination, is_device};
pub use error::OutputError;
pub(crate) use escape::{for_screen, json_for_screen, printable};
pub(crate) use fifo::{open_log, stop_waiting};
pub use format::Format;
pub(crate) use held_back::hint;
pub(crate) use human::{about, count, counted, rate, seconds};
pub use results::{FileSettings, ResultSettings, Results, ScreenSettings};
pub use summary::{FailureTally, SummaryText, write_summary_json};
