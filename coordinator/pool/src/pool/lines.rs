//! What workers print: cut into lines, with bounded memory, kept for the record of a crash.

use std::collections::VecDeque;

use protocol::TaskId;

/// A longer line is cut into several.
const MAX_LINE: usize = 4096;
/// How many lines are kept for the record.
const KEPT: usize = 20;
/// How much of one task's (or of one silence's) output is passed on.
const PASSED_ON: usize = 64 * 1024;

/// The printed lines of one process.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
    last: VecDeque<(Option<TaskId>, String)>,
    task: Option<TaskId>,
    passed_on: usize,
}

/// What is passed on of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Text(&'a str),
    /// The task has printed too much; what follows is only counted.
    Silenced,
}

impl Lines {
    /// Takes printed bytes while `task` is running, and hands complete lines to `emit`.
    pub(super) fn feed(&mut self, task: Option<TaskId>, bytes: &[u8], mut emit: impl FnMut(Line<'_>)) {
        if self.task != task {
            (self.task, self.passed_on) = (task, 0);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            for part in piece.chunks(MAX_LINE) {
                self.partial.extend_from_slice(part);
                if self.partial.ends_with(b"\n") || self.partial.len() >= MAX_LINE {
                    self.end_line(&mut emit);
                }
            }
        }
    }

    /// The process has ended: an unfinished line is a line.
    pub(super) fn finish(&mut self, mut emit: impl FnMut(Line<'_>)) {
        if !self.partial.is_empty() {
            self.end_line(&mut emit);
        }
    }

    fn end_line(&mut self, emit: &mut impl FnMut(Line<'_>)) {
        let text = String::from_utf8_lossy(&self.partial);
        let text = text.trim_end_matches(['\n', '\r']).to_owned();
        if self.passed_on <= PASSED_ON {
            self.passed_on += self.partial.len();
            emit(if self.passed_on > PASSED_ON { Line::Silenced } else { Line::Text(&text) });
        }
        self.partial.clear();
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back((self.task, text));
    }

    /// The last lines that were printed while `task` ran (or while nothing did).
    pub(super) fn last_of(&self, task: Option<TaskId>) -> Vec<String> {
        let its = |(owner, _): &&(Option<TaskId>, String)| owner.is_none() || *owner == task;
        self.last.iter().filter(its).map(|(_, line)| line.clone()).collect()
    }

    /// True where Rust's runtime or C++'s told that memory had run out.
    pub(super) fn tell_of_memory(&self) -> bool {
        let tells = |line: &str| {
            (line.starts_with("memory allocation of ") && line.ends_with(" bytes failed"))
                || line.contains("std::bad_alloc")
        };
        self.last.iter().any(|(_, line)| tells(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(lines: &mut Lines, task: u64, bytes: &[u8]) -> Vec<String> {
        let mut got = Vec::new();
        lines.feed(Some(TaskId(task)), bytes, |line| {
            got.push(match line {
                Line::Text(text) => text.to_owned(),
                Line::Silenced => "(silenced)".to_owned(),
            });
        });
        got
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let mut lines = Lines::default();
        assert_eq!(feed(&mut lines, 1, b"one\ntw"), ["one"]);
        assert_eq!(feed(&mut lines, 1, b"o\r\n\nthree"), ["two", ""]);
        let mut last = Vec::new();
        lines.finish(|line| last.push(matches!(line, Line::Text("three"))));
        assert_eq!(last, [true]);
        assert_eq!(lines.last_of(Some(TaskId(1))), ["one", "two", "", "three"]);
        assert!(lines.last_of(Some(TaskId(2))).is_empty());
    }

    #[test]
    fn a_flood_is_cut_off_once_a_task() {
        let mut lines = Lines::default();
        let flood = vec![b'x'; 1 << 20];
        let got = feed(&mut lines, 1, &flood);
        assert_eq!(got.last().map(String::as_str), Some("(silenced)"));
        assert!(got.len() <= PASSED_ON / MAX_LINE + 1);
        assert!(feed(&mut lines, 1, b"more\n").is_empty());
        assert_eq!(feed(&mut lines, 2, b"hello\n").last().map(String::as_str), Some("hello"));
        assert!(lines.last.len() <= KEPT && lines.partial.len() <= MAX_LINE);
    }

    #[test]
    fn running_out_of_memory_is_recognised() {
        let mut lines = Lines::default();
        feed(&mut lines, 1, b"memory allocation of 4294967296 bytes failed\n");
        assert!(lines.tell_of_memory());
    }
}
