//! The pool as a library: typed tasks in, typed results out, worker processes between them.
//!
//! A [`Pool`] is a thread that drives an engine ([`pool::LocalWorkers`](crate::pool::LocalWorkers)) with a source fed by [`Pool::submit`] and
//! [`Pool::map`] and a sink that completes [`Handle`]s and feeds [`Map`]s. The workers are the same program, run
//! again: [`worker()`] at the top of `main` turns it into one.

#[cfg(feature = "async")]
mod asynchronous;
mod builder;
mod context;
mod encode;
mod engine;
mod error;
mod events;
mod function;
mod handle;
mod inbox;
mod map;
mod pool;
mod reorder;
mod routes;
mod serving;
mod stats;
mod stream;
mod ticket;
mod worker;

#[cfg(feature = "async")]
pub use asynchronous::Submit;
pub use builder::Builder;
pub use context::Context;
pub use error::Error;
pub use events::{Event, Events};
pub use function::Function;
pub use handle::Handle;
pub use map::{Map, MapUnordered};
pub use pool::Pool;
pub use serving::TaskType;
pub use stats::Stats;
pub use worker::{Worker, worker};
