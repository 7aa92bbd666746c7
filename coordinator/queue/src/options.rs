//! What a queue may be told by its users.

use core::num::NonZeroU32;

/// How many tasks are sent to a worker in one message.
///
/// ```
/// use std::num::NonZeroU32;
///
/// let one_by_one = queue::BatchSize::Fixed(NonZeroU32::MIN);
/// assert_ne!(one_by_one, queue::BatchSize::Auto);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchSize {
    /// A few milliseconds of work, measured as the run goes.
    Auto,
    /// Always this many, where there are as many.
    Fixed(NonZeroU32),
}
