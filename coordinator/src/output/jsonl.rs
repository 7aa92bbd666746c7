//! One JSON object a line; the keys and their order are a contract.

use jobs::Presenter;

use super::columns::{Columns, input_or_id, push_number, push_worker};
use super::escape::{defuse_json, escape_json, push_json_string};
use crate::outcome::{Outcome, Reason};

/// Writes lines.
#[derive(Debug, Default)]
pub(super) struct JsonLines {
    // Invariant: `circumstances` is what stands between value and time for these attempts and this worker.
    // Neighbours mostly share them, and tiny tasks' lines are made by the million.
    attempts_and_worker: Option<(u32, u32)>,
    circumstances: String,
}

impl JsonLines {
    /// Appends the line of one outcome.
    pub(super) fn push_line(
        &mut self,
        outcome: &Outcome<'_>,
        presenter: &dyn Presenter,
        columns: Columns,
        line: &mut String,
    ) {
        line.push_str("{\"id\":");
        push_number(outcome.task.0, line);
        line.push_str(",\"input\":\"");
        let mark = line.len();
        input_or_id(outcome, presenter, line);
        escape_json(line, mark);
        push_result(outcome, presenter, line);
        if columns == Columns::All {
            line.push_str(self.circumstances(outcome.attempts, outcome.worker));
            push_number(outcome.micros, line);
            line.push_str(if outcome.slow { ",\"slow\":true}\n" } else { "}\n" });
        } else {
            line.push_str("}\n");
        }
    }

    /// `,"attempts":1,"worker":"worker-2","micros":`.
    fn circumstances(&mut self, attempts: u32, worker: u32) -> &str {
        if self.attempts_and_worker != Some((attempts, worker)) {
            self.attempts_and_worker = Some((attempts, worker));
            let text = &mut self.circumstances;
            text.clear();
            text.push_str(",\"attempts\":");
            push_number(attempts.into(), text);
            text.push_str(",\"worker\":");
            if worker == 0 {
                text.push_str("null");
            } else {
                text.push('"');
                push_worker(worker, text);
                text.push('"');
            }
            text.push_str(",\"micros\":");
        }
        &self.circumstances
    }
}

/// Closes the input's string and appends the value or the error.
fn push_result(outcome: &Outcome<'_>, presenter: &dyn Presenter, line: &mut String) {
    let bytes = match outcome.result {
        Ok(bytes) => bytes,
        Err(failure) => return push_error(failure.reason, &failure.message, line),
    };
    let mark = line.len();
    line.push_str("\",\"ok\":true,\"value\":");
    match presenter.value(outcome.payload, bytes, line) {
        Ok(()) => defuse_json(line, mark),
        Err(bad) => {
            line.truncate(mark);
            push_error(Reason::Protocol, &bad.0, line);
        }
    }
}

fn push_error(reason: Reason, message: &str, line: &mut String) {
    line.push_str("\",\"ok\":false,\"error\":{\"reason\":\"");
    line.push_str(reason.name());
    line.push_str("\",\"message\":");
    push_json_string(message, line);
    line.push('}');
}
