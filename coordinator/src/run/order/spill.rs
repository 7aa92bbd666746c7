//! Outcomes that wait in a temporary file.
//!
//! Whatever waits in memory is written at once, sorted by its ids: a *segment*. A segment is read from its beginning, a
//! chunk at a time, whenever an outcome that it may hold is next. So memory holds one chunk of each segment that is
//! being read, and a place in the file for each of the others. The file has no name, and goes with the process.
//!
//! ```text
//! chunk = length of the rest (u32) first id (u64) run*
//! run   = first id (u64) count (u32) attempts (u32) worker (u32) micros (u64) flags (u8) outcome*
//! outcome = length of the payload (u32) length of the result (u32) payload result
//! ```
//!
//! All little-endian; flags: 1 slow, 2 failed: the result is the failure as JSON.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io;
use std::iter::Peekable;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use protocol::TaskId;

use crate::outcome::{Failure, Outcome, OutcomeBatch};

/// A chunk ends once it has this many bytes.
const CHUNK: usize = 64 * 1024;
const HEAD: usize = 12;
const SLOW: u8 = 1;
const FAILED: u8 = 2;

/// A file of outcomes.
#[derive(Debug)]
pub(super) struct Spill {
    file: File,
    end: u64,
    // The next chunk of each segment that has one: its first id, where it lies, and where the segment ends.
    chunks: BinaryHeap<Reverse<(u64, u64, u64)>>,
    buffer: Vec<u8>,
}

impl Spill {
    /// An empty file without a name in `folder`.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        Ok(Self { file, end: 0, chunks: BinaryHeap::new(), buffer: Vec::new() })
    }

    /// No outcome in here has a lower id than this; `None` where there is none.
    pub(super) fn first(&self) -> Option<u64> {
        self.chunks.peek().map(|Reverse((first, ..))| *first)
    }

    /// Appends a segment: outcomes whose ids ascend.
    pub(super) fn write<'a>(&mut self, outcomes: impl Iterator<Item = Outcome<'a>>) -> io::Result<()> {
        let (start, mut outcomes) = (self.end, outcomes.peekable());
        let mut segment_first = None;
        while let Some(first) = outcomes.peek().map(|outcome| outcome.task.0) {
            segment_first.get_or_insert(first);
            self.buffer.clear();
            self.buffer.extend_from_slice(&[0; 4]);
            self.buffer.extend_from_slice(&first.to_le_bytes());
            while self.buffer.len() < CHUNK && push_run(&mut self.buffer, &mut outcomes)? {}
            let rest = u32::try_from(self.buffer.len() - 4).map_err(|_| too_long())?;
            if let Some(head) = self.buffer.first_chunk_mut() {
                *head = rest.to_le_bytes();
            }
            self.file.write_all_at(&self.buffer, self.end)?;
            self.end += self.buffer.len() as u64;
        }
        self.chunks.extend(segment_first.map(|first| Reverse((first, start, self.end))));
        Ok(())
    }

    /// The chunk that begins with [`first`](Self::first); `None` where there is none.
    pub(super) fn read(&mut self) -> io::Result<Option<OutcomeBatch>> {
        let Some(Reverse((_, at, end))) = self.chunks.pop() else { return Ok(None) };
        let mut head = [0; 4];
        self.file.read_exact_at(&mut head, at)?;
        let rest = u32::from_le_bytes(head);
        self.buffer.resize(rest as usize, 0);
        self.file.read_exact_at(&mut self.buffer, at + 4)?;
        let next = at + 4 + u64::from(rest);
        if next < end {
            let mut head = [0; HEAD];
            self.file.read_exact_at(&mut head, next)?;
            let first = head.last_chunk().map_or(0, |first| u64::from_le_bytes(*first));
            self.chunks.push(Reverse((first, next, end)));
        }
        let mut batch = OutcomeBatch::new();
        let mut rest = self.buffer.get(HEAD - 4..).unwrap_or_default();
        while !rest.is_empty() {
            take_run(&mut rest, &mut batch)?;
        }
        Ok(Some(batch))
    }
}

