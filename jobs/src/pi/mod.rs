//! `pi`: the share of random points of a square that lie in the quarter circle, by Monte Carlo.
//!
//! Sample n has its own two random numbers, made from the seed and n alone, so that the answer depends on
//! the seed and the number of samples only. A point is two whole numbers below 2³², and in the circle where
//! their squares sum to less than 2⁶⁴: no rounding, and a bias of about 10⁻⁹, which no number of samples that
//! can be drawn would show.

mod philox;

use std::fmt::Write;
use std::ops::Range;

use protocol::{Handler, Payloads, Task, TaskError};
use serde_json::{Value, json};

use self::philox::philox;
use crate::spec::{JobSpec, SpecError, SpecErrors, Table};
use crate::{BadValue, Combine, Key, Kind, Plan, PlanError, PlanOptions, Presenter, Section, Tasks};

/// The kind `pi`.
pub(crate) struct Pi;

const KEYS: &[Key] = &[
    Key {
        section: Section::Input,
        name: "samples",
        kind: "integer from 1",
        default: None,
        about: "how many points; four times as many halve the error",
        example: "100_000_000",
    },
    Key {
        section: Section::Input,
        name: "seed",
        kind: "integer of 64 bits without a sign",
        default: Some("0"),
        about: "which random numbers; the same seed gives the same answer",
        example: "1",
    },
];

/// Of a 64th of the samples, but at least so many: under a millisecond.
const MIN_CHUNK: u64 = 1 << 16;
/// And at most so many: some tens of milliseconds.
const MAX_CHUNK: u64 = 1 << 23;
const PIECES: u64 = 64;
/// More would take centuries, and their number could not be counted exactly.
const MAX_SAMPLES: u64 = 1 << 62;

impl Kind for Pi {
    fn name(&self) -> &'static str {
        "pi"
    }

    fn about(&self) -> &'static str {
        "estimates pi from random points, the same ones for any number of workers"
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn example(&self) -> &'static str {
        include_str!("../../pi.toml")
    }

    fn plan(&self, job: &mut JobSpec, _: &PlanOptions) -> Result<Plan, SpecErrors> {
        let mut errors = SpecErrors::default();
        let samples = samples(&mut job.input, &mut errors);
        let seed: u64 = match job.input.take("seed").map(|item| item.number()).transpose() {
            Ok(seed) => seed.unwrap_or(0),
            Err(error) => {
                errors.push(error);
                0
            }
        };
        let Some(samples) = samples.filter(|_| errors.0.is_empty()) else { return Err(errors) };
        let chunk = samples.div_ceil(PIECES).next_power_of_two().clamp(MIN_CHUNK, MAX_CHUNK);
        Ok(Plan {
            tasks: Box::new(Chunks { next: 0, samples, chunk }),
            total: Some(samples.div_ceil(chunk)),
            setup: put([seed, samples]),
            combine: Some(Box::new(Estimate { samples, seen: 0, inside: 0 })),
            inputs: Vec::new(),
        })
    }

    fn handler(&self, setup: &[u8]) -> Result<Box<dyn Handler>, TaskError> {
        let [seed, _] = get(setup).map_err(|BadValue(message)| TaskError::new(message))?;
        Ok(Box::new(Sampler { seed }))
    }

    fn presenter(&self, setup: &[u8]) -> Result<Box<dyn Presenter>, BadValue> {
        get(setup).map(|[_, _]| Box::new(Shown) as Box<dyn Presenter>)
    }
}

fn samples(input: &mut Table, errors: &mut SpecErrors) -> Option<u64> {
    let Some(item) = input.take("samples") else {
        errors.push(SpecError {
            hint: Some("for example: samples = 100_000_000".into()),
            ..input.error("samples", "is required: how many points to draw")
        });
        return None;
    };
    match item.number() {
        Ok(samples @ 1..=MAX_SAMPLES) => return Some(samples),
        Ok(0) => errors.push(item.error("no points give no estimate; draw at least 1")),
        Ok(_) => errors.push(item.error(format!("is too large; at most {MAX_SAMPLES} points can be drawn"))),
        Err(error) => errors.push(error),
    }
    None
}

/// Numbers as bytes, 8 each.
fn put<const N: usize>(numbers: [u64; N]) -> Vec<u8> {
    numbers.map(u64::to_le_bytes).concat()
}

/// What [`put`] wrote.
fn get<const N: usize>(bytes: &[u8]) -> Result<[u64; N], BadValue> {
    let (numbers, []) = bytes.as_chunks() else { return Err(bad()) };
    let numbers: &[[u8; 8]; N] = numbers.try_into().map_err(|_| bad())?;
    Ok(numbers.map(u64::from_le_bytes))
}

fn bad() -> BadValue {
    BadValue("bytes that are not of a pi job".into())
}

