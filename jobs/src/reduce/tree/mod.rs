//! The coordinator's part: partial results, in whatever order they come, combined in a binary tree.

mod trace;

use std::collections::HashMap;

use serde_json::Value;

use self::trace::{Tally, Trace};
use super::bytes::Reader;
use super::dtype::Dtype;
use super::op::Op;
use super::partial::{Partial, Seen};
use super::payload::Payload;
use super::setup::{Setup, Source};
use crate::{BadValue, Combine};

/// A product of more bits would take longer to write in digits than to compute.
const MAX_BITS: u64 = 1 << 24;

/// The tree. Its leaves are the tasks; two siblings are combined as soon as both are there, so that it holds
/// no more than one node for each gap in what has come in.
///
/// Its shape is that of [`Spine`](super::spine::Spine), whatever the order of arrival: a node is known by its
/// height and its position, and a node without a right sibling moves up as it is.
pub(super) struct Tree {
    setup: Setup,
    // Nodes that wait for their sibling, by height and position. None of them is the root.
    waiting: HashMap<(u32, u64), Node>,
    root: Option<Node>,
    arrived: u64,
    trace: Trace,
    // The result once it was written: the digits of a long product take longer than anything else.
    result: Option<Value>,
}

struct Node {
    partial: Partial,
    tally: Tally,
}

impl Tree {
    /// A tree for a job.
    pub(super) fn new(setup: Setup) -> Self {
        let trace = Trace::new(setup.tasks);
        Self { setup, waiting: HashMap::new(), root: None, arrived: 0, trace, result: None }
    }

    /// Puts a node in its place and goes up as far as siblings are there.
    fn climb(&mut self, mut place: (u32, u64), mut node: Node) -> Result<(), BadValue> {
        loop {
            let (height, position) = place;
            self.trace.note(place, || shown(&self.setup, &node.partial), &node.tally);
            // Complete trees of this height cover everything.
            if height >= 63 || 1_u64 << height >= self.setup.tasks {
                self.root = Some(node);
                return Ok(());
            }
            let sibling = (height, position ^ 1);
            let is_alone = sibling.1 >= self.setup.tasks.div_ceil(1 << height);
            if !is_alone {
                let Some(other) = self.waiting.remove(&sibling) else {
                    self.waiting.insert(place, node);
                    return Ok(());
                };
                let (left, right) = if position & 1 == 0 { (node, other) } else { (other, node) };
                node = self.merge(left, right)?;
            }
            place = (height + 1, position / 2);
        }
    }

    fn merge(&self, left: Node, right: Node) -> Result<Node, BadValue> {
        let partial = left
            .partial
            .merge(self.setup.op, right.partial)
            .ok_or_else(|| BadValue("partial results that do not go together".into()))?;
        Ok(Node { partial, tally: left.tally.and(right.tally) })
    }

    /// The remains of everything.
    fn total(&self) -> Result<Partial, BadValue> {
        if self.setup.tasks == 0 {
            return Ok(Partial::empty(self.setup.op));
        }
        match &self.root {
            Some(root) if self.waiting.is_empty() && self.arrived == self.setup.tasks => {
                Ok(root.partial.clone())
            }
            _ => Err(BadValue(format!("{} of {} partial results are there", self.arrived, self.setup.tasks))),
        }
    }
}

fn shown(setup: &Setup, partial: &Partial) -> String {
    partial.answer(setup.op, setup.ddof).map_or_else(|| "nothing".to_owned(), |answer| answer.to_short_text())
}

/// Reads the value of a task and checks that it can be what the payload asked for.
pub(super) fn read_value(
    setup: &Setup,
    payload: &[u8],
    value: &[u8],
) -> Result<(Payload, Partial), BadValue> {
    let payload = Payload::read(&setup.source, payload)?;
    let mut reader = Reader::new(value, "a value");
    let partial = Partial::read(setup.op, &mut reader)?;
    if let Some(count) = payload.count()
        && count != partial.count
    {
        return Err(reader.bad(&format!("it is of {} items, the task has {count}", partial.count)));
    }
    let expected = match setup.source {
        Source::Range => Some(Seen::INTEGERS),
        Source::Array(Dtype::Bool) => Some(Seen::BOOLS),
        Source::Array(dtype) if dtype.is_float() => Some(Seen::FLOATS),
        Source::Array(_) => Some(Seen::INTEGERS),
        Source::Items | Source::Table { .. } => None,
    };
    if partial.count > 0 && expected.is_some_and(|expected| expected != partial.seen) {
        return Err(reader.bad("its items are of another sort than the input's"));
    }
    reader.end()?;
    Ok((payload, partial))
}

impl Combine for Tree {
    fn add(&mut self, task: u64, payload: &[u8], value: &[u8], worker: &str) -> Result<(), BadValue> {
        let (payload, partial) = read_value(&self.setup, payload, value)?;
        if task >= self.setup.tasks {
            return Err(BadValue(format!("task {task} of a job of {} tasks", self.setup.tasks)));
        }
        if self.waiting.contains_key(&(0, task)) || self.arrived >= self.setup.tasks {
            return Err(BadValue(format!("task {task} came in twice")));
        }
        self.arrived += 1;
        self.trace.leaf(task, (payload.from, payload.to));
        let tally = self.trace.tally(worker);
        self.climb((0, task), Node { partial, tally })
    }

    fn finish(&mut self) -> Result<Value, BadValue> {
        if let Some(result) = &self.result {
            return Ok(result.clone());
        }
        let result = self.result()?;
        Ok(self.result.insert(result).clone())
    }

    fn explain(&self) -> Vec<String> {
        self.trace.lines(self.setup.op)
    }
}

impl Tree {
    /// What the root is, in JSON.
    fn result(&self) -> Result<Value, BadValue> {
        let Setup { op, ddof, .. } = self.setup;
        let total = self.total()?;
        if total.seen.is_mixed() {
            return Err(BadValue(format!(
                "the {op} of numbers together with true and false; give one sort, in every row"
            )));
        }
        if let super::partial::Body::Product { whole, .. } = &total.body
            && whole.bits() > MAX_BITS
        {
            return Err(BadValue(format!(
                "the product has {} bits, more than the {MAX_BITS} that are written out",
                whole.bits()
            )));
        }
        let answer = match (op, total.count, &self.setup.source) {
            (Op::And, 0, Source::Array(Dtype::Bool)) => Value::Bool(true),
            (Op::Or | Op::Xor, 0, Source::Array(Dtype::Bool)) => Value::Bool(false),
            (Op::And, 0, Source::Array(dtype)) if dtype.unsigned_ones().is_some() => {
                let ones = dtype.unsigned_ones().unwrap_or_default();
                super::answer::Answer::Integer(ones.into()).to_json()
            }
            (Op::Sum, 0, Source::Array(dtype)) if dtype.is_float() => Value::from(0.0),
            (Op::Product, 0, Source::Array(dtype)) if dtype.is_float() => Value::from(1.0),
            _ => total.answer(op, ddof).ok_or_else(|| BadValue(no_answer(op, ddof, total.count)))?.to_json(),
        };
        Ok(serde_json::json!({ "op": op.name(), "value": answer, "count": total.count }))
    }
}

/// Why there is no answer for so few items.
pub(super) fn no_answer(op: Op, ddof: u64, count: u64) -> String {
    if op.is_spread() && count > 0 {
        return format!("the {op} with ddof = {ddof} needs more than {ddof} items; there are {count}");
    }
    format!(
        "there is no {op} of no items; give the input at least one (sum, product and count have an answer)"
    )
}
