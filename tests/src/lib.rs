//! What the end-to-end tests share: the real command in a folder of its own, and a check that nothing of it
//! is left.
//!
//! Every [`Place`] is a fresh folder that is also the command's temporary directory, so that whatever a run
//! leaves behind, process or file, can be told to be its.

mod command;
mod figures;
mod gauge;
mod leaks;
mod random;
mod terminal;
mod tracer;

pub use command::{Finished, Place, Started, program, wait_until};
pub use figures::Figures;
pub use gauge::{Gauge, Peak};
pub use leaks::{processes_of, workers_of};
pub use random::{Random, number};
pub use terminal::Session;
pub use tracer::{Traced, Unborn, run_until_fork, run_until_write, run_with_worker_killed};
