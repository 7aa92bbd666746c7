//! The `sleep` kind: tasks that take as long as they are told to, for learning, demos and tests.

use std::thread;
use std::time::Duration;

use protocol::{Handler, Payloads, Task, TaskError};

use crate::lines::{LineTasks, Lines, Readable, refuse};
use crate::spec::{Item, JobSpec, SpecError, SpecErrors};
use crate::{BadValue, ItemsFrom, Key, Kind, Plan, PlanError, PlanOptions, Presenter, Section, Tasks};

/// Sleeps.
pub(crate) struct Sleep;

/// The longest sleep, in seconds: a day.
const LONGEST: f64 = 86_400.0;
/// The longest line of a list of sleeps, in bytes.
const LONGEST_LINE: usize = 400;

const KEYS: &[Key] = &[Key {
    section: Section::Input,
    name: "seconds",
    kind: "list of numbers",
    default: None,
    about: "how long each task sleeps, from 0 to 86,400 seconds",
    example: "[0.3, 0.1, 0]",
}];

impl Kind for Sleep {
    fn name(&self) -> &'static str {
        "sleep"
    }

    fn about(&self) -> &'static str {
        "sleeps as long as it is told to, for learning, demos and tests"
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn example(&self) -> &'static str {
        include_str!("../sleep.toml")
    }

    fn lines(&self) -> Option<&'static str> {
        Some("seconds")
    }

    fn plan(&self, job: &mut JobSpec, options: &PlanOptions) -> Result<Plan, SpecErrors> {
        let list = job.input.take("seconds");
        if let Some(items) = &options.items {
            return Ok(plan_lines(items)?);
        }
        let Some(list) = list else {
            return Err(SpecError { hint: hint(), ..job.input.error("seconds", "is required") }.into());
        };
        let empty = SpecError { hint: hint(), ..list.error("is an empty list: there is nothing to do") };
        let mut errors = SpecErrors::default();
        let mut sleeps = Vec::new();
        for item in list.into_list()? {
            sleeps.extend(errors.keep(seconds(&item)));
            if errors.are_enough() {
                break;
            }
        }
        errors.into_result()?;
        if sleeps.is_empty() {
            return Err(empty.into());
        }
        Ok(Plan {
            total: Some(sleeps.len() as u64),
            tasks: Box::new(Sleeps(sleeps.into_iter())),
            setup: Vec::new(),
            combine: None,
            inputs: Vec::new(),
        })
    }

    fn handler(&self, _setup: &[u8]) -> Result<Box<dyn Handler>, TaskError> {
        Ok(Box::new(Sleeper))
    }

    fn presenter(&self, _setup: &[u8]) -> Result<Box<dyn Presenter>, BadValue> {
        Ok(Box::new(SleepPresenter))
    }
}

/// Sleeps that come one a line.
fn plan_lines(items: &ItemsFrom) -> Result<Plan, SpecError> {
    let readable = Readable::find(items).map_err(|problem| refuse(items, &problem))?;
    let tasks = LineTasks::new(Lines::new(readable, LONGEST_LINE), "seconds", Box::new(take_line));
    let inputs = tasks.inputs();
    Ok(Plan { total: None, tasks: Box::new(tasks), setup: Vec::new(), combine: None, inputs })
}

fn take_line(line: &[u8], into: &mut Payloads) -> Result<(), String> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    if text.is_empty() {
        return Ok(());
    }
    match text.parse::<f64>().ok().filter(|seconds| (0.0..=LONGEST).contains(seconds)) {
        Some(seconds) => into.push(&(seconds + 0.0).to_le_bytes()),
        None => return Err(format!("{text:?} is not a number from 0 to {LONGEST}")),
    }
    Ok(())
}

fn hint() -> Option<String> {
    Some("for example: seconds = [0.3, 0.1, 0]".into())
}

fn seconds(item: &Item) -> Result<f64, SpecError> {
    let seconds = item.float()?;
    if (0.0..=LONGEST).contains(&seconds) {
        // Adding 0 turns -0 into 0.
        return Ok(seconds + 0.0);
    }
    Err(item.error(format!("{} is not from 0 to {LONGEST} seconds", item.describe())))
}

struct Sleeps(std::vec::IntoIter<f64>);

impl Tasks for Sleeps {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let before = into.len();
        self.0.by_ref().take(max).for_each(|seconds| into.push(&seconds.to_le_bytes()));
        Ok(into.len() > before)
    }
}

