//! One task a number of a range.

use std::ops::Range;

use protocol::Payloads;

use super::number::Number;
use crate::{PlanError, Tasks};

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