/// A task's samples.
fn span(payload: &[u8]) -> Result<Range<u64>, BadValue> {
    let [from, to] = get(payload)?;
    if from < to { Ok(from..to) } else { Err(bad()) }
}

/// A task's samples and how many of them are inside.
fn counted(payload: &[u8], value: &[u8]) -> Result<(Range<u64>, u64), BadValue> {
    let (span, [inside]) = (span(payload)?, get(value)?);
    if inside > span.end - span.start {
        return Err(BadValue(format!("{inside} points inside, of {}", span.end - span.start)));
    }
    Ok((span, inside))
}

struct Chunks {
    next: u64,
    samples: u64,
    chunk: u64,
}

impl Tasks for Chunks {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        for made in 0..max {
            if self.next >= self.samples {
                return Ok(made > 0);
            }
            let to = self.next.saturating_add(self.chunk).min(self.samples);
            into.push(&put([self.next, to]));
            self.next = to;
        }
        Ok(true)
    }
}

struct Sampler {
    seed: u64,
}

impl Handler for Sampler {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let span = span(task.payload).map_err(|BadValue(message)| TaskError::new(message))?;
        value.extend(put([inside(self.seed, span)]));
        Ok(())
    }
}

/// How many samples of a range lie in the quarter circle.
fn inside(seed: u64, span: Range<u64>) -> u64 {
    // A counter gives four words, and so two samples; a range may start and end in the middle of one.
    let pairs = span.start.div_ceil(2)..span.end / 2;
    if pairs.start > pairs.end {
        return u64::from(sample(seed, span.start));
    }
    let first = if span.start.is_multiple_of(2) { 0 } else { u64::from(sample(seed, span.start)) };
    let last = if span.end.is_multiple_of(2) { 0 } else { u64::from(sample(seed, span.end - 1)) };
    first + pairs.map(|pair| points(seed, pair).map(u64::from)).map(|[a, b]| a + b).sum::<u64>() + last
}

fn sample(seed: u64, index: u64) -> bool {
    let [even, odd] = points(seed, index / 2);
    if index.is_multiple_of(2) { even } else { odd }
}

/// Whether each of the two points of a counter is inside.
#[inline(always)]
fn points(seed: u64, pair: u64) -> [bool; 2] {
    let words = philox([pair as u32, (pair >> 32) as u32, 0, 0], [seed as u32, (seed >> 32) as u32]);
    [(words[0], words[1]), (words[2], words[3])].map(|(x, y)| {
        let (x, y) = (u64::from(x), u64::from(y));
        // Where the sum needs a 65th bit, the point is outside.
        (x * x).checked_add(y * y).is_some()
    })
}

/// Adds up: the order can't matter.
struct Estimate {
    samples: u64,
    seen: u64,
    inside: u64,
}

impl Combine for Estimate {
    fn add(&mut self, _: u64, payload: &[u8], value: &[u8], _: &str) -> Result<(), BadValue> {
        let (span, inside) = counted(payload, value)?;
        let seen = self.seen.checked_add(span.end - span.start).filter(|seen| *seen <= self.samples);
        self.seen = seen.ok_or_else(|| BadValue("more samples came in than were drawn".into()))?;
        self.inside += inside;
        Ok(())
    }

    fn finish(&mut self) -> Result<Value, BadValue> {
        if self.seen != self.samples {
            return Err(BadValue(format!("{} of {} samples are there", self.seen, self.samples)));
        }
        let share = self.inside as f64 / self.samples as f64;
        // Of four times a share: its binomial standard deviation.
        let standard_error = 4.0 * (share * (1.0 - share) / self.samples as f64).sqrt();
        Ok(json!({
            "pi": 4.0 * share,
            "standard_error": standard_error,
            "samples": self.samples,
            "inside": self.inside,
        }))
    }
}

struct Shown;

impl Presenter for Shown {
    fn columns(&self) -> &[&'static str] {
        &["from", "to", "inside"]
    }

    fn input(&self, payload: &[u8], text: &mut String) -> Result<(), BadValue> {
        let span = span(payload)?;
        // Writing to text can't fail.
        let _ = write!(text, "samples {}..{}", span.start, span.end);
        Ok(())
    }

    fn value(&self, payload: &[u8], value: &[u8], json: &mut String) -> Result<(), BadValue> {
        let (Range { start, end }, inside) = counted(payload, value)?;
        let _ = write!(json, r#"{{"from":{start},"to":{end},"inside":{inside}}}"#);
        Ok(())
    }

    fn text(&self, payload: &[u8], value: &[u8], line: &mut String) -> Result<(), BadValue> {
        let (span, inside) = counted(payload, value)?;
        let _ = write!(line, "{inside} of {} points are inside", span.end - span.start);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
