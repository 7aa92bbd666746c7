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
mod limits;
mod listener;
mod message;
mod observer;
mod socket;

pub use error::{ListenError, ObserveError};
pub use greeting::Greeting;
pub use limits::{MAX_LISTED, MAX_WORDS, OBSERVE_VERSION, cut};
pub use listener::Listener;
pub use message::{Ending, Observation, RunInfo, Snapshot, WorkerEnding, WorkerState, WorkerView};
pub use observer::Observer;
