//! Who combined what: enough of the tree to be drawn, however large it is.

use std::collections::BTreeMap;

use crate::reduce::op::Op;

/// A drawing has at most twice as many nodes.
const MAX_LEAVES: u64 = 32;

/// Notes about the upper part of the tree.
pub(super) struct Trace {
    tasks: u64,
    // The height of the lowest nodes that are drawn.
    lowest: u32,
    workers: Vec<String>,
    // Invariant: at most 2 · MAX_LEAVES entries, by height and position.
    notes: BTreeMap<(u32, u64), Note>,
    spans: BTreeMap<u64, (u64, u64)>,
}

struct Note {
    value: String,
    tally: Tally,
}

/// How many tasks below a node each worker did, by the worker's number.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(BTreeMap<usize, u64>);

impl Tally {
    /// Both together.
    pub(super) fn and(mut self, other: Self) -> Self {
        for (worker, tasks) in other.0 {
            *self.0.entry(worker).or_default() += tasks;
        }
        self
    }
}

impl Trace {
    /// Nothing yet of a job of `tasks` tasks.
    pub(super) fn new(tasks: u64) -> Self {
        let lowest = (0..63).find(|height| tasks >> height <= MAX_LEAVES).unwrap_or(63);
        Self { tasks, lowest, workers: Vec::new(), notes: BTreeMap::new(), spans: BTreeMap::new() }
    }

    /// One task done by `worker`.
    pub(super) fn tally(&mut self, worker: &str) -> Tally {
        let known = self.workers.iter().position(|name| name == worker);
        let number = known.unwrap_or_else(|| {
            self.workers.push(worker.to_owned());
            self.workers.len() - 1
        });
        Tally(BTreeMap::from([(number, 1)]))
    }

    /// Notes where a task's items lie, where single tasks are drawn.
    pub(super) fn leaf(&mut self, task: u64, span: (u64, u64)) {
        if self.lowest == 0 {
            self.spans.insert(task, span);
        }
    }

    /// Notes a node, where it is to be drawn. A node that only moved up is drawn where it came from.
    pub(super) fn note(&mut self, place: (u32, u64), value: impl FnOnce() -> String, tally: &Tally) {
        let (height, position) = place;
        let came_up = height > 0 && (position * 2 + 1) << (height - 1) >= self.tasks;
        if height < self.lowest || came_up && height > self.lowest {
            return;
        }
        self.notes.insert(place, Note { value: value(), tally: tally.clone() });
    }

    /// The drawing, root first.
    pub(super) fn lines(&self, op: Op) -> Vec<String> {
        let mut lines = Vec::new();
        let top = (0..63).find(|height| 1_u64 << height >= self.tasks).unwrap_or(63);
        if self.tasks > 0 {
            self.draw((top, 0), (op, "", ""), &mut lines);
        }
        lines
    }

    fn draw(&self, place: (u32, u64), (op, stem, branch): (Op, &str, &str), lines: &mut Vec<String>) {
        let (height, position) = place;
        let Some(note) = self.notes.get(&place) else {
            // It only moved up: draw the one below in its place.
            if height > self.lowest {
                self.draw((height - 1, position * 2), (op, stem, branch), lines);
            }
            return;
        };
        let connector = match branch {
            "" => "",
            "last" => "└─ ",
            _ => "├─ ",
        };
        lines.push(format!("{stem}{connector}{}", self.line(place, op, note)));
        if height == self.lowest {
            return;
        }
        let stem = match branch {
            "" => stem.to_owned(),
            "last" => format!("{stem}   "),
            _ => format!("{stem}│  "),
        };
        self.draw((height - 1, position * 2), (op, &stem, "first"), lines);
        self.draw((height - 1, position * 2 + 1), (op, &stem, "last"), lines);
    }

    fn line(&self, (height, position): (u32, u64), op: Op, note: &Note) -> String {
        let first = position << height;
        let last = ((position + 1) << height).min(self.tasks) - 1;
        let by: Vec<String> = note
            .tally
            .0
            .iter()
            .map(|(worker, tasks)| {
                let name = self.workers.get(*worker).map_or("?", String::as_str);
                if *tasks == 1 { name.to_owned() } else { format!("{name} ×{tasks}") }
            })
            .collect();
        let what = match self.spans.get(&first) {
            _ if first != last => format!("tasks {first} to {last}"),
            Some((from, to)) => format!("task {first} (items {from} to {})", to.saturating_sub(1)),
            None => format!("task {first}"),
        };
        format!("{op} of {what} = {}  [{}]", note.value, by.join(" + "))
    }
}