/// Appends outcomes that have everything in common but their bytes; false where there are no more.
fn push_run<'a>(
    buffer: &mut Vec<u8>,
    outcomes: &mut Peekable<impl Iterator<Item = Outcome<'a>>>,
) -> io::Result<bool> {
    let Some(first) = outcomes.next() else { return Ok(false) };
    let count_at = buffer.len() + 8;
    buffer.extend_from_slice(&first.task.0.to_le_bytes());
    buffer.extend_from_slice(&1_u32.to_le_bytes());
    buffer.extend_from_slice(&first.attempts.to_le_bytes());
    buffer.extend_from_slice(&first.worker.to_le_bytes());
    buffer.extend_from_slice(&first.micros.to_le_bytes());
    buffer.push(flags(&first));
    push_body(buffer, &first)?;
    let mut count = 1_u32;
    while buffer.len() < CHUNK
        && let Some(next) = outcomes.next_if(|next| goes_on(&first, next, count))
    {
        push_body(buffer, &next)?;
        count += 1;
    }
    if let Some(place) = buffer.get_mut(count_at..count_at + 4) {
        place.copy_from_slice(&count.to_le_bytes());
    }
    Ok(true)
}

fn flags(outcome: &Outcome<'_>) -> u8 {
    let slow = if outcome.slow { SLOW } else { 0 };
    slow | if outcome.result.is_err() { FAILED } else { 0 }
}

fn goes_on(first: &Outcome<'_>, next: &Outcome<'_>, count: u32) -> bool {
    let common = |outcome: &Outcome<'_>| (outcome.attempts, outcome.worker, outcome.micros, flags(outcome));
    next.task.0 == first.task.0.wrapping_add(count.into()) && common(first) == common(next)
}

fn push_body(buffer: &mut Vec<u8>, outcome: &Outcome<'_>) -> io::Result<()> {
    let failure;
    let result = match outcome.result {
        Ok(value) => value,
        Err(why) => {
            failure = serde_json::to_vec(why)?;
            &failure
        }
    };
    for part in [outcome.payload, result] {
        let length = u32::try_from(part.len()).map_err(|_| too_long())?;
        buffer.extend_from_slice(&length.to_le_bytes());
    }
    buffer.extend_from_slice(outcome.payload);
    buffer.extend_from_slice(result);
    Ok(())
}

fn take_run(rest: &mut &[u8], batch: &mut OutcomeBatch) -> io::Result<()> {
    let first = u64::from_le_bytes(take(rest)?);
    let count = u32::from_le_bytes(take(rest)?);
    let attempts = u32::from_le_bytes(take(rest)?);
    let worker = u32::from_le_bytes(take(rest)?);
    let micros = u64::from_le_bytes(take(rest)?);
    let [flags] = take(rest)?;
    for index in 0..count {
        let lengths: [[u8; 4]; 2] = [take(rest)?, take(rest)?];
        let [payload, result] = lengths.map(|length| u32::from_le_bytes(length) as usize);
        let payload = take_slice(rest, payload)?;
        let result = take_slice(rest, result)?;
        let failure: Option<Failure> = match flags & FAILED {
            0 => None,
            _ => Some(serde_json::from_slice(result)?),
        };
        batch.push(Outcome {
            task: TaskId(first.wrapping_add(index.into())),
            payload,
            attempts,
            worker,
            micros,
            slow: flags & SLOW != 0,
            result: failure.as_ref().map_or(Ok(result), Err),
        });
    }
    Ok(())
}

fn take<const N: usize>(rest: &mut &[u8]) -> io::Result<[u8; N]> {
    let (part, behind) = rest.split_first_chunk().ok_or_else(changed)?;
    *rest = behind;
    Ok(*part)
}

fn take_slice<'a>(rest: &mut &'a [u8], length: usize) -> io::Result<&'a [u8]> {
    let (part, behind) = rest.split_at_checked(length).ok_or_else(changed)?;
    *rest = behind;
    Ok(part)
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not as it was written")
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "an outcome of 4 GiB")
}
