//! The only place that makes, signals and reaps processes.
//!
//! A [`Process`] is a worker's process and whatever that has started: it lives in a process group of its own, its
//! descendants are found wherever they have gone (`tree`, `strays`, `marks`), it is watched through a pidfd (never
//! by a remembered number), and is killed and reaped when its handle is dropped. Make processes from a thread that lives as long as they do: they ask the kernel to be killed when
//! the thread that made them ends.

mod exit;
mod guard;
mod marks;
mod process;
mod scarcity;
mod strays;
mod tree;

pub use exit::{Exit, describe_signal};
pub(crate) use guard::guard_if_told;
pub use guard::{Guard, main_if_guard};
pub use process::{Process, Program};
pub use scarcity::{advice, with_advice};
pub use strays::adopt_orphans;
