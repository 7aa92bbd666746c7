//! Outcomes that came in any order leave in the order of their inputs, without a copy of each.

use std::collections::VecDeque;

use super::Error;
use crate::outcome::{Outcome, OutcomeBatch};

/// What stands in for an input until its turn.
#[derive(Debug)]
enum Place {
    Empty,
    /// An outcome, by its batch and its place there.
    At(u32, u32),
    /// It was never sent.
    Failed(Error),
}

/// Outcomes that wait for older ones.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    // places[i] belongs to the input number next + i.
    places: VecDeque<Place>,
    next: u64,
    // Batches with outcomes that have not left, and how many those are.
    batches: Vec<Option<(OutcomeBatch, usize)>>,
    free: Vec<u32>,
}

impl Reorder {
    fn place(&mut self, number: u64) -> Option<&mut Place> {
        let at = usize::try_from(number.checked_sub(self.next)?).ok()?;
        if self.places.len() <= at {
            self.places.resize_with(at + 1, || Place::Empty);
        }
        self.places.get_mut(at)
    }

    /// Takes in outcomes that are numbered as their inputs.
    pub(super) fn add(&mut self, batch: OutcomeBatch) {
        let slot = self.free.pop().unwrap_or(self.batches.len() as u32);
        for (index, outcome) in (0..).zip(batch.iter()) {
            if let Some(place) = self.place(outcome.task.0) {
                *place = Place::At(slot, index);
            }
        }
        let left = batch.len();
        match self.batches.get_mut(slot as usize) {
            Some(empty) => *empty = Some((batch, left)),
            None => self.batches.push(Some((batch, left))),
        }
    }

    /// Takes in the failure of an input that was never sent.
    pub(super) fn fail(&mut self, number: u64, error: Error) {
        if let Some(place) = self.place(number) {
            *place = Place::Failed(error);
        }
    }

    /// The next outcome in order, as `read` sees it, where it is there; and a batch that is done with.
    pub(super) fn pop<T>(
        &mut self,
        read: impl FnOnce(Result<Outcome<'_>, Error>) -> T,
    ) -> Option<(T, Option<OutcomeBatch>)> {
        let place = match self.places.front()? {
            Place::Empty => return None,
            _ => self.places.pop_front()?,
        };
        self.next += 1;
        let (slot, index) = match place {
            Place::At(slot, index) => (slot, index),
            Place::Failed(error) => return Some((read(Err(error)), None)),
            Place::Empty => return None,
        };
        let entry = self.batches.get_mut(slot as usize)?;
        let (batch, left) = entry.as_mut()?;
        let value = read(Ok(batch.get(index as usize)?));
        *left -= 1;
        let done = if *left == 0 { entry.take().map(|(batch, _)| batch) } else { None };
        if done.is_some() {
            self.free.push(slot);
        }
        Some((value, done))
    }

    /// Leaves out the next one, which will not come.
    pub(super) fn skip(&mut self) {
        self.places.pop_front();
        self.next += 1;
    }
}

#[cfg(test)]
mod tests {
    use protocol::TaskId;

    use super::*;

    fn batch(numbers: &[u64]) -> OutcomeBatch {
        let mut batch = OutcomeBatch::new();
        for number in numbers {
            let value = number.to_le_bytes();
            let (task, result) = (TaskId(*number), Ok(value.as_slice()));
            batch.push(Outcome {
                task,
                payload: b"",
                attempts: 1,
                worker: 1,
                micros: 0,
                slow: false,
                result,
            });
        }
        batch
    }

    fn pop(reorder: &mut Reorder) -> Option<Result<u64, Error>> {
        let (value, _) = reorder.pop(|outcome| {
            outcome.map(|outcome| u64::from_le_bytes(outcome.result.unwrap().try_into().unwrap()))
        })?;
        Some(value)
    }

    #[test]
    fn outcomes_leave_in_order_and_their_batches_with_the_last_of_them() {
        let mut reorder = Reorder::default();
        reorder.add(batch(&[3, 1]));
        assert!(pop(&mut reorder).is_none());
        reorder.fail(2, Error::full());
        reorder.add(batch(&[0, 4]));
        let all: Vec<_> = std::iter::from_fn(|| pop(&mut reorder)).map(Result::ok).collect();
        assert_eq!(all, [Some(0), Some(1), None, Some(3), Some(4)]);
        assert!(reorder.batches.iter().all(Option::is_none));
        reorder.add(batch(&[5]));
        assert_eq!(reorder.batches.len(), 2, "the places of batches are used again");
    }
}
