//! The same pool for `async` code: futures of the standard library, tied to no runtime.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Error, Handle, Pool};

/// A handle is a future of its task's result.
impl<O: DeserializeOwned + 'static> Future for Handle<O> {
    type Output = Result<O, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_result(context.waker())
    }
}

/// A submission that waits for room without holding up a thread. See [`Pool::submit_async`].
///
/// ```
/// # async fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
/// let submit: unhurt::Submit<u64, u64> = pool.submit_async(7);
/// let handle = submit.await?; // when there is room
/// println!("{}", handle.await?); // when it is done
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is submitted until it is awaited"]
pub struct Submit<I, O> {
    pool: Pool<I, O>,
    input: I,
}

// Nothing in it is ever pinned.
impl<I, O> Unpin for Submit<I, O> {}

impl<I: Serialize + 'static, O: DeserializeOwned + 'static> Future for Submit<I, O> {
    type Output = Result<Handle<O>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.pool.put(&self.input, false) {
            Err(error) if error.is_full() => {
                // Room that came in the meantime wakes at once.
                self.pool.engine.shared.wake_on_change(context.waker());
                Poll::Pending
            }
            submitted => Poll::Ready(submitted),
        }
    }
}

impl<I: Serialize + 'static, O: DeserializeOwned + 'static> Pool<I, O> {
    /// Submits a task as soon as there is room.
    ///
    /// ```
    /// # async fn example(pool: &unhurt::Pool<u64, u64>) -> Result<(), unhurt::Error> {
    /// let answer = pool.submit_async(7).await?.await?;
    /// # let _ = answer;
    /// # Ok(())
    /// # }
    /// ```
    pub fn submit_async(&self, input: I) -> Submit<I, O> {
        Submit { pool: self.clone(), input }
    }
}
