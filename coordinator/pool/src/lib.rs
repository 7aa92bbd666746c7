//! A pool of worker processes: whatever a task does (crash, hang, eat memory, decode a hostile file), it harms
//! nothing but itself.
//!
//! ```standalone_crate
//! use unhurt::Pool;
//!
//! fn is_prime(n: u64) -> bool {
//!     n > 1 && (2..).take_while(|d| d * d <= n).all(|d| n % d != 0)
//! }
//!
//! fn main() -> Result<(), unhurt::Error> {
//!     unhurt::worker().function(is_prime).serve(); // a worker process stays in this line
//!     let pool = Pool::builder().workers(2).function(is_prime)?;
//!     let handle = pool.submit(9_999_999_u64)?;
//!     let primes = pool.map(0..100).filter(|prime| matches!(prime, Ok(true))).count();
//!     assert_eq!((handle.wait()?, primes), (false, 25));
//!     Ok(())
//! }
//! ```
//!
//! The workers are the same program, started again: [`worker()`], first thing in `main`, names what they can run.
//! Tasks are plain functions, or types with a state of their own ([`TaskType`]); inputs and results are anything
//! that `serde` knows. A [`Pool`] is set up by a [`Builder`] and used from any number of threads:
//! [`submit`](Pool::submit) gives [`Handle`]s that can be waited for and cancelled, [`map`](Pool::map) and
//! [`map_reduce`](Pool::map_reduce) take and return lazy iterators, and [`events`](Pool::events) tell what happens.
//! An [`Error`] answers what went wrong, with every attempt that was made.
//!
//! What is promised, in this order: every task ends in exactly one result; a worker's death costs at most one
//! attempt of the one task that it was running; memory stays bounded; when the pool goes, or this program is killed,
//! no process is left. A task may be run more than once where its worker died.

mod embed;
pub mod outcome;
pub mod pool;

// What the pool is made of. Open to the command, its tests and benchmarks, and no part of the API.
#[doc(hidden)]
pub mod observe;
#[doc(hidden)]
pub mod supervisor;
#[doc(hidden)]
pub use queue;

#[cfg(feature = "async")]
pub use embed::Submit;
pub use embed::{
    Builder, Context, Error, Event, Events, Function, Handle, Map, MapUnordered, Pool, Stats, TaskType,
    Worker, worker,
};
pub use protocol;
pub use protocol::{TaskError, TaskId};
