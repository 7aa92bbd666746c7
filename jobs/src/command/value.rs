//! What a program's end looks like as bytes, and to people and programs.

use serde_json::Value;
use serde_json::value::RawValue;

use super::capture::{Head, Tail};
use super::setup::{Item, Mode, Setup};
use super::template::{Fill, Template, push_quoted};
use crate::words::shortened;
use crate::{BadValue, Presenter};

const STDOUT_CUT: u8 = 1;
const STDERR_CUT: u8 = 2;

/// Appends a value: the exit code, what was cut, the length of the standard output, both outputs.
pub(super) fn write(exit: u8, stdout: &Head, stderr: &Tail, value: &mut Vec<u8>) {
    let cut = if stdout.cut { STDOUT_CUT } else { 0 } | if stderr.cut { STDERR_CUT } else { 0 };
    value.extend([exit, cut]);
    // Outputs are bounded far below 4 GiB.
    value.extend_from_slice(&(stdout.bytes.len() as u32).to_le_bytes());
    value.extend_from_slice(&stdout.bytes);
    value.extend_from_slice(&stderr.bytes);
}

/// A value, read.
#[derive(Debug, PartialEq, Eq)]
struct Ended<'a> {
    exit: u8,
    stdout: &'a [u8],
    stderr: &'a [u8],
    cut: bool,
}

impl<'a> Ended<'a> {
    fn read(value: &'a [u8]) -> Result<Self, BadValue> {
        let bad = || BadValue("the value is not a program's end".into());
        let ([exit, cut], rest) = value.split_first_chunk().ok_or_else(bad)?;
        let (length, rest) = rest.split_first_chunk().ok_or_else(bad)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (stdout, stderr) = rest.split_at_checked(length).ok_or_else(bad)?;
        if *cut & !(STDOUT_CUT | STDERR_CUT) != 0 {
            return Err(bad());
        }
        Ok(Self { exit: *exit, stdout, stderr, cut: *cut != 0 })
    }
}

/// Shows items and what became of them.
pub(super) struct Shown {
    lines: bool,
    shell: bool,
    argv: Vec<Template>,
    columns: Option<usize>,
}

impl Shown {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            lines: setup.mode == Mode::Lines,
            shell: setup.shell,
            argv: setup.argv,
            columns: setup.columns.as_ref().map(Vec::len),
        }
    }
}

impl Presenter for Shown {
    fn columns(&self) -> &[&'static str] {
        if self.lines { &["answer"] } else { &["exit", "stdout", "stderr", "cut"] }
    }

    fn input(&self, payload: &[u8], text: &mut String) -> Result<(), BadValue> {
        *text += &String::from_utf8_lossy(&Item::read(payload, self.columns)?.text());
        Ok(())
    }

    fn value(&self, _payload: &[u8], value: &[u8], json: &mut String) -> Result<(), BadValue> {
        if self.lines {
            *json += r#"{"answer":"#;
            *json += answer(value)?.get();
            json.push('}');
            return Ok(());
        }
        let Ended { exit, stdout, stderr, cut } = Ended::read(value)?;
        *json += r#"{"exit":"#;
        *json += &exit.to_string();
        *json += r#","stdout":"#;
        push_string(stdout, json);
        *json += r#","stderr":"#;
        push_string(stderr, json);
        *json += if cut { r#","cut":true}"# } else { r#","cut":false}"# };
        Ok(())
    }

    fn text(&self, payload: &[u8], value: &[u8], line: &mut String) -> Result<(), BadValue> {
        if self.lines {
            let raw = answer(value)?.get();
            match serde_json::from_str(raw) {
                Ok(Value::String(text)) => *line += &one_line(&text),
                _ => *line += raw,
            }
            return Ok(());
        }
        let Ended { exit, stdout, .. } = Ended::read(value)?;
        let text = one_line(&String::from_utf8_lossy(stdout));
        if text.is_empty() {
            let mut input = String::new();
            self.input(payload, &mut input)?;
            *line += &format!("{}: exit code {exit}", shortened(&input, 200));
        } else {
            *line += &text;
        }
        Ok(())
    }

    fn action(&self, task: u64, payload: &[u8], line: &mut String) -> Result<(), BadValue> {
        let item = Item::read(payload, self.columns)?;
        let text = item.text();
        let fill = Fill { item: &text, cells: item.cells(), task };
        for (index, template) in self.argv.iter().enumerate() {
            let mut argument = Vec::new();
            template.fill(&fill, self.shell, &mut argument);
            line.push_str(if index > 0 { " " } else { "" });
            push_word(&argument, self.shell, line);
        }
        Ok(())
    }
}

/// Appends an argument as one would type it; of a script, as it stands.
fn push_word(word: &[u8], script: bool, line: &mut String) {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(byte);
    let mut quoted = Vec::new();
    let shown = if script || (!word.is_empty() && word.iter().all(plain)) {
        word
    } else {
        push_quoted(word, &mut quoted);
        &quoted
    };
    line.push_str(&String::from_utf8_lossy(shown));
}

fn answer(value: &[u8]) -> Result<&RawValue, BadValue> {
    serde_json::from_slice(value).map_err(|_| BadValue("the value is no JSON".into()))
}

/// The first line, and how many more there are.
fn one_line(text: &str) -> String {
    let text = text.trim_end_matches(['\n', '\r']);
    match text.split_once('\n') {
        None => text.to_owned(),
        Some((first, rest)) => {
            let more = rest.matches('\n').count() + 1;
            format!(
                "{} (and {more} more {})",
                first.trim_end_matches('\r'),
                if more == 1 { "line" } else { "lines" }
            )
        }
    }
}

/// Appends a JSON string; bytes that are no UTF-8 are replaced.
fn push_string(bytes: &[u8], json: &mut String) {
    *json += &Value::String(String::from_utf8_lossy(bytes).into_owned()).to_string();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_stands_for_many() {
        assert_eq!(one_line("a\n"), "a");
        assert_eq!(one_line("a\r\nb"), "a (and 1 more line)");
        assert_eq!(one_line("a\nb\nc\n"), "a (and 2 more lines)");
        assert_eq!(one_line("\n"), "");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            for lines in [false, true] {
                let (mut json, mut text) = (String::new(), String::new());
                let shown = Shown { lines, shell: false, argv: Vec::new(), columns: None };
                if shown.value(b"x", &bytes, &mut json).is_ok() {
                    prop_assert!(serde_json::from_str::<Value>(&json).is_ok(), "{}", json);
                }
                let _ = shown.text(b"x", &bytes, &mut text);
            }
        }
    }
}
