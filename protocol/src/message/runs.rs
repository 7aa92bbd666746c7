//! Runs: tasks or outcomes with consecutive ids that have everything in common but their bytes, under one head.
//!
//! Of tiny tasks nearly all are such, so that thousands of them cost one head. A run's bytes stand end to end in the
//! message's blob; its head ends with their lengths: a number twice the length that all have, or 1 and then each.

use crate::DecodeError;
use crate::varint;

/// The most tasks that a batch holds, and the most outcomes in a frame: claim words count positions in 16 bits.
///
/// ```
/// let mut encoder = protocol::BatchEncoder::new();
/// encoder.begin(0);
/// let tasks = (0..100_000).take_while(|id| encoder.push(protocol::TaskId(*id), 1, b"")).count();
/// assert!(tasks <= protocol::MAX_TASKS);
/// ```
pub const MAX_TASKS: usize = u16::MAX as usize;

/// What says that a length for each follows.
const LISTED: u64 = 1;

/// A run of so many of one length ends where another length comes: a list would be longer than a second head.
const FEW: usize = 16;

/// The lengths of a run that is being made. Those that differ stand in a list, which several runs may share.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunLengths {
    pub(super) count: usize,
    // What all have, as long as none stands in the list.
    each: u64,
    // Where in the list this run begins, and ends.
    listed: Option<(usize, usize)>,
}

impl RunLengths {
    /// `count` byte strings of one length.
    #[inline]
    pub(super) fn new(length: u64, count: usize) -> Self {
        Self { count, each: length, listed: None }
    }

    /// True where a further length is better taken in than given a head of its own.
    #[inline]
    pub(super) fn takes(&self, length: u64) -> bool {
        length == self.each || self.listed.is_some() || self.count < FEW
    }

    /// Adds `more` lengths that are all the same.
    #[inline]
    pub(super) fn push(&mut self, length: u64, more: usize, list: &mut Vec<u8>) {
        if self.listed.is_none() && length == self.each {
            self.count += more;
        } else {
            self.push_listed(length, more, list);
        }
    }

    fn push_listed(&mut self, length: u64, more: usize, list: &mut Vec<u8>) {
        let start = match self.listed {
            Some((start, _)) => start,
            None => {
                let start = list.len();
                (0..self.count).for_each(|_| varint::put(list, self.each));
                start
            }
        };
        (0..more).for_each(|_| varint::put(list, length));
        self.listed = Some((start, list.len()));
        self.count += more;
    }

    /// How many bytes `more` such lengths add to the list.
    pub(super) fn growth(&self, length: u64, more: usize) -> usize {
        let added = more.saturating_mul(varint::length(length));
        match self.listed {
            Some(_) => added,
            None if length == self.each => 0,
            None => added.saturating_add(self.count.saturating_mul(varint::length(self.each))),
        }
    }

    /// Joins the run that follows this one, if both are of one sort.
    pub(super) fn join(&mut self, next: &Self) -> bool {
        match (self.listed, next.listed) {
            (None, None) if self.each == next.each => {}
            (Some((start, end)), Some((from, to))) if end == from => self.listed = Some((start, to)),
            _ => return false,
        }
        self.count += next.count;
        true
    }

    /// Ends the head.
    pub(super) fn put(&self, list: &[u8], heads: &mut Vec<u8>) {
        match self.listed {
            None => varint::put(heads, self.each << 1),
            Some((start, end)) => {
                varint::put(heads, LISTED);
                heads.extend_from_slice(list.get(start..end).unwrap_or_default());
            }
        }
    }
}

/// Takes the number of tasks of a run off the heads; `left` is how many the message may still have.
pub(super) fn take_count(heads: &mut &[u8], left: &mut usize) -> Result<usize, DecodeError> {
    let count = usize::try_from(varint::take(heads)?).map_err(|_| DecodeError::Heads)?;
    *left = left.checked_sub(count).filter(|_| count > 0).ok_or(DecodeError::Heads)?;
    Ok(count)
}

/// The lengths of a run that is being read: one for all, or none where each stands in the heads.
#[inline]
pub(super) fn take_lengths(heads: &mut &[u8]) -> Result<Option<u64>, DecodeError> {
    match varint::take(heads)? {
        LISTED => Ok(None),
        even if even % 2 == 0 => Ok(Some(even >> 1)),
        _ => Err(DecodeError::Heads),
    }
}
