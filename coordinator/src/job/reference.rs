//! Every key of a job file in words: for `kinds`, the documentation and the schema, from one source.

use std::fmt::Write as _;

use jobs::Kind;

use super::kinds::section_name;

/// A key of a job file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its path: `run.workers`; `params.step.op` for the key `op` of each `[[params.step]]`.
    pub path: (&'static str, &'static str),
    /// Its type, in words.
    pub kind: &'static str,
    /// What holds where it is absent; `None`: nothing does.
    pub default: Option<&'static str>,
    /// What it means, in one line.
    pub about: &'static str,
    /// A value as it would stand in a job file.
    pub example: &'static str,
}

/// The keys that stand in no table.
pub const TOP: [Entry; 2] = [
    Entry {
        path: ("", "kind"),
        kind: "text",
        default: None,
        about: "the kind of work; `coordinator kinds` lists them",
        example: "\"primes\"",
    },
    Entry {
        path: ("", "name"),
        kind: "text",
        default: Some("the file's name without `.toml`"),
        about: "what the job is called in summaries and lists",
        example: "\"night\"",
    },
];

/// The keys of `[run]`; each but `fail_fast`'s opposite has a flag of the same name, which wins.
pub const RUN: [Entry; 17] = [
    run(
        "workers",
        "\"auto\", or integer",
        Some("\"auto\""),
        "how many worker processes; auto: one for each usable CPU",
        "4",
    ),
    run(
        "order",
        "\"input\" or \"completion\"",
        Some("\"input\""),
        "the order of the results: that of the input, or as they come",
        "\"completion\"",
    ),
    run("retries", "integer", Some("2"), "how many times a task is tried again", "0"),
    run(
        "retry_on",
        "list of texts",
        Some("all but error and panic; those too, where the kind is not deterministic"),
        "after which failures a task is tried again: error, panic, signal, exit, timeout, memory, protocol",
        "[\"signal\", \"timeout\"]",
    ),
    run(
        "timeout",
        "time",
        Some("none"),
        "a worker whose task takes longer is killed, and the attempt counts as failed",
        "\"30s\"",
    ),
    run(
        "soft_timeout",
        "time",
        Some("none"),
        "a task that takes longer is warned about and marked `slow`",
        "\"5s\"",
    ),
    run(
        "batch",
        "\"auto\", or integer",
        Some("\"auto\""),
        "how many tasks are sent to a worker at once; auto: a few milliseconds of work",
        "16",
    ),
    run("memory", "size", Some("none"), "address space of each worker", "\"1GiB\""),
    run("cpu_seconds", "integer", Some("none"), "processor time of each worker, over all its tasks", "600"),
    run("open_files", "integer", Some("none"), "open files of each worker, 16 or more", "256"),
    run("file_size", "size", Some("none"), "size of each file that a worker writes", "\"100MB\""),
    run("priority", "integer", Some("0"), "the job's priority; higher goes first", "10"),
    run(
        "max_tasks_per_worker",
        "integer",
        Some("none"),
        "a worker is replaced after this many tasks",
        "10000",
    ),
    run(
        "max_memory_growth",
        "size",
        Some("none"),
        "a worker is replaced once its memory has grown by this much",
        "\"200MiB\"",
    ),
    run(
        "max_failures",
        "integer",
        Some("none"),
        "the run stops once more than this many tasks have failed for good",
        "10",
    ),
    run("fail_fast", "true or false", Some("false"), "the same as max_failures = 0", "true"),
    run("grace", "time", Some("\"10s\""), "how long running tasks may go on after Ctrl-C", "\"1m\""),
];

/// The key of `[output]` that every kind has.
pub const OUTPUT: [Entry; 1] = [Entry {
    path: ("output", "path"),
    kind: "path",
    default: Some("the screen only"),
    about: "where the results go: a .jsonl or .csv file that appears when it is complete",
    example: "\"out/primes.jsonl\"",
}];

const fn run(
    name: &'static str,
    kind: &'static str,
    default: Option<&'static str>,
    about: &'static str,
    example: &'static str,
) -> Entry {
    Entry { path: ("run", name), kind, default, about, example }
}

impl Entry {
    /// `run.workers`.
    pub fn full_name(&self) -> String {
        let (table, name) = self.path;
        if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") }
    }
}

/// The keys of a kind.
pub fn of_kind(kind: &dyn Kind) -> Vec<Entry> {
    kind.keys()
        .iter()
        .map(|key| Entry {
            path: (section_name(key.section), key.name),
            kind: key.kind,
            default: key.default,
            about: key.about,
            example: key.example,
        })
        .collect()
}

/// The keys as a table in Markdown.
pub fn markdown(entries: &[Entry]) -> String {
    let mut text = "| key | type | default | meaning |\n|---|---|---|---|\n".to_owned();
    for entry in entries {
        let default = match entry.default {
            Some(default) => escaped(default),
            None => String::new(),
        };
        // Writing to text can't fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {default} | {}; `{}` |",
            entry.full_name(),
            escaped(entry.kind),
            escaped(entry.about),
            entry.example.replace('|', "\\|"),
        );
    }
    text
}

/// Text in a cell, with nothing that Markdown would take for its own.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    let mut code = false;
    for char in text.chars() {
        code ^= char == '`';
        if char == '|' || !code && "*_<[".contains(char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{JobSource, RunSettings, load_text};
    use super::*;
    use crate::testing::KINDS;

    fn load(text: &str) -> Result<RunSettings, String> {
        let source = JobSource {
            path: Path::new("job.toml").to_owned(),
            overrides: Vec::new(),
            plan: jobs::PlanOptions::default(),
        };
        load_text(&source, text.to_owned(), KINDS).map(|job| job.run).map_err(|errors| errors.to_string())
    }

    #[test]
    fn every_key_of_run_is_told_and_every_one_that_is_told_is_read() {
        let job = |run: &str| format!("kind = \"echo\"\ninput.texts = [\"a\"]\n[run]\n{run}\n");
        let known = load(&job("zzzzzzzzzzzzzzzzzzzzzzzzz = 1")).unwrap_err();
        let known = known.split("known here: ").nth(1).unwrap();
        let mut known: Vec<_> = known.split(", ").collect();
        let mut told: Vec<_> = RUN.iter().map(|entry| entry.path.1).collect();
        known.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, known);
    }

    #[test]
    fn every_example_is_accepted() {
        for entry in RUN {
            let text = format!(
                "kind = \"echo\"\n{} = {}\ninput.texts = [\"a\"]\n",
                entry.full_name(),
                entry.example
            );
            assert!(load(&text).is_ok_and(|run| run != RunSettings::default()), "{text}");
        }
    }
}
