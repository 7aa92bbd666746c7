//! A kind of work that CONTRIBUTING.md shows: squares of numbers. Compiled and tested as the others are, and registered
//! nowhere.

use std::ops::Range;

use protocol::{Handler, Payloads, Task, TaskError};

use crate::spec::{JobSpec, SpecErrors};
use crate::{BadValue, Key, Kind, Plan, PlanError, PlanOptions, Presenter, Section, Tasks};

pub(crate) struct Squares;

const BELOW: Key = Key {
    section: Section::Input,
    name: "below",
    kind: "integer",
    default: None,
    about: "squares the numbers from 0 up to this one, which is left out",
    example: "10",
};

impl Kind for Squares {
    fn name(&self) -> &'static str {
        "squares"
    }

    fn about(&self) -> &'static str {
        "squares numbers"
    }

    fn keys(&self) -> &'static [Key] {
        &[BELOW]
    }

    fn example(&self) -> &'static str {
        "kind = \"squares\"\n\n[input]\nbelow = 10\n"
    }

    fn plan(&self, job: &mut JobSpec, _: &PlanOptions) -> Result<Plan, SpecErrors> {
        let below =
            job.input.take("below").ok_or_else(|| job.input.error("below", "is required"))?.number()?;
        let tasks = Box::new(Numbers(0..below));
        Ok(Plan { tasks, total: Some(below), setup: Vec::new(), combine: None, inputs: Vec::new() })
    }

    fn handler(&self, _: &[u8]) -> Result<Box<dyn Handler>, TaskError> {
        Ok(Box::new(Squares))
    }

    fn presenter(&self, _: &[u8]) -> Result<Box<dyn Presenter>, BadValue> {
        Ok(Box::new(Squares))
    }
}

/// The tasks, made as they are needed: a payload is a number, eight bytes.
struct Numbers(Range<u64>);

impl Tasks for Numbers {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let before = into.len();
        self.0.by_ref().take(max).for_each(|number| into.push(&number.to_le_bytes()));
        Ok(into.len() > before)
    }
}

/// In the worker: a value is sixteen bytes.
impl Handler for Squares {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let number = number(task.payload).map_err(|bad| TaskError::new(bad.0))?;
        value.extend((u128::from(number) * u128::from(number)).to_le_bytes());
        Ok(())
    }
}

/// In the coordinator again. Payloads and values come from files and workers: their length is checked, not believed.
impl Presenter for Squares {
    fn columns(&self) -> &[&'static str] {
        &["square"]
    }

    fn input(&self, payload: &[u8], text: &mut String) -> Result<(), BadValue> {
        *text += &number(payload)?.to_string();
        Ok(())
    }

    fn value(&self, _: &[u8], value: &[u8], json: &mut String) -> Result<(), BadValue> {
        // As text: not every program reads integers beyond 2⁵³.
        *json += &format!("{{\"square\":\"{}\"}}", square(value)?);
        Ok(())
    }

    fn text(&self, payload: &[u8], value: &[u8], line: &mut String) -> Result<(), BadValue> {
        *line += &format!("{} squared is {}", number(payload)?, square(value)?);
        Ok(())
    }
}

fn number(payload: &[u8]) -> Result<u64, BadValue> {
    payload.try_into().map(u64::from_le_bytes).map_err(|_| BadValue("a number has eight bytes".into()))
}

fn square(value: &[u8]) -> Result<u128, BadValue> {
    value.try_into().map(u128::from_le_bytes).map_err(|_| BadValue("a square has sixteen bytes".into()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use protocol::{Context, TaskId};

    use super::*;

    #[test]
    fn its_example_runs_from_the_plan_to_the_line() {
        let mut job = JobSpec::parse("squares.toml", Squares.example(), Path::new("."), &[]).unwrap();
        let mut plan = Squares.plan(&mut job, &PlanOptions::default()).unwrap();
        let mut payloads = Payloads::new();
        while plan.tasks.next(3, &mut payloads).unwrap() {}
        assert_eq!((plan.total, payloads.len()), (Some(10), 10));
        let (mut handler, presenter) = (Squares.handler(&[]).unwrap(), Squares.presenter(&[]).unwrap());
        let (mut value, mut line) = (Vec::new(), String::new());
        let payload = payloads.iter().nth(9).unwrap();
        let context = Context { worker: "worker-1", link: None };
        handler.run(&Task { id: TaskId(9), attempt: 1, payload, context }, &mut value).unwrap();
        presenter.text(payload, &value, &mut line).unwrap();
        assert_eq!(line, "9 squared is 81");
        assert!(presenter.value(payload, b"short", &mut line).is_err());
    }
}
