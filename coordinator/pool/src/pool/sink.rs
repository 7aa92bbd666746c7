//! Where outcomes go.

use crate::outcome::OutcomeBatch;

/// Takes outcomes off a pool's hands. Never blocks the pool's thread.
pub trait Sink {
    /// Takes a batch. A sink that was full must call the pool's [`Waker`](super::Waker) when it has room.
    fn offer(&mut self, batch: OutcomeBatch) -> Offer;
}

/// What a sink did with a batch.
#[derive(Debug)]
pub enum Offer {
    /// It took it; here is an empty one.
    Taken(OutcomeBatch),
    /// It has no room: here it is again.
    Full(OutcomeBatch),
    /// It wants no more: the reader has gone, or writing has failed. The sink's owner knows which.
    Closed,
}
