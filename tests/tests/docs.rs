//! Every `console` example of the README and of docs/ is run as written, in a folder with the project's jobs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tests::{Place, program};

/// Examples that are not run here, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("scripts/", "runs all tests, or benchmarks: what this is part of"),
    ("cargo ", "builds the project; what it says after `--` is tested by its own tests"),
];

/// Words that stand for something of the reader's own, and what they are here.
const STAND_INS: &[(&str, &str)] = &[(" RUN", " newest"), ("JOB.toml", "jobs/primes.toml")];

/// Commands that end with another code than 0 where nothing is wrong.
const CODES: &[(&str, i32)] = &[("coordinator resume", 2), ("coordinator retry", 1)];

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A command as written, and what is written to come of it.
#[derive(Debug)]
struct Example {
    file: String,
    command: String,
    output: String,
}

fn examples() -> Vec<Example> {
    let docs = std::fs::read_dir(project().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = docs.filter(|path| path.extension().is_some_and(|ext| ext == "md")).collect();
    files.push(project().join("README.md"));
    files.sort();
    files.iter().flat_map(|path| examples_of(path)).collect()
}

fn examples_of(path: &Path) -> Vec<Example> {
    let text = std::fs::read_to_string(path).unwrap();
    let file = path.file_name().unwrap().to_string_lossy().into_owned();
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside && let Some(command) = line.strip_prefix("$ ") {
            let command = command.to_owned();
            examples.push(Example { file: file.clone(), command, output: String::new() });
        } else if inside && let Some(example) = examples.last_mut() {
            example.output += line;
            example.output.push('\n');
        }
    }
    examples
}

/// A folder in which the examples make sense: with the jobs, and with a run that has failed tasks.
fn stage() -> Place {
    let place = Place::new();
    let jobs = place.path().join("jobs");
    std::fs::create_dir_all(jobs.join("photos")).unwrap();
    for folder in ["", "photos"] {
        for entry in std::fs::read_dir(project().join("jobs").join(folder)).unwrap().flatten() {
            if entry.path().is_file() {
                std::fs::copy(entry.path(), jobs.join(folder).join(entry.file_name())).unwrap();
            }
        }
    }
    // Enough for an example, also in a build that is not optimised.
    let pi = place.read("jobs/pi.toml").replace("100_000_000", "1_000_000");
    place.write("jobs/pi.toml", pi);
    let failing = place.faults(&["ok", "error"], "retries = 0").display().to_string();
    place.run(&["run", &failing, "--run-id", "failed"]).expect_code(1);
    place.run(&["run", "jobs/primes.toml", "--run-id", "newest"]).expect_code(0);
    place
}

fn as_run(example: &Example) -> String {
    let plain = example.command.replace("cargo run --release -- ", "coordinator ");
    STAND_INS.iter().fold(plain, |command, (word, here)| command.replace(word, here))
}

fn run(place: &Place, command: &str) -> tests::Finished {
    // The command is built from the place's own, for its folders and its environment; a shell reads the rest.
    let built = program("coordinator");
    let path = format!("{}:{}", built.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = place.command_through(&["sh", "-c", command], &[]);
    shell.env("PATH", path).stdin(Stdio::null());
    place.run_prepared(shell)
}

#[test]
fn every_example_of_the_documentation_works_as_written() {
    let place = stage();
    let mut seen = 0;
    for example in examples() {
        let command = as_run(&example);
        if let Some((_, why)) = ELSEWHERE.iter().find(|(start, _)| command.starts_with(start)) {
            println!("not run: {}: {why}", example.command);
            continue;
        }
        seen += 1;
        if command.contains("upper.toml") && run(&place, "command -v python3").code() != 0 {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "in CI a skip is a failure");
            eprintln!("SKIPPED: there is no python3 for {command}");
            continue;
        }
        let expected =
            CODES.iter().find(|(start, _)| command.starts_with(start)).map_or(0, |(_, code)| *code);
        println!("{command}");
        let finished = run(&place, &command);
        let Example { file, command, output } = example;
        assert_eq!(finished.code(), expected, "{file}: {command}\n{}\n{}", finished.stdout, finished.stderr);
        let said = format!("{}{}", finished.stdout, finished.stderr);
        for line in output.lines() {
            assert!(said.contains(line), "{file}: {command}: {line:?} is not in\n{said}");
        }
    }
    assert!(seen > 10, "only {seen} examples were found");
}

#[test]
fn every_kind_prints_a_job_file_that_runs() {
    let place = stage();
    for kind in ["primes", "reduce", "images", "command", "pi", "sleep"] {
        let printed =
            run(&place, &format!("coordinator kinds {kind} --example > jobs/mine.toml")).expect_code(0);
        assert_eq!(printed.stderr, "");
        run(&place, "coordinator run jobs/mine.toml --store none").expect_code(0);
    }
}
