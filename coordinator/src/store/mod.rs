//! Runs that survive: what a run has done is in a SQLite file, and a run whose coordinator died goes on
//! from there.
//!
//! - An outcome counts when it is committed; each task has at most one, and the first one stays.
//! - After a `kill -9` at any instant, everything that was announced as committed is there.
//! - A run has one writer at a time: a lock that its death releases, and a token in the run's row.
//! - Nothing in the file is believed: a damaged or foreign file gives an error that says what to do, never a
//!   panic and never a wrong result.
//!
//! | table | one row for each |
//! |---|---|
//! | `runs` | run: id, state, times, counts, who is at work on it |
//! | `details` | run: job text, options, setup, summary |
//! | `inputs` | file that a run reads: size, time, hash |
//! | `blocks` | up to 65,536 good outcomes, packed (see `pack`) |
//! | `failures` | dead letter, with its payload |
//! | `attempts` | failed attempt of a dead letter |
//! | `outputs` | task that writes files: how they looked |
//! | `events` | start, resumption, end, worker's death |
//!
//! `docs/store.md` describes the columns, for anyone with `sqlite3`.

mod carry;
mod catalog;
mod claim;
mod commit;
mod error;
mod export;
mod failures;
mod fingerprint;
mod handle;
mod input;
mod lock;
mod open;
mod outcomes;
mod own_lock;
mod pack;
mod path;
mod prune;
mod run;
mod run_id;
mod schema;
mod seen;
mod task_set;
mod writer;

pub use carry::Carried;
pub use commit::RunEnd;
pub use error::StoreError;
pub use export::{ExportError, Shown};
pub use failures::DeadLetter;
pub use fingerprint::{Change, Fingerprint};
pub use handle::Store;
pub use input::{HASHED_BYTES, InputFile, PayloadHash, Reader};
pub use open::default_path;
pub use outcomes::Outcomes;
pub(crate) use path::{path_text, text_path};
pub use prune::{Prune, Pruned};
pub use run::{ClaimedRun, Event, NewRun, Purpose, RunDetails, RunInfo, RunState};
pub use run_id::RunId;
pub use seen::Seen;
pub use task_set::{Inserter, TaskSet};
pub use writer::{Ended, Notes, Writer, WriterOptions};

#[cfg(test)]
mod tests;
