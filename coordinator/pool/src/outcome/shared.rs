//! A batch that several readers have, and whose memory goes home with the last of them.

use std::ops::Deref;
use std::sync::Arc;

use crossbeam_channel::Sender;

use super::OutcomeBatch;

/// A batch that is read by many and copied by nobody: the output and the store have the same one. When the last reader
/// drops it, its memory goes back to whoever fills the next one.
///
/// ```
/// use unhurt::outcome::{OutcomeBatch, SharedBatch};
///
/// let (home, returned) = crossbeam_channel::bounded(1);
/// let first = SharedBatch::lent(OutcomeBatch::new(), home);
/// let second = first.clone();
/// drop(first);
/// assert!(returned.try_recv().is_err());
/// drop(second);
/// assert!(returned.try_recv().is_ok());
/// ```
#[derive(Debug, Clone)]
pub struct SharedBatch(Arc<Lent>);

#[derive(Debug)]
struct Lent {
    batch: OutcomeBatch,
    // `None`: nobody wants its memory.
    home: Option<Sender<OutcomeBatch>>,
}

impl SharedBatch {
    /// Shares a batch; an empty one with its memory is sent home in the end, where there is room for it.
    pub fn lent(batch: OutcomeBatch, home: Sender<OutcomeBatch>) -> Self {
        Self(Arc::new(Lent { batch, home: Some(home) }))
    }
}

impl From<OutcomeBatch> for SharedBatch {
    fn from(batch: OutcomeBatch) -> Self {
        Self(Arc::new(Lent { batch, home: None }))
    }
}

impl Deref for SharedBatch {
    type Target = OutcomeBatch;

    fn deref(&self) -> &OutcomeBatch {
        &self.0.batch
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            let mut batch = std::mem::take(&mut self.batch);
            batch.clear();
            let _ = home.try_send(batch);
        }
    }
}
