//! Outcomes that wait for older ones, in input order.

use crate::outcome::{Failure, Lengths, Meta, Strings};

/// Outcomes of tasks with consecutive ids that wait for older ones.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) count: usize,
    pub(super) meta: Meta,
    pub(super) result: HeldResult,
}

#[derive(Debug)]
pub(super) enum HeldResult {
    Values(HeldValues),
    Long(Vec<u8>),
    Failed(Box<Failure>),
}

/// Values end to end.
#[derive(Debug, Default)]
pub(super) struct HeldValues {
    pub(super) bytes: Vec<u8>,
    // Where each ends, unless all have the same length.
    all: Option<usize>,
    ends: Vec<u32>,
}

impl HeldValues {
    pub(super) fn fill(&mut self, values: &Strings<'_>) {
        self.bytes.extend_from_slice(values.bytes());
        self.all = match values.lengths() {
            Lengths::All(length) => Some(length),
            Lengths::Ends { ends, base } => {
                self.ends.extend(ends.iter().map(|end| end - base));
                None
            }
        };
    }

    /// Forgets the values and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// The values, of which there are so many.
    pub(super) fn strings(&self, count: usize) -> Strings<'_> {
        let lengths = match self.all {
            Some(length) => Lengths::All(length),
            None => Lengths::Ends { ends: &self.ends, base: 0 },
        };
        Strings::new(&self.bytes, lengths, count)
    }
}
