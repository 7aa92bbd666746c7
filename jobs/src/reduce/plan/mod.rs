//! From the kind's keys to tasks: what to reduce, with what, in pieces of which size.

mod chunk;
mod files;
mod input;
mod items;
mod tasks;

use std::path::PathBuf;

use self::chunk::Chunk;
use self::input::Input;
use self::tasks::Cutter;
use super::op::{self, Op};
use super::setup::{Setup, Source};
use super::tree::no_answer;
use crate::spec::{Item, JobSpec, SpecError, SpecErrors, Table};

/// A planned job.
pub(super) struct Planned {
    pub(super) setup: Setup,
    pub(super) tasks: Cutter,
    pub(super) inputs: Vec<PathBuf>,
}

/// `[params]`.
struct Params {
    op: Op,
    op_item: Item,
    ddof: u64,
    exact: bool,
    chunk: Option<Item>,
}

/// Reads the keys, looks at the files' headers, and decides on the pieces.
pub(super) fn plan(job: &mut JobSpec) -> Result<Planned, SpecErrors> {
    let mut errors = SpecErrors::default();
    let params = params(&mut job.params, &mut errors);
    let input = input(job, params.as_ref().map(|params| params.op), &mut errors);
    let (Some(params), Some(input)) = (params, input) else { return Err(errors) };
    if let Err(error) = check(&params, &input) {
        errors.push(error);
    }
    let chunk = params.chunk.as_ref().map(chunk_size).transpose().unwrap_or_else(|error| {
        errors.push(error);
        None
    });
    errors.into_result()?;
    let precision = chunk::precision(&input, params.exact);
    let chunk = Chunk { op: params.op, precision, wanted: chunk };
    let (source, inputs) = (input.source(), input.paths());
    let tasks = Cutter::new(input, chunk);
    let setup = Setup { op: params.op, ddof: params.ddof, precision, source, tasks: tasks.total() };
    Ok(Planned { setup, tasks, inputs })
}

fn params(table: &mut Table, errors: &mut SpecErrors) -> Option<Params> {
    let op = table.take("op");
    let (ddof, exact) = (table.take("ddof"), table.take("exact"));
    let chunk = table.take("chunk");
    let exact = match exact.map(|item| item.bool()).transpose() {
        Ok(exact) => exact.unwrap_or(false),
        Err(error) => {
            errors.push(error);
            false
        }
    };
    let Some(op_item) = op else {
        errors.push(SpecError {
            hint: Some("for example: op = \"sum\"".into()),
            ..table.error("op", "is required: what to reduce the numbers with")
        });
        return None;
    };
    let op = match op_item.text().map(|name| (Op::named(name), name)) {
        Ok((Some(op), _)) => op,
        Ok((None, name)) => {
            let (message, hint) = op::refuse(name);
            errors.push(SpecError { hint: Some(hint), ..op_item.error(message) });
            return None;
        }
        Err(error) => {
            errors.push(error);
            return None;
        }
    };
    let ddof = match ddof.map(|item| read_ddof(&item, op)).transpose() {
        Ok(ddof) => ddof.unwrap_or(0),
        Err(error) => {
            errors.push(error);
            0
        }
    };
    Some(Params { op, op_item, ddof, exact, chunk })
}

fn read_ddof(item: &Item, op: Op) -> Result<u64, SpecError> {
    if !op.is_spread() {
        return Err(item.error(format!("means nothing for {op}; only variance and stddev have a divisor")));
    }
    item.number()
}

fn chunk_size(item: &Item) -> Result<u64, SpecError> {
    match item.number()? {
        0 => Err(SpecError {
            hint: Some("leave it out, and the size follows from the input".into()),
            ..item.error("a task can't be of 0 items")
        }),
        chunk => Ok(chunk),
    }
}

/// The keys that say where the numbers are; exactly one of them is given.
const PLACES: [&str; 5] = ["values", "range", "file", "files", "glob"];

fn input(job: &mut JobSpec, op: Option<Op>, errors: &mut SpecErrors) -> Option<Input> {
    let mut places: Vec<(&str, Item)> =
        PLACES.iter().filter_map(|place| Some((*place, job.input.take(place)?))).collect();
    let options = files::Options::take(&mut job.input);
    let Some((place, item)) = places.pop() else {
        errors.push(SpecError {
            hint: Some("for example: values = [1, 4, 8, 3, 2, 5]".into()),
            ..job.input.error("", format!("needs one of {}", PLACES.join(", ")))
        });
        return None;
    };
    if let Some((other, _)) = places.first() {
        errors.push(
            item.error(format!("can't stand together with `{other}`; give one of {}", PLACES.join(", "))),
        );
        return None;
    }
    let read = match place {
        "values" => options.refuse_all(place).and_then(|()| items::values(item, op)),
        "range" => options.refuse_all(place).and_then(|()| items::range(item)),
        _ => files::read(job, place, item, options),
    };
    match read {
        Ok(input) => Some(input),
        Err(more) => {
            errors.0.extend(more.0);
            None
        }
    }
}

/// What does not go together, and what has no answer.
fn check(params: &Params, input: &Input) -> Result<(), SpecError> {
    let Params { op, op_item, ddof, .. } = params;
    if op.is_bitwise() && input.is_float() {
        let what = match input.source() {
            Source::Array(dtype) => format!("elements of type {}", dtype.name()),
            _ => "numbers with a fraction".to_owned(),
        };
        return Err(SpecError {
            hint: Some("and, or and xor work on integers and on true and false".into()),
            ..op_item.error(format!("can't combine {what}: they have no bits to combine"))
        });
    }
    // Not known of a table with rows.
    let Some(count) = input.count() else { return Ok(()) };
    if op.needs_items() && count == 0 || op.is_spread() && count <= *ddof {
        return Err(op_item.error(no_answer(*op, *ddof, count)));
    }
    Ok(())
}
