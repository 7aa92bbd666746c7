//! Cuts the input into tasks, lazily: only the list of files is kept, not the list of tasks.

use num_bigint::BigInt;
use protocol::Payloads;

use super::chunk::Chunk;
use super::input::{Array, Input, Rows};
use crate::reduce::payload::{Item, Payload, Segment, Work};
use crate::{PlanError, Tasks};

/// A task's items from a list take at most so many bytes, unless there is only one.
const MAX_ITEM_BYTES: usize = 16 << 10;
/// Small files that share a task.
const MAX_SEGMENTS: usize = 64;
const MAX_SEGMENT_BYTES: usize = 16 << 10;

/// Hands out one task after the other.
#[derive(Debug, Clone)]
pub(in crate::reduce) struct Cutter {
    input: Input,
    // Numbers a task; bytes for tables.
    chunk: u64,
    // Where the next task starts: a file (0 where there is none) and a position in it.
    file: usize,
    position: u64,
    // Numbers handed out so far.
    done: u64,
}

impl Cutter {
    pub(super) fn new(input: Input, chunk: Chunk) -> Self {
        let size = match &input {
            Input::Items(items) => fitting_items(items, chunk.items()),
            Input::Range { from, to } => chunk.numbers(to.abs_diff(*from), None),
            Input::Arrays { dtype, .. } => chunk.numbers(input.count().unwrap_or(0), Some(*dtype)),
            Input::Tables { files, .. } => {
                chunk.bytes(files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.file.length)))
            }
        };
        Self { input, chunk: size.max(1), file: 0, position: 0, done: 0 }
    }

    /// How many tasks there are.
    pub(in crate::reduce) fn total(&self) -> u64 {
        match &self.input {
            Input::Items(_) | Input::Range { .. } => self.input.count().unwrap_or(0).div_ceil(self.chunk),
            Input::Tables { files, .. } => files
                .iter()
                .map(|rows| rows.file.length.saturating_sub(rows.first).div_ceil(self.chunk))
                .fold(0, u64::saturating_add),
            Input::Arrays { files, .. } => {
                let (mut total, mut file) = (0_u64, 0);
                while let Some(array) = files.get(file) {
                    let together = self.together(files, file);
                    let tasks = if together > 1 { 1 } else { array.count.div_ceil(self.chunk) };
                    total = total.saturating_add(tasks);
                    file += together.max(1);
                }
                total
            }
        }
    }

    /// How many files from `first` on go into one task: all that fit whole, or one that may not.
    fn together(&self, files: &[Array], first: usize) -> usize {
        let (mut room, mut bytes) = (self.chunk, 0);
        let fits = |array: &&Array| {
            bytes += array.file.path.as_os_str().len() + 48;
            match room.checked_sub(array.count) {
                Some(rest) if bytes <= MAX_SEGMENT_BYTES => {
                    room = rest;
                    true
                }
                _ => false,
            }
        };
        files.iter().skip(first).take(MAX_SEGMENTS).take_while(fits).count().max(1)
    }

    fn next_payload(&mut self) -> Option<Payload> {
        match &self.input {
            Input::Items(items) => {
                let from = self.done;
                let to = from.saturating_add(self.chunk).min(items.len() as u64);
                let items = items.get(from as usize..to as usize).filter(|items| !items.is_empty())?;
                self.done = to;
                Some(Payload { from, to, work: Work::Items(items.to_vec()) })
            }
            Input::Range { from: start, to: end } => {
                let from = self.done;
                let to = from.saturating_add(self.chunk).min(end.abs_diff(*start));
                self.done = to;
                (from < to).then(|| Payload { from, to, work: Work::Range(BigInt::from(*start) + from) })
            }
            Input::Arrays { files, .. } => {
                let files = files.clone();
                self.next_segments(&files)
            }
            Input::Tables { files, .. } => {
                let files = files.clone();
                self.next_rows(&files)
            }
        }
    }

    fn next_segments(&mut self, files: &[Array]) -> Option<Payload> {
        loop {
            let array = files.get(self.file)?;
            let together = if self.position == 0 { self.together(files, self.file) } else { 1 };
            let from = self.done;
            let segments = if together > 1 {
                let whole = files.iter().skip(self.file).take(together);
                self.file += together;
                let all = whole.map(|array| array.segment(0, array.count));
                all.filter(|segment| segment.count > 0).collect()
            } else {
                let count = self.chunk.min(array.count - self.position);
                let segment = array.segment(self.position, count);
                self.position += count;
                if self.position == array.count {
                    (self.file, self.position) = (self.file + 1, 0);
                }
                vec![segment]
            };
            self.done += segments.iter().map(|segment| segment.count).sum::<u64>();
            // A single empty file makes no task; several together make one, even if all are empty.
            if together > 1 || self.done > from {
                return Some(Payload { from, to: self.done, work: Work::Segments(segments) });
            }
        }
    }

    fn next_rows(&mut self, files: &[Rows]) -> Option<Payload> {
        loop {
            let Rows { file, first, column, .. } = files.get(self.file)?;
            let from = self.position.max(*first);
            let to = from.saturating_add(self.chunk).min(file.length);
            self.position = to;
            if from >= to {
                (self.file, self.position) = (self.file + 1, 0);
                continue;
            }
            return Some(Payload {
                from,
                to,
                work: Work::Rows { file: file.clone(), first: *first, column: *column },
            });
        }
    }
}

impl Array {
    fn segment(&self, from: u64, count: u64) -> Segment {
        Segment { file: self.file.clone(), offset: self.offset_of(from), count }
    }

    /// Where the element at `index` starts. The file was found long enough for all of them.
    fn offset_of(&self, index: u64) -> u64 {
        let bytes = self.file.length - self.offset;
        self.offset + index * bytes.checked_div(self.count).unwrap_or(0)
    }
}

/// The largest size, a power of two times smaller than `size`, at which each task's items fit a message.
fn fitting_items(items: &[Item], mut size: u64) -> u64 {
    let fits = |size: u64| {
        items.chunks(size as usize).all(|items| {
            let mut bytes = Vec::new();
            items.iter().for_each(|item| item.put(&mut bytes));
            bytes.len() <= MAX_ITEM_BYTES
        })
    };
    while size > 1 && !fits(size) {
        size /= 2;
    }
    size
}

impl Tasks for Cutter {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        for made in 0..max {
            let Some(payload) = self.next_payload() else { return Ok(made > 0) };
            into.push_with(|out| payload.put(out));
        }
        Ok(true)
    }
}
