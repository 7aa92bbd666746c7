//! A kind of work made from one function: a text in, a JSON value out.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use protocol::{Handler, Payloads, Task, TaskError};
use serde_json::Value;

use crate::spec::{JobSpec, SpecError, SpecErrors};
use crate::{BadValue, Key, Kind, Plan, PlanError, PlanOptions, Presenter, Section, Tasks};

/// What a [`TextKind`] does with an item.
///
/// ```
/// let length: jobs::TextFunction = |text| Ok(text.chars().count().into());
/// assert_eq!(length("five!").map_err(|error| error.to_string()), Ok(5.into()));
/// ```
pub type TextFunction = fn(&str) -> Result<Value, TaskError>;

/// A kind of work made from one function, which gets an item, as text, and returns a JSON value.
///
/// Its job files have `[input] items = ["a", "b"]`, or `file = "items.txt"` with one item a line. A kind that
/// needs more implements [`Kind`] itself.
///
/// ```
/// use jobs::{Kind, TextKind};
///
/// static LENGTH: TextKind = TextKind::new("length", "counts the characters of a text", |text| {
///     Ok(text.chars().count().into())
/// });
/// assert_eq!(LENGTH.name(), "length");
/// ```
#[derive(Debug)]
pub struct TextKind {
    name: &'static str,
    about: &'static str,
    function: TextFunction,
}

impl TextKind {
    /// A kind with this name that does `function` with every item; `about` says what that is, in a line
    /// without a full stop.
    pub const fn new(name: &'static str, about: &'static str, function: TextFunction) -> Self {
        Self { name, about, function }
    }
}

const KEYS: &[Key] = &[
    Key {
        section: Section::Input,
        name: "items",
        kind: "list of texts",
        default: None,
        about: "what to work on",
        example: "[\"a\", \"b\"]",
    },
    Key {
        section: Section::Input,
        name: "file",
        kind: "path",
        default: None,
        about: "a file with one item a line, in place of `items`",
        example: "\"items.txt\"",
    },
];

impl Kind for TextKind {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn example(&self) -> &'static str {
        // Asked for once a process, by who prints it.
        format!("kind = {:?}\n\n[input]\nitems = [\"a\", \"b\"]\n", self.name).leak()
    }

    fn plan(&self, job: &mut JobSpec, _: &PlanOptions) -> Result<Plan, SpecErrors> {
        let (items, file) = (job.input.take("items"), job.input.take("file"));
        let (tasks, total, inputs): (Box<dyn Tasks>, _, _) = match (items, file) {
            (Some(items), None) => {
                let mut errors = SpecErrors::default();
                let mut texts = Vec::new();
                for item in items.into_list()? {
                    texts.extend(errors.keep(item.text().map(str::to_owned)));
                    if errors.are_enough() {
                        break;
                    }
                }
                errors.into_result()?;
                let total = texts.len() as u64;
                (Box::new(Texts(texts.into_iter())), Some(total), Vec::new())
            }
            (None, Some(file)) => {
                let path = job.resolve(file.text()?);
                let open = File::open(&path)
                    .map_err(|error| file.error(format!("{} can't be read: {error}", path.display())))?;
                let lines = Lines { path: path.clone(), reader: BufReader::new(open), number: 0 };
                (Box::new(lines), None, vec![path])
            }
            (Some(_), Some(file)) => {
                return Err(file.error("stands beside `items`: take one of them").into());
            }
            (None, None) => {
                let hint = Some("for example: items = [\"a\", \"b\"]".to_owned());
                return Err(SpecError { hint, ..job.input.error("items", "is required, or `file`") }.into());
            }
        };
        Ok(Plan { tasks, total, setup: Vec::new(), combine: None, inputs })
    }

    fn handler(&self, _: &[u8]) -> Result<Box<dyn Handler>, TaskError> {
        Ok(Box::new(Run(self.function)))
    }

    fn presenter(&self, _: &[u8]) -> Result<Box<dyn Presenter>, BadValue> {
        Ok(Box::new(Texts(Vec::new().into_iter())))
    }
}

struct Texts(std::vec::IntoIter<String>);

impl Tasks for Texts {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let before = into.len();
        self.0.by_ref().take(max).for_each(|text| into.push(text.as_bytes()));
        Ok(into.len() > before)
    }
}

/// A file's lines, as they are needed.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    number: u64,
}

impl Tasks for Lines {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let mut line = String::new();
        for taken in 0..max {
            line.clear();
            self.number += 1;
            let read = self.reader.read_line(&mut line);
            let read =
                read.map_err(|error| PlanError(format!("{}:{}: {error}", self.path.display(), self.number)))?;
            if read == 0 {
                return Ok(taken > 0);
            }
            into.push(line.trim_end_matches(['\n', '\r']).as_bytes());
        }
        Ok(true)
    }
}

fn text_of(bytes: &[u8]) -> Result<&str, BadValue> {
    std::str::from_utf8(bytes).map_err(|_| BadValue("an item is text".into()))
}

struct Run(TextFunction);

impl Handler for Run {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let text = text_of(task.payload).map_err(|bad| TaskError::new(bad.0))?;
        let json = (self.0)(text)?;
        serde_json::to_writer(value, &json).map_err(|error| TaskError::new(error.to_string()))
    }
}

impl Presenter for Texts {
    fn columns(&self) -> &[&'static str] {
        &["value"]
    }

    fn input(&self, payload: &[u8], text: &mut String) -> Result<(), BadValue> {
        *text += text_of(payload)?;
        Ok(())
    }

    fn value(&self, _: &[u8], value: &[u8], json: &mut String) -> Result<(), BadValue> {
        *json += &format!("{{\"value\":{}}}", json_of(value)?);
        Ok(())
    }

    fn text(&self, payload: &[u8], value: &[u8], line: &mut String) -> Result<(), BadValue> {
        *line += &format!("{}: {}", text_of(payload)?.escape_default(), json_of(value)?);
        Ok(())
    }
}

fn json_of(bytes: &[u8]) -> Result<Value, BadValue> {
    serde_json::from_slice(bytes).map_err(|error| BadValue(format!("a value is not JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presented_value_is_one_json_object() {
        let presenter = Texts(Vec::new().into_iter());
        let mut json = String::new();
        presenter.value(b"a", b"[1,\"x\"]", &mut json).unwrap();
        assert_eq!(json, r#"{"value":[1,"x"]}"#);
        assert!(presenter.value(b"a", b"[1,", &mut json).is_err());
        assert!(presenter.text(b"\xff", b"1", &mut json).is_err());
    }
}
