//! Payloads and values for people and programs.

use std::fmt::Write;

use serde_json::Value;

use super::payload::{Item, Payload, Work};
use super::setup::Setup;
use super::tree::read_value;
use crate::{BadValue, Presenter};

/// Items of a list that are shown before an ellipsis.
const SHOWN_ITEMS: usize = 8;

/// Shows the tasks of one job.
pub(super) struct Shown(pub(super) Setup);

impl Presenter for Shown {
    fn columns(&self) -> &[&'static str] {
        &["from", "to", "value", "count"]
    }

    fn input(&self, payload: &[u8], text: &mut String) -> Result<(), BadValue> {
        let payload = Payload::read(&self.0.source, payload)?;
        let (from, to) = (payload.from, payload.to);
        match &payload.work {
            Work::Items(items) => {
                let shown = items.iter().take(SHOWN_ITEMS).map(show_item).collect::<Vec<_>>().join(", ");
                text.push_str(&shown);
                if items.len() > SHOWN_ITEMS {
                    put(text, format_args!(", … ({} items)", items.len()));
                }
            }
            Work::Range(first) => put(text, format_args!("{first}..{}", first + (to - from))),
            Work::Segments(segments) => {
                let Some(first) = segments.first() else { return Ok(()) };
                put(text, format_args!("{}[{from}..{to}]", first.file.path.display()));
                if segments.len() > 1 {
                    put(text, format_args!(" and {} files more", segments.len() - 1));
                }
            }
            Work::Rows { file, .. } => put(text, format_args!("{} bytes {from}..{to}", file.path.display())),
        }
        Ok(())
    }

    fn value(&self, payload: &[u8], value: &[u8], json: &mut String) -> Result<(), BadValue> {
        let (payload, partial) = read_value(&self.0, payload, value)?;
        let answer = partial.answer(self.0.op, self.0.ddof).map_or(Value::Null, |answer| answer.to_json());
        let (from, to, count) = (payload.from, payload.to, partial.count);
        put(json, format_args!(r#"{{"from":{from},"to":{to},"value":{answer},"count":{count}}}"#));
        Ok(())
    }

    fn check(&self, payload: &[u8], value: &[u8]) -> Result<(), BadValue> {
        // A product of many numbers takes longer to write in digits than to compute.
        read_value(&self.0, payload, value).map(drop)
    }

    fn text(&self, payload: &[u8], value: &[u8], line: &mut String) -> Result<(), BadValue> {
        let (_, partial) = read_value(&self.0, payload, value)?;
        let answer = partial
            .answer(self.0.op, self.0.ddof)
            .map_or_else(|| "nothing".to_owned(), |answer| answer.to_short_text());
        self.input(payload, line)?;
        put(line, format_args!(": {} of {} items is {answer}", self.0.op, partial.count));
        Ok(())
    }
}

fn show_item(item: &Item) -> String {
    use super::answer::Answer;
    match item {
        Item::Bool(value) => Answer::Bool(*value).to_short_text(),
        Item::Integer(value) => Answer::Integer(value.clone()).to_short_text(),
        Item::Float(value) => Answer::Float(*value).to_short_text(),
    }
}

/// Writing to text can't fail.
fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}
