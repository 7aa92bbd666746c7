//! Unpacks blocks. The bytes come from a file that anyone may have changed.

use protocol::TaskId;

use super::column::{take_column, take_varint};
use super::format::{BLOCK_TASKS, BadBlock, FORMAT};
use crate::outcome::Outcome;

/// An unpacked block.
#[derive(Debug)]
pub(in crate::store) struct Block {
    data: Vec<u8>,
    records: Vec<Record>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    task: u64,
    attempts: u32,
    worker: u32,
    slow: bool,
    micros: u64,
    // Where the value stands in `data`. Invariant: start <= end <= data.len().
    start: usize,
    end: usize,
}

impl Block {
    /// Unpacks `data`.
    pub(in crate::store) fn read(data: Vec<u8>) -> Result<Self, BadBlock> {
        let (count, first, mut input) = open(&data)?;
        let mut records = Vec::with_capacity(count);
        take_ids(&mut input, count, first, |task| {
            records.push(Record { task, attempts: 0, worker: 0, slow: false, micros: 0, start: 0, end: 0 });
        })?;
        fill(&mut input, &mut records, |record, value| {
            record.attempts = u32::try_from(value).map_err(|_| BadBlock::Nonsense)?;
            Ok(())
        })?;
        fill(&mut input, &mut records, |record, value| {
            record.worker = u32::try_from(value / 2).map_err(|_| BadBlock::Nonsense)?;
            record.slow = value % 2 == 1;
            Ok(())
        })?;
        fill(&mut input, &mut records, |record, value| {
            record.micros = value;
            Ok(())
        })?;
        let mut total = 0_usize;
        fill(&mut input, &mut records, |record, value| {
            record.start = total;
            total = usize::try_from(value)
                .ok()
                .and_then(|length| total.checked_add(length))
                .ok_or(BadBlock::Nonsense)?;
            record.end = total;
            Ok(())
        })?;
        if total != input.len() {
            return Err(BadBlock::Nonsense);
        }
        let values = data.len() - CRC - total;
        for record in &mut records {
            record.start += values;
            record.end += values;
        }
        Ok(Self { data, records })
    }

    /// The id of the outcome at `index`; `None` past the end.
    pub(in crate::store) fn task(&self, index: usize) -> Option<TaskId> {
        self.records.get(index).map(|record| TaskId(record.task))
    }

    /// The outcome at `index`, without its payload; `None` past the end.
    pub(in crate::store) fn get(&self, index: usize) -> Option<Outcome<'_>> {
        let record = self.records.get(index)?;
        Some(Outcome {
            task: TaskId(record.task),
            payload: &[],
            attempts: record.attempts,
            worker: record.worker,
            micros: record.micros,
            slow: record.slow,
            result: Ok(self.data.get(record.start..record.end)?),
        })
    }
}

/// Hands the ids in a block to `each`, in ascending order.
pub(in crate::store) fn read_tasks(data: &[u8], mut each: impl FnMut(TaskId)) -> Result<(), BadBlock> {
    let (count, first, mut input) = open(data)?;
    take_ids(&mut input, count, first, |task| each(TaskId(task)))
}

const CRC: usize = 4;

/// Checks what does not depend on the columns: returns the count, the first id, and the columns.
fn open(data: &[u8]) -> Result<(usize, u64, &[u8]), BadBlock> {
    let (body, crc) = data.split_last_chunk::<CRC>().ok_or(BadBlock::Short)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err(BadBlock::Checksum);
    }
    let (&format, mut input) = body.split_first().ok_or(BadBlock::Short)?;
    if format != FORMAT {
        return Err(BadBlock::Format);
    }
    let count = take_varint(&mut input)?;
    if !(1..=BLOCK_TASKS).contains(&count) {
        return Err(BadBlock::Nonsense);
    }
    let first = take_varint(&mut input)?;
    Ok((usize::try_from(count).map_err(|_| BadBlock::Nonsense)?, first, input))
}

fn take_ids(input: &mut &[u8], count: usize, first: u64, mut each: impl FnMut(u64)) -> Result<(), BadBlock> {
    let mut last = first;
    take_column(input, count, |place, step| {
        if (place == 0) != (step == 0) {
            return Err(BadBlock::Nonsense);
        }
        last = last.checked_add(step).ok_or(BadBlock::Nonsense)?;
        each(last);
        Ok(())
    })
}

fn fill(
    input: &mut &[u8],
    records: &mut [Record],
    mut set: impl FnMut(&mut Record, u64) -> Result<(), BadBlock>,
) -> Result<(), BadBlock> {
    take_column(input, records.len(), |place, value| match records.get_mut(place) {
        Some(record) => set(record, value),
        None => Err(BadBlock::Nonsense),
    })
}
