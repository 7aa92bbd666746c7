//! A kind of work for this crate's own tests: the items are texts, and a task's value is its text.

use jobs::spec::{JobSpec, SpecErrors};
use jobs::{BadValue, Key, Kind, Plan, PlanError, PlanOptions, Presenter, Section, Tasks};
use protocol::{Handler, Payloads, TaskError, TaskId, TaskRun};

use crate::pool::DoneRun;

/// The kinds that tests know: `echo`, and `dice`, which is hidden and not deterministic.
pub(crate) static KINDS: &[&dyn Kind] =
    &[&Echo { name: "echo", fair: true }, &Echo { name: "dice", fair: false }];

/// Gives back what it gets.
pub(crate) struct Echo {
    name: &'static str,
    fair: bool,
}

const KEYS: &[Key] = &[
    Key {
        section: Section::Input,
        name: "texts",
        kind: "list of texts",
        default: None,
        about: "what to echo",
        example: "[\"a\", \"b\"]",
    },
    Key {
        section: Section::Params,
        name: "loud",
        kind: "true or false",
        default: Some("false"),
        about: "shout",
        example: "true",
    },
];

impl Kind for Echo {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        "gives back what it gets"
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn example(&self) -> &'static str {
        "kind = \"echo\"\n\n[input]\ntexts = [\"a\", \"b\"]\n"
    }

    fn hidden(&self) -> bool {
        !self.fair
    }

    fn deterministic(&self) -> bool {
        self.fair
    }

    fn plan(&self, job: &mut JobSpec, _: &PlanOptions) -> Result<Plan, SpecErrors> {
        let list =
            job.input.take("texts").ok_or_else(|| job.input.error("texts", "is required"))?.into_list()?;
        let mut errors = SpecErrors::default();
        let mut texts = Vec::new();
        for item in list {
            match item.text() {
                Ok(text) => texts.push(text.to_owned()),
                Err(error) => errors.push(error),
            }
        }
        errors.into_result()?;
        job.params.take("loud").map(|item| item.bool()).transpose()?;
        let total = Some(texts.len() as u64);
        Ok(Plan {
            tasks: Box::new(Texts(texts.into_iter())),
            total,
            setup: Vec::new(),
            combine: None,
            inputs: Vec::new(),
        })
    }

    fn handler(&self, _: &[u8]) -> Result<Box<dyn Handler>, TaskError> {
        Err(TaskError::new("only its planning and its presenter are tested here"))
    }

    fn presenter(&self, _: &[u8]) -> Result<Box<dyn Presenter>, BadValue> {
        Ok(Box::new(EchoPresenter))
    }
}

struct Texts(std::vec::IntoIter<String>);

impl Tasks for Texts {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let before = into.len();
        for text in self.0.by_ref().take(max) {
            if text == "bad" {
                return Err(PlanError("texts.txt:1: bad".into()));
            }
            into.push(text.as_bytes());
        }
        Ok(into.len() > before)
    }
}

/// Bytes that are not UTF-8 are not this kind's.
pub(crate) struct EchoPresenter;

fn text_of(bytes: &[u8]) -> Result<&str, BadValue> {
    std::str::from_utf8(bytes).map_err(|_| BadValue("an echo is text".into()))
}

impl Presenter for EchoPresenter {
    fn columns(&self) -> &[&'static str] {
        &["echo", "length"]
    }

    fn input(&self, payload: &[u8], text: &mut String) -> Result<(), BadValue> {
        text.push_str(text_of(payload)?);
        Ok(())
    }

    fn value(&self, _: &[u8], value: &[u8], json: &mut String) -> Result<(), BadValue> {
        json.push_str("{\"echo\":");
        json.push_str(&serde_json::Value::from(text_of(value)?).to_string());
        json.push_str(&format!(",\"length\":{}}}", value.len()));
        Ok(())
    }

    fn text(&self, payload: &[u8], value: &[u8], line: &mut String) -> Result<(), BadValue> {
        self.input(payload, line)?;
        line.push_str(" says ");
        line.push_str(text_of(value)?);
        Ok(())
    }
}

/// A task that ended well and took so many microseconds.
pub(crate) fn done(task: TaskId, micros: u64) -> DoneRun {
    DoneRun { run: TaskRun::one(task), attempt: 1, micros }
}
