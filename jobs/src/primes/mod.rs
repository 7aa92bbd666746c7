//! The `primes` kind: is each of these numbers prime, or how many primes does a range hold?
//!
//! Below 2⁶⁴ every answer is certain. Above, "not prime" is certain and "prime" is very probable: no number
//! is known that the test calls prime wrongly, and it draws nothing at random, so that a number gets the same
//! answer every time. See `primality` for the tests and `sieve` for the counting.

mod base;
mod base_up_to;
mod count;
mod factor;
mod file;
mod input;
mod number;
mod present;
mod primality;
mod sieve;
mod tasks;
#[cfg(test)]
mod tests;
mod wheel;

use std::ops::Range;

use protocol::{Handler, TaskError};

use crate::lines::List;
use crate::spec::{JobSpec, SpecError, SpecErrors};
use crate::{BadValue, Key, Kind, Plan, PlanOptions, Presenter, Section};
use count::{CountPresenter, Counter, Segments, Total};
use input::Source;
use present::{NumberPresenter, Tester};

/// Tests numbers for primality, or counts the primes of a range.
pub(crate) struct Primes;

const KEYS: &[Key] = &[
    Key {
        section: Section::Input,
        name: "numbers",
        kind: "list of integers; in quotes where they are large",
        default: None,
        about: "the numbers to test, of any sign and of up to 20,000 digits",
        example: "[2, 36, \"170141183460469231731687303715884105727\"]",
    },
    Key {
        section: Section::Input,
        name: "range",
        kind: "table of two integers",
        default: None,
        about: "all numbers from `from` up to but not including `to`, within 0 and 2^64",
        example: "{ from = 10_000_000_000_000, to = 10_000_000_001_000 }",
    },
    Key {
        section: Section::Input,
        name: "file",
        kind: "path",
        default: None,
        about: "a file with one number a line; blank lines and what follows a # are skipped",
        example: "\"numbers.txt\"",
    },
    Key {
        section: Section::Params,
        name: "factor",
        kind: "true or false",
        default: Some("false"),
        about: "also tell the smallest factor of what is not prime (from 2^64 on: if it is below 1,000,000)",
        example: "true",
    },
    Key {
        section: Section::Params,
        name: "count",
        kind: "true or false",
        default: Some("false"),
        about: "count the primes of the range by sieving instead of testing its numbers",
        example: "true",
    },
];

impl Kind for Primes {
    fn name(&self) -> &'static str {
        "primes"
    }

    fn about(&self) -> &'static str {
        "tests numbers for primality (certain below 2^64, very probable above), or counts the primes of a range"
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn example(&self) -> &'static str {
        include_str!("../../primes.toml")
    }

    fn lines(&self) -> Option<&'static str> {
        Some("numbers")
    }

    fn plan(&self, job: &mut JobSpec, options: &PlanOptions) -> Result<Plan, SpecErrors> {
        let mut errors = SpecErrors::default();
        let mode = mode(job, options.items.is_some(), &mut errors);
        let source = input::source(job, options.items.as_ref(), &mut errors);
        errors.into_result()?;
        match (mode, source) {
            (Mode::Count, Some(Source::Range(range))) => Ok(count_plan(range)),
            (mode, Some(source)) => Ok(test_plan(mode == Mode::Factor, source)),
            // Every way to no source leaves an error behind.
            (_, None) => Err(job.input.error("", "can't be read").into()),
        }
    }

    fn handler(&self, setup: &[u8]) -> Result<Box<dyn Handler>, TaskError> {
        Ok(match Setup::read(setup).map_err(|bad| TaskError::new(bad.0))? {
            Setup::Test { factor } => Box::new(Tester { factor }),
            Setup::Count { last } => Box::new(Counter::new(last)),
        })
    }

    fn presenter(&self, setup: &[u8]) -> Result<Box<dyn Presenter>, BadValue> {
        Ok(match Setup::read(setup)? {
            Setup::Test { factor } => Box::new(NumberPresenter { factor }),
            Setup::Count { .. } => Box::new(CountPresenter),
        })
    }
}

/// What `[params]` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Test,
    Factor,
    Count,
}

fn mode(job: &mut JobSpec, items: bool, errors: &mut SpecErrors) -> Mode {
    let mut flag = |key: &str| {
        let item = job.params.take(key)?;
        errors.keep(item.bool())?.then_some(item)
    };
    let (factor, count) = (flag("factor"), flag("count"));
    let Some(count) = count else {
        return if factor.is_some() { Mode::Factor } else { Mode::Test };
    };
    if let Some(factor) = factor {
        errors.push(factor.error("has no meaning where primes are only counted"));
    }
    if !job.input.has("range") || items {
        errors.push(SpecError {
            hint: Some("for example: input.range = { from = 0, to = 1_000_000 }".into()),
            ..count.error("needs `input.range`: only a range can be counted")
        });
    }
    Mode::Count
}

fn count_plan(range: Range<u128>) -> Plan {
    let last = u64::try_from(range.end.saturating_sub(1)).unwrap_or(u64::MAX);
    let segments = Segments::new(range.clone());
    Plan {
        total: Some(segments.count()),
        tasks: Box::new(segments),
        setup: Setup::Count { last }.write(),
        combine: Some(Box::new(Total::new(range))),
        inputs: Vec::new(),
    }
}

fn test_plan(factor: bool, source: Source) -> Plan {
    let total = match &source {
        Source::Numbers(payloads) => Some(payloads.len() as u64),
        Source::Range(range) => u64::try_from(range.end.saturating_sub(range.start)).ok(),
        Source::Lines(_) => None,
    };
    let inputs = match &source {
        Source::Lines(lines) => lines.inputs(),
        _ => Vec::new(),
    };
    Plan {
        total,
        tasks: match source {
            Source::Numbers(payloads) => Box::new(List::new(payloads)),
            Source::Range(range) => Box::new(tasks::Numbers(range)),
            Source::Lines(lines) => Box::new(lines),
        },
        setup: Setup::Test { factor }.write(),
        combine: None,
        inputs,
    }
}

/// What every worker of a job knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setup {
    /// A task is a number.
    Test { factor: bool },
    /// A task is a segment of a range whose last number is this.
    Count { last: u64 },
}

impl Setup {
    fn write(self) -> Vec<u8> {
        match self {
            Self::Test { factor } => vec![u8::from(factor)],
            Self::Count { last } => [[2].as_slice(), &last.to_le_bytes()].concat(),
        }
    }

    fn read(setup: &[u8]) -> Result<Self, BadValue> {
        match setup {
            [0] => Ok(Self::Test { factor: false }),
            [1] => Ok(Self::Test { factor: true }),
            [2, last @ ..] if last.len() == 8 => {
                let last = last.try_into().map(u64::from_le_bytes).unwrap_or_default();
                Ok(Self::Count { last })
            }
            _ => Err(BadValue("the setup is not one of the kind `primes`".into())),
        }
    }
}
