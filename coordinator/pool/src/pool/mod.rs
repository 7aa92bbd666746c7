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
//! Behind it, an [`Engine`] takes tasks from a [`Source`], has them run, and hands their outcomes to a [`Sink`]: these
//! two are its seams, and an [`Observer`] hears how it goes. It returns when every task has its outcome, or when the run
//! was stopped or can't go on; whatever happens, no process of it is left then. [`LocalWorkers`] runs them in processes
//! of this machine: one thread drives queue, supervisor and links.

mod books;
mod clock;
mod config;
mod control;
mod death;
mod driver;
mod engine;
mod frames;
mod hall;
mod holdup;
mod large;
mod ledger;
mod lines;
mod local;
mod long;
mod observe;
mod options;
mod plan;
mod report;
mod results;
mod sink;
mod source;
mod tasks;
mod watch;
mod work;
mod workers;

#[cfg(test)]
mod sim;

#[doc(hidden)]
pub use control::{Control, Controlled, Request, Waker};
#[doc(hidden)]
pub use engine::{Engine, LocalWorkers, Seams};
#[doc(hidden)]
pub use holdup::Spent;
#[doc(hidden)]
pub use observe::{Done, DoneRun, Limit, Observer, Observers, PoolEvent, RunningTask};
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
#[doc(hidden)]
pub use work::Work;
