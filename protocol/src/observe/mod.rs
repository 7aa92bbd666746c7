//! Observing a run from another process: what a run tells whoever connects to its socket, and the observer's side.
//!
//! The run speaks and the observer listens: nothing is ever read from an observer. What it is told is bounded. Counts
//! come a few times a second while they change, events (a worker's start or death, a task's failure) as they happen,
//! and none for a task that went well. An observer that reads too slowly loses the oldest events and is told how
//! many; the run does not wait for it.
//!
//! ```no_run
//! use protocol::observe::{Observation, Observer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut observer = Observer::connect("run.sock")?;
//! println!("{}: {} workers", observer.run().job, observer.run().workers);
//! for observation in &mut observer {
//!     match observation? {
//!         Observation::Failed { task, message, .. } => println!("task {task}: {message}"),
//!         Observation::End(end) => println!("{} ok, {} failed", end.ok, end.failed),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What goes over the wire is written down in docs/protocol.md of the workspace, "Observing a run".

mod error;
#[cfg(test)]
mod golden;
mod greeting;
mod listener;
mod message;
mod observer;
mod socket;

pub use error::{ListenError, ObserveError};
pub use greeting::Greeting;
pub use listener::Listener;
pub use message::{Ending, Observation, RunInfo, Snapshot, WorkerEnding, WorkerState, WorkerView};
pub use observer::Observer;

/// The version of everything that follows the beginning of the greeting. An observer of another version goes.
///
/// ```
/// println!("observes runs of version {}", protocol::observe::OBSERVE_VERSION);
/// ```
pub const OBSERVE_VERSION: u32 = 1;

/// How many workers a [`Snapshot`] or an [`Ending`] lists at most; the counts are of all of them.
///
/// ```
/// # fn example(snapshot: &protocol::observe::Snapshot, workers: usize) {
/// assert!(snapshot.workers.len() <= protocol::observe::MAX_LISTED);
/// println!("{} more", workers - snapshot.workers.len());
/// # }
/// ```
pub const MAX_LISTED: usize = 1024;

/// The longest text in an observation, in bytes. A run cuts what is longer.
///
/// ```
/// use protocol::observe::{MAX_WORDS, cut};
///
/// assert!(cut(&"ä".repeat(MAX_WORDS)).len() <= MAX_WORDS);
/// ```
pub const MAX_WORDS: usize = 1024;

/// As much of a text as an observation takes.
///
/// ```
/// assert_eq!(protocol::observe::cut("short"), "short");
/// assert_eq!(protocol::observe::cut(&"x".repeat(5000)).len(), protocol::observe::MAX_WORDS);
/// ```
pub fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_WORDS)).unwrap_or_default()
}
