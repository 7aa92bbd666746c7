//! One task a number: from a list, from a range.

use std::ops::Range;

use protocol::Payloads;

use super::number::Number;
use crate::{PlanError, Tasks};

/// The numbers of a job file, already payloads.
pub(super) struct List {
    payloads: Payloads,
    next: usize,
}

impl List {
    pub(super) fn new(payloads: Payloads) -> Self {
        Self { payloads, next: 0 }
    }
}

impl Tasks for List {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let here = self.next..self.payloads.len().min(self.next.saturating_add(max));
        self.next = here.end;
        let more = !here.is_empty();
        here.filter_map(|index| self.payloads.get(index)).for_each(|payload| into.push(payload));
        Ok(more)
    }
}

/// All numbers of a range.
pub(super) struct Numbers(pub(super) Range<u128>);

impl Tasks for Numbers {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let Range { start, end } = self.0;
        let stop = end.min(start.saturating_add(max as u128));
        self.0.start = stop;
        // A range ends at 2⁶⁴ at most, so that all its numbers are small.
        let small = (start..stop).filter_map(|number| u64::try_from(number).ok());
        small.for_each(|number| into.push_with(|payload| Number::Small(number).write(payload)));
        Ok(start < stop)
    }
}
