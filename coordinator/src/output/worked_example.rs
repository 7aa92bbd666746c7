//! A format of results that CONTRIBUTING.md shows: a list in Markdown, an item a task. Compiled and tested as the others
//! are, and registered nowhere.

use jobs::Presenter;

use super::columns::{Columns, input_or_id};
use super::encoder::{Encoder, Entry};
use super::escape::printable;
use crate::outcome::Outcome;

pub(super) const FORMAT: Entry = Entry {
    name: "markdown",
    about: "A list in Markdown, an item a task",
    extensions: &["md"],
    for_people: false,
    encoder: |_| Box::new(List),
};

struct List;

impl Encoder for List {
    fn push(&mut self, outcome: &Outcome<'_>, presenter: &dyn Presenter, _: Columns, text: &mut String) {
        let mut item = String::new();
        let told = match outcome.result {
            Ok(value) => presenter.text(outcome.payload, value, &mut item).map_err(|bad| bad.0),
            Err(failure) => Err(failure.message.to_string()),
        };
        if let Err(message) = told {
            item.clear();
            input_or_id(outcome, presenter, &mut item);
            item.push_str(&format!(": failed: {message}"));
        }
        // What a task or a worker wrote may hold anything.
        text.push_str(&format!("- {}\n", printable(&item)));
    }
}

#[cfg(test)]
mod tests {
    use protocol::TaskId;

    use super::*;
    use crate::output::encoder::Look;
    use crate::testing::EchoPresenter;

    #[test]
    fn each_task_is_an_item() {
        let (mut encoder, mut text) = ((FORMAT.encoder)(Look::default()), String::new());
        for (task, value) in [(0, b"two".as_slice()), (1, b"\xff")] {
            let (task, result) = (TaskId(task), Ok(value));
            let outcome =
                Outcome { task, payload: b"2", attempts: 1, worker: 1, micros: 7, slow: false, result };
            encoder.push(&outcome, &EchoPresenter, Columns::All, &mut text);
        }
        assert_eq!(text, "- 2 says two\n- 2: failed: an echo is text\n");
    }
}
