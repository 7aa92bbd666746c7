//! The `faults` kind: tasks that crash, hang and misbehave on purpose, for tests and rehearsals.

mod act;
mod behaviour;
#[cfg(test)]
mod tests;

use protocol::{Handler, Payloads, Task, TaskError};

use crate::spec::{Item, JobSpec, SpecError, SpecErrors};
use crate::{BadValue, Key, Kind, Plan, PlanError, PlanOptions, Presenter, Section, Tasks};
use behaviour::Behaviour;

/// Misbehaves.
pub(crate) struct Faults;

const KEYS: &[Key] = &[Key {
    section: Section::Input,
    name: "tasks",
    kind: "list of behaviours, each with `*N` behind it to repeat it",
    default: None,
    about: "ok, error, panic, abort, segfault, exit:CODE, kill, hang, stop, busy:SECONDS (of CPU), \
            sleep:SECONDS, memory:SIZE, child (leaves a process behind), garbage (nonsense on its link), close \
            (its link), stdout:SIZE, stderr:SIZE, overflow (the stack), flaky:N (fails the first N charged \
            attempts), mark:PATH (appends task and attempt to a file)",
    example: "[\"ok*38\", \"segfault\", \"memory:4GiB\", \"flaky:2\"]",
}];

impl Kind for Faults {
    fn name(&self) -> &'static str {
        "faults"
    }

    fn about(&self) -> &'static str {
        "crashes, hangs and misbehaves on purpose, for tests and rehearsals"
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn example(&self) -> &'static str {
        "kind = \"faults\"\n\n[input]\ntasks = [\"ok*38\", \"segfault\", \"ok\"]\n"
    }

    fn starts_processes(&self) -> bool {
        true
    }

    fn hidden(&self) -> bool {
        true
    }

    fn deterministic(&self) -> bool {
        false
    }

    fn plan(&self, job: &mut JobSpec, _options: &PlanOptions) -> Result<Plan, SpecErrors> {
        let hint = || Some("for example: tasks = [\"ok*38\", \"segfault\", \"ok\"]".into());
        let Some(list) = job.input.take("tasks") else {
            return Err(SpecError { hint: hint(), ..job.input.error("tasks", "is required") }.into());
        };
        let empty = SpecError { hint: hint(), ..list.error("holds no task: there is nothing to do") };
        let too_many = list.error("holds more than 2^64 - 1 tasks");
        let mut errors = SpecErrors::default();
        let mut runs = Vec::new();
        for item in list.into_list()? {
            runs.extend(errors.keep(repeated(&item, job)));
            if errors.are_enough() {
                break;
            }
        }
        errors.into_result()?;
        match runs.iter().try_fold(0_u64, |total, (_, times)| total.checked_add(*times)) {
            Some(0) => Err(empty.into()),
            None => Err(too_many.into()),
            total => Ok(Plan {
                total,
                tasks: Box::new(Repeated { runs, at: 0 }),
                setup: Vec::new(),
                combine: None,
                inputs: Vec::new(),
            }),
        }
    }

    fn handler(&self, _setup: &[u8]) -> Result<Box<dyn Handler>, TaskError> {
        Ok(Box::new(Actor))
    }

    fn presenter(&self, _setup: &[u8]) -> Result<Box<dyn Presenter>, BadValue> {
        Ok(Box::new(FaultsPresenter))
    }
}

/// Reads `ok*38`: a payload and how often it comes. A mark's path starts at the job file's folder.
fn repeated(item: &Item, job: &JobSpec) -> Result<(Vec<u8>, u64), SpecError> {
    let text = item.text()?;
    let (name, times) = match text.rsplit_once('*') {
        Some((name, times)) => match times.trim().parse() {
            Ok(times) => (name, times),
            Err(_) => {
                return Err(item.error(format!("`{times}` does not say how often: write it like `ok*38`")));
            }
        },
        None => (text, 1),
    };
    let behaviour = Behaviour::parse(name.trim())
        .map_err(|bad| SpecError { hint: Some(bad.hint), ..item.error(bad.message) })?;
    let behaviour = match behaviour {
        Behaviour::Mark(path) => Behaviour::Mark(absolute(&job.base().join(path))),
        other => other,
    };
    Ok((behaviour.to_string().into_bytes(), times))
}

/// A worker may have another working directory.
fn absolute(path: &std::path::Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Payloads, each so many times over.
struct Repeated {
    runs: Vec<(Vec<u8>, u64)>,
    at: usize,
}

impl Tasks for Repeated {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let before = into.len();
        while let Some((payload, times)) = self.runs.get_mut(self.at) {
            let here = (*times).min((max - (into.len() - before)) as u64);
            (0..here).for_each(|_| into.push(payload));
            *times -= here;
            if *times > 0 {
                break;
            }
            self.at += 1;
        }
        Ok(into.len() > before)
    }
}

/// A payload is a behaviour as people write it.
fn read(payload: &[u8]) -> Result<Behaviour, BadValue> {
    let text = std::str::from_utf8(payload).map_err(|_| BadValue("the payload is not text".into()))?;
    Behaviour::parse(text).map_err(|bad| BadValue(bad.message))
}

struct Actor;

impl Handler for Actor {
    fn run(&mut self, task: &Task<'_>, _value: &mut Vec<u8>) -> Result<(), TaskError> {
        let behaviour = read(task.payload).map_err(|bad| TaskError::new(bad.0))?;
        act::act(&behaviour, task)
    }
}

/// The value has no bytes: that there is one says everything.
struct FaultsPresenter;

impl Presenter for FaultsPresenter {
    fn columns(&self) -> &[&'static str] {
        &["ok"]
    }

    fn input(&self, payload: &[u8], text: &mut String) -> Result<(), BadValue> {
        *text += &read(payload)?.to_string();
        Ok(())
    }

    fn value(&self, payload: &[u8], value: &[u8], json: &mut String) -> Result<(), BadValue> {
        check(payload, value)?;
        json.push_str(r#"{"ok":true}"#);
        Ok(())
    }

    fn text(&self, payload: &[u8], value: &[u8], line: &mut String) -> Result<(), BadValue> {
        *line += &format!("{} went well", check(payload, value)?);
        Ok(())
    }
}

fn check(payload: &[u8], value: &[u8]) -> Result<Behaviour, BadValue> {
    if !value.is_empty() {
        return Err(BadValue("a fault's value has no bytes".into()));
    }
    read(payload)
}
