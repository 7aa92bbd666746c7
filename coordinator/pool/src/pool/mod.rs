//! What a pool can be told, and what it tells at its end.
//!
//! ```
//! use unhurt::Pool;
//! use unhurt::pool::{BatchSize, Order};
//!
//! let builder = Pool::builder().batch(BatchSize::Auto).order(Order::Completion);
//! # let _ = builder;
//! ```
//!
//! Behind it, one thread drives queue, supervisor and links: [`run`] takes tasks from a [`Source`], has them run by worker processes, and hands their outcomes to a
//! [`Sink`]: these two are its seams. It returns when every task has its outcome, or when the run was stopped
//! or can't go on; whatever happens, no process of it is left then.

mod act;
mod clock;
mod collect;
mod config;
mod control;
mod death;
mod driver;
mod feed;
mod frames;
mod holdup;
mod large;
mod ledger;
mod lines;
mod link;
mod long;
mod observe;
mod options;
mod pulse;
mod report;
mod sink;
mod source;
mod token;
mod wait;

use std::io;

#[doc(hidden)]
pub use control::{Control, Controlled, Request, Waker};
#[doc(hidden)]
pub use holdup::Spent;
#[doc(hidden)]
pub use observe::{Done, DoneRun, Limit, Observer, PoolEvent, RunningTask};
pub use options::{Guarded, Order};
#[doc(hidden)]
pub use options::{Limits, PoolOptions};
pub use queue::BatchSize;
#[doc(hidden)]
pub use report::cpu_seconds;
pub use report::{End, PoolReport, WorkerReport};
#[doc(hidden)]
pub use sink::{Offer, Sink};
#[doc(hidden)]
pub use source::{ARENA_BYTES, Incoming, InputError, Source, Supply};

/// What all workers of a run do.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The kind's name.
    pub kind: String,
    /// What the kind's plan says that every worker must know.
    pub setup: Vec<u8>,
}

/// Runs everything that `source` has, hands every outcome to `sink`, and tells `observer` (`&mut ()` where
/// nobody looks).
///
/// Call it from a thread that does nothing else: the workers are killed when it ends.
///
/// # Errors
/// The machine has no more files for the pool itself. What goes wrong with tasks, workers, source or sink
/// stands in the report.
#[doc(hidden)]
pub fn run(
    options: &PoolOptions,
    work: &Work,
    controlled: &Controlled,
    source: &mut dyn Source,
    sink: &mut dyn Sink,
    observer: &mut dyn Observer,
) -> io::Result<PoolReport> {
    driver::Driver::new(options, work, controlled, source, sink, observer)?.run()
}
