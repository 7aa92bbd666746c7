//! Every key of a job file in words: for `kinds`, the documentation and the schema, from one source.

use std::fmt::Write as _;

use jobs::Kind;

use super::kinds::section_name;

pub use super::entry::Entry;
pub use super::knobs::RUN;

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

/// The key of `[output]` that every kind has.
pub const OUTPUT: [Entry; 1] = [Entry {
    path: ("output", "path"),
    kind: "path",
    default: Some("the screen only"),
    about: "where the results go: a .jsonl or .csv file that appears when it is complete",
    example: "\"out/primes.jsonl\"",
}];

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
    fn the_default_that_is_told_is_the_one_that_holds() {
        let options = |run: &str| {
            let text = format!("kind = \"echo\"\ninput.texts = [\"a\"]\n[run]\n{run}\n");
            let run = load(&text).unwrap();
            format!("{:?} {:?}", run.pool_options(KINDS[0]), run.result_order())
        };
        let mut held = 0;
        for entry in RUN {
            let name = entry.path.1;
            // Others are told in words.
            let Some(default) = entry
                .default
                .filter(|default| toml::from_str::<toml::Table>(&format!("x = {default}")).is_ok())
            else {
                continue;
            };
            assert_eq!(options(&format!("{name} = {default}")), options(""), "{name}");
            held += 1;
        }
        assert!(held >= 7, "only {held} defaults are values");
    }

    #[test]
    fn every_knob_changes_what_is_run() {
        let told = |run: &RunSettings| format!("{:?} {:?}", run.pool_options(KINDS[0]), run.result_order());
        for entry in RUN {
            let text = format!(
                "kind = \"echo\"\ninput.texts = [\"a\"]\n{} = {}\n",
                entry.full_name(),
                entry.example
            );
            let run = load(&text).unwrap();
            assert_ne!(told(&run), told(&RunSettings::default()), "nothing reads {}", entry.full_name());
        }
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
