//! The kind as a whole: job file in, result out, as a coordinator and its workers would use it.

mod arrays;
mod bad_input;
mod floats;
mod order;
mod tables;
mod values;

use std::path::Path;

use protocol::{Context, Payloads, Task, TaskId};
use serde_json::Value;

use super::Reduce;
use crate::spec::{JobSpec, SpecErrors};
use crate::{BadValue, Combine, Kind, Plan, PlanOptions};

/// A planned job and its tasks' payloads.
pub(super) struct Job {
    pub(super) plan: Plan,
    pub(super) payloads: Vec<Vec<u8>>,
}

pub(super) fn plan(folder: &Path, text: &str) -> Result<Job, SpecErrors> {
    let text = format!("kind = 'reduce'\n{text}");
    let mut job = JobSpec::parse("job.toml", &text, folder, &[])?;
    let mut plan = Reduce.plan(&mut job, &PlanOptions::default())?;
    job.unknown_keys().into_result()?;
    let mut payloads = Payloads::new();
    while plan.tasks.next(3, &mut payloads).unwrap() {}
    assert_eq!(plan.total, Some(payloads.len() as u64), "the total is the number of tasks");
    Ok(Job { plan, payloads: payloads.iter().map(<[u8]>::to_vec).collect() })
}

impl Job {
    /// Runs all tasks in one worker.
    pub(super) fn values(&self) -> Result<Vec<Vec<u8>>, String> {
        let mut handler = Reduce.handler(&self.plan.setup).map_err(|error| error.message)?;
        let context = Context { worker: "worker-1", link: None };
        let run = |(id, payload): (usize, &Vec<u8>)| {
            let mut value = Vec::new();
            let task = Task { id: TaskId(id as u64), attempt: 1, payload, context };
            handler.run(&task, &mut value).map_err(|error| error.message)?;
            Ok(value)
        };
        self.payloads.iter().enumerate().map(run).collect()
    }

    pub(super) fn combine(&mut self) -> &mut dyn Combine {
        &mut **self.plan.combine.as_mut().unwrap()
    }

    /// Combines values that came in the order given.
    pub(super) fn combined(mut self, values: &[Vec<u8>], order: &[usize]) -> Result<Value, BadValue> {
        for &id in order {
            let payload = self.payloads[id].clone();
            let worker = format!("worker-{}", id % 3 + 1);
            self.combine().add(id as u64, &payload, &values[id], &worker)?;
        }
        self.combine().finish()
    }
}

/// The result of a job, or what is wrong with it, wherever that shows.
pub(super) fn run(folder: &Path, text: &str) -> Result<Value, String> {
    let job = plan(folder, text).map_err(|errors| errors.to_string())?;
    let values = job.values()?;
    let order: Vec<usize> = (0..values.len()).collect();
    job.combined(&values, &order).map_err(|error| error.0)
}

/// The result's `value`.
pub(super) fn value(folder: &Path, text: &str) -> Value {
    run(folder, text).unwrap()["value"].clone()
}

/// A job over a list of values.
pub(super) fn listed(op: &str, values: &str) -> Result<Value, String> {
    run(Path::new("."), &format!("input.values = {values}\nparams.op = '{op}'"))
}

/// A small generator with a seed: SplitMix64 (Steele, Lea, Flood 2014).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// In -1 … 1.
    pub(super) fn float(&mut self) -> f64 {
        (self.next() as i64) as f64 / 9.3e18
    }
}

/// A `.npy` file of one axis.
pub(super) fn npy(path: &Path, descr: &str, count: usize, bytes: &[u8]) {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({count},), }}");
    let pad = (64 - (10 + header.len() + 1) % 64) % 64;
    let header = format!("{header}{}\n", " ".repeat(pad));
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend(bytes);
    std::fs::write(path, file).unwrap();
}
