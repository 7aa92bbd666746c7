//! What a run needs of the clock before it has a store.

use std::time::SystemTime;

use crate::store::{RunId, WriterOptions};

/// The time, for the store's rows.
pub fn now() -> SystemTime {
    (WriterOptions::default().clock)()
}

/// An id for a run that is not stored.
pub fn unstored_id() -> RunId {
    RunId::generate(now(), std::process::id().into())
}
