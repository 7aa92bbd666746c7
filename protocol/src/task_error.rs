//! A task's failure, as its handler reports it.

/// Why an attempt failed, in a sentence for people.
///
/// ```
/// use protocol::{TaskError, TaskErrorKind};
///
/// let error = TaskError::new("cat.jpg is no picture");
/// assert_eq!((error.kind, error.to_string().as_str()), (TaskErrorKind::Error, "cat.jpg is no picture"));
/// let error = TaskError::memory("cat.jpg would take 9 GB").for_good();
/// assert_eq!((error.kind, error.for_good), (TaskErrorKind::Memory, true));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TaskError {
    /// The sort of failure.
    pub kind: TaskErrorKind,
    /// What happened, where, and what to do about it.
    pub message: String,
    /// True if every further attempt is certain to fail as this one did. The task then ends at once, whatever is
    /// tried again otherwise.
    pub for_good: bool,
}

/// The sort of failure that a handler can report.
///
/// ```
/// use protocol::{TaskError, TaskErrorKind};
///
/// let error = TaskError::memory("9 GB are too much");
/// match error.kind {
///     TaskErrorKind::Error => println!("bad input: {error}"),
///     TaskErrorKind::Memory => println!("a task for a larger machine: {error}"),
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskErrorKind {
    /// The task can't be done: bad input, a file that is not there.
    Error,
    /// It would need more memory than it may have.
    Memory,
}

impl TaskError {
    /// A plain failure.
    pub fn new(message: impl Into<String>) -> Self {
        Self { kind: TaskErrorKind::Error, message: message.into(), for_good: false }
    }

    /// A failure for want of memory.
    pub fn memory(message: impl Into<String>) -> Self {
        Self { kind: TaskErrorKind::Memory, message: message.into(), for_good: false }
    }

    /// The same failure, certain to come again: the task is not tried once more.
    ///
    /// ```
    /// use protocol::TaskError;
    ///
    /// assert!(TaskError::new("there is no cat.jpg").for_good().for_good);
    /// ```
    #[must_use]
    pub fn for_good(self) -> Self {
        Self { for_good: true, ..self }
    }
}
