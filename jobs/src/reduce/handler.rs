//! The worker's part: reads a task's items and leaves one partial result.

use num_bigint::BigInt;
use protocol::{Handler, Task, TaskError};

use super::csv::{ColumnKey, Range, reduce_rows};
use super::dtype::Dtype;
use super::file::Opened;
use super::gather::Gather;
use super::kernel::{LEAF, leaf};
use super::op::Op;
use super::partial::Partial;
use super::payload::{Item, Payload, Segment, Work};
use super::setup::{Setup, Source};
use super::spine::Spine;
use crate::BadValue;
use crate::table::RowReader;

/// Leaves that are mapped together: at most 8 MiB.
const WINDOW: u64 = 32 * LEAF;
/// A value must fit one message on its way back.
const MAX_VALUE: usize = 192 << 10;

/// Runs the tasks of one job.
pub(super) struct Reducer {
    setup: Setup,
    gather: Gather,
    opened: Option<Opened>,
    // Made with the first table, for the column of the last one.
    rows: Option<(ColumnKey, RowReader)>,
}

impl Reducer {
    /// A reducer for a job.
    pub(super) fn new(setup: Setup) -> Self {
        Self { gather: Gather::new(setup.op), setup, opened: None, rows: None }
    }

    fn reduce(&mut self, payload: Payload) -> Result<Partial, TaskError> {
        self.gather.clear();
        match payload.work {
            Work::Items(items) => Ok(self.items(items)),
            Work::Range(first) => self.range(&first, payload.to - payload.from),
            Work::Segments(segments) => self.segments(&segments),
            Work::Rows { file, first, column } => {
                let (Source::Table { delimiter, label }, opened) =
                    (&self.setup.source, Opened::get(&mut self.opened, &file)?)
                else {
                    return Err(TaskError::new("a payload of rows in a job without a table"));
                };
                let key = ColumnKey { column, delimiter: *delimiter };
                let range = Range { first, from: payload.from, to: payload.to };
                let path = file.path.display().to_string();
                let (_, reader) = match self.rows.take().filter(|(known, _)| *known == key) {
                    Some(rows) => self.rows.insert(rows),
                    None => self.rows.insert((key, key.reader())),
                };
                reduce_rows(opened, &path, range, (key, label), reader, &mut self.gather)?;
                Ok(self.gather.finish())
            }
        }
    }

    fn items(&mut self, items: Vec<Item>) -> Partial {
        for item in items {
            // Whether the sorts go together was settled by the plan.
            match item {
                Item::Bool(value) => self.gather.bool(value),
                Item::Float(value) => self.gather.float(value),
                Item::Integer(value) => match i64::try_from(&value) {
                    Ok(value) => self.gather.integer(value),
                    Err(_) => self.gather.big(value),
                },
            };
        }
        self.gather.finish()
    }

    fn range(&mut self, first: &BigInt, count: u64) -> Result<Partial, TaskError> {
        let ends = (i64::try_from(first), i64::try_from(first + count));
        let (Ok(first), Ok(end)) = ends else {
            return Err(TaskError::new("a payload's range does not fit 64 bits"));
        };
        for value in first..end {
            self.gather.integer(value);
        }
        Ok(self.gather.finish())
    }

    fn segments(&mut self, segments: &[Segment]) -> Result<Partial, TaskError> {
        let Source::Array(dtype) = self.setup.source else {
            return Err(TaskError::new("a payload of elements in a job without arrays"));
        };
        let op = self.setup.op;
        let mut spine = Spine::new();
        for segment in segments {
            let opened = Opened::get(&mut self.opened, &segment.file)?;
            for from in (0..segment.count).step_by(WINDOW as usize) {
                let count = WINDOW.min(segment.count - from);
                let place =
                    from.checked_mul(dtype.size()).and_then(|bytes| bytes.checked_add(segment.offset));
                let place = place.ok_or_else(|| TaskError::new("a payload's place is out of range"))?;
                opened.with(place, count * dtype.size(), |bytes| {
                    add_leaves(&self.setup, dtype, bytes, &mut spine)
                })?;
            }
        }
        Ok(spine.finish(|left, right| left.merge(op, right)).unwrap_or_else(|| Partial::empty(op)))
    }
}

fn add_leaves(
    setup: &Setup,
    dtype: Dtype,
    bytes: &[u8],
    spine: &mut Spine<Partial>,
) -> Result<(), TaskError> {
    let op: Op = setup.op;
    for bytes in bytes.chunks((LEAF * dtype.size()) as usize) {
        let leaf = leaf(op, setup.precision, dtype, bytes);
        spine
            .push(leaf, |left, right| left.merge(op, right))
            .ok_or_else(|| TaskError::new("there are more items than can be counted"))?;
    }
    Ok(())
}

impl Handler for Reducer {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let payload = Payload::read(&self.setup.source, task.payload)
            .map_err(|BadValue(message)| TaskError::new(message))?;
        let partial = self.reduce(payload)?;
        let before = value.len();
        partial.put(value);
        if value.len() - before > MAX_VALUE {
            let bytes = value.len() - before;
            value.truncate(before);
            return Err(TaskError::new(format!(
                "the partial {} has {bytes} bytes, more than the {MAX_VALUE} that fit a message; set \
                 params.chunk lower",
                self.setup.op
            )));
        }
        Ok(())
    }
}
