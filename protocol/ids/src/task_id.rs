//! A task's id.

use core::fmt;

/// A task's position in its job's input order, from 0.
///
/// ```
/// let first = ids::TaskId(0);
/// assert!(first < ids::TaskId(1));
/// assert_eq!(first.to_string(), "0");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[cfg_attr(feature = "wire", derive(bincode::Encode, bincode::Decode))]
pub struct TaskId(pub u64);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
