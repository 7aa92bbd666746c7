//! Outcomes on their way out, stored end to end: a tiny task's outcome costs no allocation, and no record of its own.

use std::ops::Range;

use protocol::{Lengths, Span, StringStore, Strings, TaskId};

use super::{Failure, Outcome};

/// Outcomes, stored end to end.
#[derive(Debug, Clone, Default)]
pub struct OutcomeBatch {
    // Invariant: none is empty.
    groups: Vec<Group>,
    count: usize,
    strings: StringStore,
    long_bytes: usize,
    // Memory of long values that were read: fresh memory costs a page fault for every 4 KiB of the next one.
    // Invariant: empty vectors, together at most SPARE_BYTES.
    spare: Vec<Vec<u8>>,
}

/// How much memory of long values a batch keeps, in bytes.
const SPARE_BYTES: usize = 20 << 20;

/// How an attempt ended, beside its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meta {
    pub(crate) attempts: u32,
    pub(crate) worker: u32,
    pub(crate) micros: u64,
    pub(crate) slow: bool,
}

/// The outcomes of tasks with consecutive ids that have everything in common but their bytes.
#[derive(Debug, Clone)]
struct Group {
    first: TaskId,
    count: usize,
    // How many outcomes stand before it.
    before: usize,
    meta: Meta,
    payloads: Span,
    values: Span,
    rest: Rest,
}

/// What the outcome of a group of one has beside the bytes that it shares with the others.
#[derive(Debug, Clone)]
enum Rest {
    Nothing,
    /// A value that is worth no copying; its memory may be longer.
    Long(Vec<u8>),
    Failed(Box<Failure>),
}

