//! What all formats of results share: which columns there are, and how the values in them are written.

use jobs::Presenter;

use crate::outcome::Outcome;

/// Longer inputs are cut in text; the other formats have them whole.
pub(crate) const INPUT_LENGTH: usize = 200;

/// Which columns are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// All of them.
    All,
    /// Those that depend on the input only.
    Reproducible,
}

/// Appends what the user gave for a task; a payload that the kind doesn't know is named by its id.
pub(super) fn input_or_id(outcome: &Outcome<'_>, presenter: &dyn Presenter, line: &mut String) {
    let mark = line.len();
    if presenter.input(outcome.payload, line).is_err() {
        line.truncate(mark);
        line.push_str("task ");
        push_number(outcome.task.0, line);
    }
}

/// A failure's message without the input that it begins with, for places where the input stands before it.
pub(super) fn without_input<'a>(message: &'a str, input: &str) -> &'a str {
    let rest = message.strip_prefix(input).and_then(|rest| rest.strip_prefix(": "));
    rest.filter(|rest| !input.is_empty() && !rest.is_empty()).unwrap_or(message)
}

/// Appends `worker-3`.
pub(super) fn push_worker(number: u32, line: &mut String) {
    line.push_str("worker-");
    push_number(number.into(), line);
}

/// Appends decimal digits.
pub(super) fn push_number(number: u64, line: &mut String) {
    match number {
        // Attempts, workers and the times of tiny tasks are mostly these.
        0..10 => line.push(char::from(b'0' + number as u8)),
        _ => line.push_str(itoa::Buffer::new().format(number)),
    }
}
