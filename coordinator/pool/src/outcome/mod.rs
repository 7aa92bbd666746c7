//! How tasks failed: why, and after which attempts.
//!
//! ```
//! use unhurt::outcome::{AttemptRecord, Failure};
//!
//! fn show(failure: &Failure) {
//!     println!("{}: {}", failure.reason.name(), failure.message);
//!     for AttemptRecord { attempt, worker, reason, micros, .. } in &failure.history {
//!         println!("  attempt {attempt} on worker-{worker}: {reason:?} after {micros} µs");
//!     }
//! }
//! ```

mod batch;
mod failure;
mod shared;

pub(crate) use batch::Meta;
#[doc(hidden)]
pub use batch::OutcomeBatch;
#[doc(hidden)]
pub use failure::Outcome;
pub use failure::{AttemptRecord, Failure};
pub(crate) use protocol::{Lengths, Strings};
pub use queue::Reason;
#[doc(hidden)]
pub use shared::SharedBatch;
