//! Ids are types: a task id never passes for a worker's number.
//!
//! ```
//! use ids::TaskId;
//!
//! let order: Vec<TaskId> = [2, 0, 1].map(TaskId).into();
//! assert_eq!(order.iter().min(), Some(&TaskId(0)));
//! ```

#![no_std]

extern crate alloc;

mod blocks;
mod run;
mod task_id;

pub use blocks::{BLOCK, Blocks, parts};
pub use run::TaskRun;
pub use task_id::TaskId;
