//! A command of one's own: `run`, `resume`, `check` and all the rest, with a kind that nobody else has.
//!
//! `cargo run --example custom_kind -- run vowels.toml`, where vowels.toml says
//!
//! ```toml
//! kind = "vowels"
//! [input]
//! items = ["crash", "isolated", "process pool"]
//! ```

use std::process::ExitCode;

use coordinator::TaskError;
use coordinator::cli::{kinds_with, main_with};
use coordinator::jobs::TextKind;
use serde_json::{Value, json};

static VOWELS: TextKind = TextKind::new("vowels", "counts the vowels of a text", vowels);

fn vowels(text: &str) -> Result<Value, TaskError> {
    if !text.is_ascii() {
        return Err(TaskError::new(format!("{text:?} has letters that this example does not know")));
    }
    let count = text.chars().filter(|letter| "aeiouAEIOU".contains(*letter)).count();
    Ok(json!(count))
}

fn main() -> ExitCode {
    main_with(kinds_with(&[&VOWELS]))
}