impl OutcomeBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many outcomes it holds.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True where it holds none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many bytes of payloads and values it holds.
    pub fn total_bytes(&self) -> usize {
        self.strings.total_bytes() + self.long_bytes
    }

    /// Appends a copy of an outcome.
    pub fn push(&mut self, outcome: Outcome<'_>) {
        let (value, rest) = match outcome.result {
            Ok(value) => (value, Rest::Nothing),
            Err(failure) => (&[][..], Rest::Failed(Box::new(failure.clone()))),
        };
        let Outcome { task, attempts, worker, micros, slow, payload, .. } = outcome;
        let payloads = self.strings.append(Strings::one(payload));
        let values = self.strings.append(Strings::one(value));
        let meta = Meta { attempts, worker, micros, slow };
        self.add(Group { first: task, count: 1, before: 0, meta, payloads, values, rest });
    }

    /// Appends an outcome with a long value, which is not copied; the outcome's own result does not count.
    pub fn push_long(&mut self, outcome: Outcome<'_>, value: Vec<u8>) {
        self.long_bytes += value.len();
        self.push(Outcome { result: Ok(&[]), ..outcome });
        if let Some(group) = self.groups.last_mut() {
            group.rest = Rest::Long(value);
        }
    }

    /// Appends copies of the outcomes of tasks with consecutive ids, a value each, with their payloads where those are
    /// given.
    pub(crate) fn push_run(
        &mut self,
        first: TaskId,
        meta: Meta,
        payloads: Option<Strings<'_>>,
        values: Strings<'_>,
    ) {
        if values.is_empty() {
            return;
        }
        let payloads = payloads.map_or(Span::EMPTY, |payloads| {
            let alike = payloads
                .alike()
                .map(|length| Strings::new(payloads.bytes(), Lengths::All(length), payloads.len()));
            self.strings.append(alike.unwrap_or(payloads))
        });
        let count = values.len();
        let values = self.strings.append(values);
        self.add(Group { first, count, before: 0, meta, payloads, values, rest: Rest::Nothing });
    }

    fn add(&mut self, group: Group) {
        let before = self.count;
        self.count += group.count;
        self.groups.push(Group { before, ..group });
    }

    /// The outcomes, in the order in which they were pushed.
    pub fn iter(&self) -> impl Iterator<Item = Outcome<'_>> {
        self.groups
            .iter()
            .flat_map(move |group| (0..group.count).map(move |index| self.outcome(group, index)))
    }

    /// The outcomes at these places, counted in the order in which they were pushed.
    #[doc(hidden)]
    pub fn part(&self, places: Range<usize>) -> impl Iterator<Item = Outcome<'_>> {
        let first = self.groups.partition_point(|group| group.before + group.count <= places.start);
        let groups = self.groups.get(first..).unwrap_or_default().iter();
        groups.take_while(move |group| group.before < places.end).flat_map(move |group| {
            let from = places.start.saturating_sub(group.before);
            let until = group.count.min(places.end - group.before);
            (from..until).map(move |index| self.outcome(group, index))
        })
    }

    /// Where consecutive ids stand at consecutive places: the first id, and the places.
    #[doc(hidden)]
    pub fn stretches(&self) -> impl Iterator<Item = (TaskId, Range<usize>)> {
        let mut groups = self.groups.iter().peekable();
        std::iter::from_fn(move || {
            let first = groups.next()?;
            let mut until = first.before + first.count;
            let next = |until: usize| first.first.0.wrapping_add((until - first.before) as u64);
            while let Some(more) = groups.next_if(|group| group.first.0 == next(until)) {
                until += more.count;
            }
            Some((first.first, first.before..until))
        })
    }

    /// About how much memory it takes, in bytes.
    #[doc(hidden)]
    pub fn footprint(&self) -> usize {
        let failures = self.groups.iter().map(|group| match &group.rest {
            Rest::Failed(failure) => failure.footprint(),
            Rest::Long(value) => value.capacity(),
            Rest::Nothing => 0,
        });
        let failures: usize = failures.sum();
        size_of::<Self>() + self.groups.capacity() * size_of::<Group>() + self.strings.footprint() + failures
    }

    /// The outcome that was pushed as this one, counted from 0.
    pub fn get(&self, index: usize) -> Option<Outcome<'_>> {
        let after = self.groups.partition_point(|group| group.before <= index);
        let group = self.groups.get(after.checked_sub(1)?)?;
        let index = index - group.before;
        (index < group.count).then(|| self.outcome(group, index))
    }

    #[inline]
    fn outcome<'a>(&'a self, group: &'a Group, index: usize) -> Outcome<'a> {
        let Meta { attempts, worker, micros, slow } = group.meta;
        Outcome {
            task: TaskId(group.first.0.wrapping_add(index as u64)),
            payload: self.strings.get(group.payloads, index),
            attempts,
            worker,
            micros,
            slow,
            result: match &group.rest {
                Rest::Nothing => Ok(self.strings.get(group.values, index)),
                Rest::Long(value) => Ok(value),
                Rest::Failed(failure) => Err(failure),
            },
        }
    }

    /// The ids, as the first of a row and how many follow each other there, in the order in which they were pushed.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (TaskId, usize)> {
        self.groups.iter().map(|group| (group.first, group.count))
    }

    /// Gives every outcome another task id. `number` is asked for the first of a row, and says for how many of it the
    /// ids follow each other afterwards as they did before.
    pub(crate) fn renumber(&mut self, mut number: impl FnMut(TaskId, usize) -> (TaskId, usize)) {
        let mut at = 0;
        while let Some(group) = self.groups.get_mut(at) {
            let old = group.first;
            let (first, count) = number(old, group.count);
            group.first = first;
            at += 1;
            if (1..group.count).contains(&count) {
                let mut rest = group.clone();
                group.count = count;
                rest.first = TaskId(old.0.wrapping_add(count as u64));
                rest.count -= count;
                rest.before += count;
                rest.payloads = self.strings.behind(rest.payloads, count);
                rest.values = self.strings.behind(rest.values, count);
                self.groups.insert(at, rest);
            }
        }
    }

    /// Takes the long value of the outcome that was pushed as this one, where it has one; it is empty then.
    pub(crate) fn take_long(&mut self, index: usize) -> Option<Vec<u8>> {
        if self.long_bytes == 0 {
            return None;
        }
        let after = self.groups.partition_point(|group| group.before <= index);
        let group = self.groups.get_mut(after.checked_sub(1)?)?;
        match &mut group.rest {
            // A long value is alone in its group.
            Rest::Long(value) if group.before == index => {
                self.long_bytes = self.long_bytes.saturating_sub(value.len());
                Some(std::mem::take(value))
            }
            _ => None,
        }
    }

    /// Memory for a long value: used before, where there is some of about this length.
    pub(crate) fn room_for(&mut self, length: usize) -> Vec<u8> {
        let fits = |spare: &Vec<u8>| (length..=length.saturating_mul(2)).contains(&spare.capacity());
        match self.spare.iter().position(fits) {
            Some(at) => self.spare.swap_remove(at),
            None => Vec::with_capacity(length),
        }
    }

    /// Forgets the outcomes and keeps the memory.
    pub fn clear(&mut self) {
        if self.long_bytes > 0 {
            self.keep_memory();
        }
        self.groups.clear();
        self.count = 0;
        self.strings.clear();
        self.long_bytes = 0;
    }

    /// Keeps the long values' memory, the latest ones', as far as it may.
    fn keep_memory(&mut self) {
        let mut kept: usize = self.spare.iter().map(Vec::capacity).sum();
        for group in &mut self.groups {
            let Rest::Long(value) = &mut group.rest else { continue };
            let mut value = std::mem::take(value);
            if value.capacity() > SPARE_BYTES {
                continue;
            }
            while kept + value.capacity() > SPARE_BYTES && !self.spare.is_empty() {
                kept = kept.saturating_sub(self.spare.remove(0).capacity());
            }
            kept += value.capacity();
            value.clear();
            self.spare.push(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::Payloads;

    use super::*;

    const META: Meta = Meta { attempts: 1, worker: 2, micros: 3, slow: false };

    /// Tasks 10 to 14 with payloads of different lengths and values of one length, and 20 to 23 the other way round.
    fn batch() -> OutcomeBatch {
        let mut payloads = Payloads::new();
        ["-", "a", "", "bcd", "e", "fg"].iter().for_each(|text| payloads.push(text.as_bytes()));
        let mut batch = OutcomeBatch::new();
        let values = Strings::new(b"0123456789", Lengths::All(2), 5);
        batch.push_run(TaskId(10), META, Some(payloads.part(1..6)), values);
        let mut alike = Payloads::new();
        (0..4_u8).for_each(|number| alike.push(&[number; 2]));
        let values = Strings::new(b"aabbb-", Lengths::Ends { ends: &[7, 9, 9, 13], base: 7 }, 4);
        batch.push_run(TaskId(20), META, Some(alike.strings()), values);
        batch
    }

    fn texts(batch: &OutcomeBatch) -> Vec<(u64, String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        batch.iter().map(|o| (o.task.0, text(o.payload), text(o.result.unwrap()))).collect()
    }

    #[test]
    fn outcomes_in_a_row_come_back_one_by_one() {
        let batch = batch();
        let wanted = [
            (10, "a", "01"),
            (11, "", "23"),
            (12, "bcd", "45"),
            (13, "e", "67"),
            (14, "fg", "89"),
            (20, "\0\0", ""),
            (21, "\u{1}\u{1}", "aa"),
            (22, "\u{2}\u{2}", ""),
            (23, "\u{3}\u{3}", "bbb-"),
        ];
        let wanted = wanted.map(|(id, payload, value)| (id, payload.to_owned(), value.to_owned()));
        assert_eq!(texts(&batch), wanted);
        assert_eq!(batch.len(), 9);
        for (index, outcome) in batch.iter().enumerate() {
            let same = batch.get(index).unwrap();
            assert_eq!((same.task, same.payload), (outcome.task, outcome.payload));
            assert_eq!(same.result.unwrap(), outcome.result.unwrap());
        }
        assert!(batch.get(9).is_none());
    }

    #[test]
    fn consecutive_ids_make_one_stretch_however_they_came() {
        let mut batch = batch();
        let outcome = |task| Outcome {
            task: TaskId(task),
            payload: b"p",
            attempts: 1,
            worker: 9,
            micros: 0,
            slow: false,
            result: Ok(b"v"),
        };
        [24, 25, 9].map(outcome).into_iter().for_each(|outcome| batch.push(outcome));
        let stretches: Vec<_> = batch.stretches().map(|(first, places)| (first.0, places)).collect();
        assert_eq!(stretches, [(10, 0..5), (20, 5..11), (9, 11..12)]);
        let ids = |places| batch.part(places).map(|outcome| outcome.task.0).collect::<Vec<_>>();
        assert_eq!(ids(0..12), [10, 11, 12, 13, 14, 20, 21, 22, 23, 24, 25, 9]);
        assert_eq!((ids(3..7), ids(8..10), ids(12..12)), (vec![13, 14, 20, 21], vec![23, 24], vec![]));
    }

    #[test]
    fn a_row_may_be_divided_by_new_numbers() {
        let mut renumbered = batch();
        // Up to 11 and up to 21, ids go on as before; the others are shifted by a hundred.
        renumbered.renumber(|first, count| match first.0 {
            10 | 20 => (TaskId(first.0 + 1000), 2),
            other => (TaskId(other + 100), count),
        });
        let ids: Vec<u64> = renumbered.iter().map(|outcome| outcome.task.0).collect();
        assert_eq!(ids, [1010, 1011, 112, 113, 114, 1020, 1021, 122, 123]);
        let without_ids = |batch: &OutcomeBatch| -> Vec<_> {
            texts(batch).into_iter().map(|(_, payload, value)| (payload, value)).collect()
        };
        assert_eq!(without_ids(&renumbered), without_ids(&batch()));
        assert_eq!(renumbered.get(3).unwrap().task, TaskId(113));
    }

    #[test]
    fn the_memory_of_long_values_is_used_again_and_bounded() {
        let outcome = |task| Outcome {
            task: TaskId(task),
            payload: b"p",
            attempts: 1,
            worker: 1,
            micros: 0,
            slow: false,
            result: Ok(&[]),
        };
        let mut batch = OutcomeBatch::new();
        batch.push_long(outcome(0), vec![1; 100_000]);
        batch.push(outcome(1));
        batch.push_long(outcome(2), vec![2; 200_000]);
        let taken = batch.take_long(2).unwrap();
        assert_eq!((taken.len(), batch.total_bytes()), (200_000, 100_003));
        assert!(batch.take_long(1).is_none() && batch.take_long(3).is_none());
        batch.clear();
        assert_eq!(batch.room_for(60_000).capacity(), 100_000);
        assert_eq!(batch.room_for(60_000).capacity(), 60_000);
        for round in 0..10 {
            for task in 0..10 {
                batch.push_long(outcome(task), Vec::with_capacity((1 + round) << 20));
                batch.push_long(outcome(task), vec![1; 10]);
            }
            batch.clear();
            assert!(batch.spare.iter().map(Vec::capacity).sum::<usize>() <= SPARE_BYTES);
        }
    }
}
