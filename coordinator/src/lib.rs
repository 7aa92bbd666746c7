//! The pool and the command.

pub mod cli;
pub mod job;
pub mod outcome;
pub mod output;
pub mod pool;
pub mod queue;
pub mod run;
pub mod show;
pub mod signals;
pub mod store;
pub mod summary;
pub mod supervisor;
#[cfg(test)]
mod testing;
pub mod timeline;
