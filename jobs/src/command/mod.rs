//! The `command` kind: any program is a worker. It is started for each task, or once in each worker and then
//! asked in lines of JSON.
//!
//! Programs run in the worker's process group, so that a limit of time, a stop and the coordinator's end reach
//! them too; [`process`] is where they are made. No shell reads what an item holds: arguments are arguments,
//! and where the job asks for a shell, items come quoted, and only where the shell reads them so ([`script`]).

mod capture;
mod dialogue;
mod each;
mod input;
mod keys;
mod params;
mod process;
mod program;
mod request;
mod script;
mod setup;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod value;

use protocol::{Handler, TaskError};

use self::setup::{Mode, Setup};
use crate::spec::{JobSpec, SpecErrors};
use crate::{BadValue, Key, Kind, Plan, PlanOptions, Presenter};

/// The kind `command`.
pub(crate) struct Command;

/// The setup travels in one message.
const MAX_SETUP_BYTES: usize = 48 << 10;

impl Kind for Command {
    fn name(&self) -> &'static str {
        "command"
    }

    fn about(&self) -> &'static str {
        "runs a program for each item, or asks one program a worker in lines of JSON"
    }

    fn keys(&self) -> &'static [Key] {
        keys::KEYS
    }

    fn example(&self) -> &'static str {
        include_str!("../../command.toml")
    }

    fn deterministic(&self) -> bool {
        // Nobody knows what a program does; what it calls an error may be gone the next time.
        false
    }

    fn starts_processes(&self) -> bool {
        true
    }

    fn lines(&self) -> Option<&'static str> {
        Some("items")
    }

    fn plan(&self, job: &mut JobSpec, options: &PlanOptions) -> Result<Plan, SpecErrors> {
        let mut errors = SpecErrors::default();
        let source = input::source(job, options.items.as_ref(), &mut errors);
        let columns = source.as_ref().and_then(|source| source.columns.as_deref());
        let setup = params::read(job, columns, source.is_some(), &mut errors);
        let (Some(source), Some(setup)) = (source, setup) else {
            if errors.0.is_empty() {
                errors.push(job.params.error("", "can't be read"));
            }
            return Err(errors);
        };
        let encoded = serde_json::to_vec(&setup)
            .map_err(|error| job.params.error("", format!("can't be sent to workers: {error}")))?;
        if encoded.len() > MAX_SETUP_BYTES {
            errors.push(job.params.error("argv", "is too long: put a script into a file of its own"));
        }
        let input::Source { tasks, total, inputs, doubt, .. } = source;
        if let Some(doubt) = doubt.filter(|_| !setup.argv.iter().any(template::Template::names_columns)) {
            errors.push(doubt);
        }
        errors.into_result()?;
        Ok(Plan { tasks, total, setup: encoded, combine: None, inputs })
    }

    fn handler(&self, setup: &[u8]) -> Result<Box<dyn Handler>, TaskError> {
        let setup = Setup::read(setup).map_err(|bad| TaskError::new(bad.0))?;
        Ok(match setup.mode.clone() {
            Mode::Each { stdin, exit_codes } => Box::new(each::Each::new(setup, stdin, exit_codes)),
            Mode::Lines => Box::new(dialogue::Dialogue::new(setup)),
        })
    }

    fn presenter(&self, setup: &[u8]) -> Result<Box<dyn Presenter>, BadValue> {
        Ok(Box::new(value::Shown::new(Setup::read(setup)?)))
    }
}
