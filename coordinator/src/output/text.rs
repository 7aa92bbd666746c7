//! One line a task for people.
//!
//! Without the worker's name in front, the text of a run is the same for any number of workers.

use anstyle::{AnsiColor, Style};
use jobs::Presenter;
use jobs::words::shortened;

use super::columns::{INPUT_LENGTH, input_or_id, push_worker, without_input};
use super::escape::defuse;
use crate::outcome::{Outcome, Reason};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Look {
    /// Say who did it.
    pub(super) worker: bool,
    /// Failures in red.
    pub(super) colour: bool,
}

/// Appends the line of one outcome.
pub(super) fn push_line(outcome: &Outcome<'_>, presenter: &dyn Presenter, look: Look, line: &mut String) {
    if look.worker && outcome.worker > 0 {
        push_worker(outcome.worker, line);
        line.push_str(": ");
    }
    let mark = line.len();
    match outcome.result {
        Ok(value) => match presenter.text(outcome.payload, value, line) {
            Ok(()) => defuse(line, mark),
            Err(bad) => {
                line.truncate(mark);
                push_failure(outcome, presenter, look, (Reason::Protocol, &bad.0), line);
            }
        },
        Err(failure) => {
            push_failure(outcome, presenter, look, (failure.reason, &failure.message), line);
        }
    }
    line.push('\n');
}

/// `INPUT: failed (signal): killed by SIGSEGV`.
fn push_failure(
    outcome: &Outcome<'_>,
    presenter: &dyn Presenter,
    look: Look,
    (reason, message): (Reason, &str),
    line: &mut String,
) {
    let red = if look.colour { AnsiColor::Red.on_default() } else { Style::new() };
    let mark = line.len();
    let mut input = String::new();
    input_or_id(outcome, presenter, &mut input);
    line.push_str(&shortened(&input, INPUT_LENGTH));
    defuse(line, mark);
    line.push_str(": ");
    line.push_str(&format!("{red}failed ({}){red:#}: ", reason.name()));
    let mark = line.len();
    line.push_str(without_input(message, &input));
    defuse(line, mark);
}