/// Payload and value alike: the seconds, as the eight bytes of a double, lowest first.
fn read(bytes: &[u8]) -> Result<f64, BadValue> {
    let seconds = bytes.try_into().map(f64::from_le_bytes);
    seconds
        .ok()
        .filter(|seconds| (0.0..=LONGEST).contains(seconds))
        .ok_or_else(|| BadValue("these bytes are no number of seconds".into()))
}

struct Sleeper;

impl Handler for Sleeper {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let seconds = read(task.payload).map_err(|bad| TaskError::new(bad.0))?;
        thread::sleep(Duration::from_secs_f64(seconds));
        value.extend_from_slice(task.payload);
        Ok(())
    }
}

struct SleepPresenter;

impl Presenter for SleepPresenter {
    fn columns(&self) -> &[&'static str] {
        &["slept"]
    }

    fn input(&self, payload: &[u8], text: &mut String) -> Result<(), BadValue> {
        *text += &read(payload)?.to_string();
        Ok(())
    }

    fn value(&self, payload: &[u8], value: &[u8], json: &mut String) -> Result<(), BadValue> {
        *json += &format!(r#"{{"slept":{}}}"#, slept(payload, value)?);
        Ok(())
    }

    fn text(&self, payload: &[u8], value: &[u8], line: &mut String) -> Result<(), BadValue> {
        *line += &format!("slept {} s", slept(payload, value)?);
        Ok(())
    }
}

fn slept(payload: &[u8], value: &[u8]) -> Result<f64, BadValue> {
    if payload != value {
        return Err(BadValue("the task slept for another time than it should".into()));
    }
    read(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{errors, run};

    #[test]
    fn sleeps_are_told_in_seconds() {
        let (done, combine) = run("kind = \"sleep\"\ninput.seconds = [0, 0.001, -0.0, 1e-9]");
        assert!(combine.is_none());
        let read: Vec<_> = done.iter().map(|done| (done.input.as_str(), done.text.as_str())).collect();
        let expected = [
            ("0", "slept 0 s"),
            ("0.001", "slept 0.001 s"),
            ("0", "slept 0 s"),
            ("0.000000001", "slept 0.000000001 s"),
        ];
        assert_eq!(read, expected);
        assert_eq!(done[1].json, r#"{"slept":0.001}"#);
    }

    #[test]
    fn the_example_can_be_planned() {
        let toml = Sleep.example();
        let (_, mut plan) = crate::testing::plan_in(std::path::Path::new("."), toml).unwrap();
        assert_eq!(crate::testing::payloads(&mut plan).len(), 8);
    }

    #[test]
    fn times_that_cannot_be_slept_are_refused_all_at_once() {
        let toml = "kind = \"sleep\"\n[input]\nseconds = [-1, inf, nan, \"1\", 86401, 0.5]\n";
        assert_eq!(
            errors(toml),
            [
                "job.toml:3:12: `input.seconds[0]`: -1 is not from 0 to 86400 seconds",
                "job.toml:3:16: `input.seconds[1]`: inf is not from 0 to 86400 seconds",
                "job.toml:3:21: `input.seconds[2]`: NaN is not from 0 to 86400 seconds",
                "job.toml:3:26: `input.seconds[3]`: \"1\" is not a number",
                "job.toml:3:31: `input.seconds[4]`: 86401 is not from 0 to 86400 seconds",
            ]
            .join("\n")
        );
        assert!(errors("kind = \"sleep\"").starts_with("job.toml: `input.seconds`: is required"));
        assert!(errors("kind = \"sleep\"\ninput.seconds = []").contains("is an empty list"));
    }

    #[test]
    fn values_of_others_are_refused() {
        let mut text = String::new();
        let half = 0.5_f64.to_le_bytes();
        assert!(SleepPresenter.value(&half, &half, &mut text).is_ok());
        assert!(SleepPresenter.value(&half, &1.0_f64.to_le_bytes(), &mut text).is_err());
        for bad in [b"".as_slice(), b"1234567", &f64::NAN.to_le_bytes(), &(-1.0_f64).to_le_bytes()] {
            assert!(SleepPresenter.text(bad, bad, &mut text).is_err(), "{bad:?}");
            assert!(SleepPresenter.input(bad, &mut text).is_err(), "{bad:?}");
        }
    }
}
