//! Files, names and workers of strangers: whatever they hold, no screen obeys it, and everything wrong is told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use tests::{Finished, Place};

/// Clears a screen, colours what follows (by a control of the second block), turns text around, hides it, and begins
/// a line anew.
const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{202e}gpj\u{2066}\u{1b}[8m\rforged";

/// The same in a string of TOML.
const WRITTEN: &str = r"\u001b[2J\u009b31m\u202egpj\u2066\u001b[8m\rforged";

fn harmful(text: &str) -> Vec<char> {
    let layout = |c: char| c == '\n' || c == '\t';
    text.chars().filter(|c| jobs::words::is_harmful(*c) && !layout(*c)).collect()
}

fn check(what: &str, finished: &Finished) {
    for text in [&finished.stdout, &finished.stderr] {
        assert_eq!(harmful(text), Vec::<char>::new(), "{what}: {text:?}");
    }
    assert!(
        finished.stdout.contains("forged") || finished.stderr.contains("forged"),
        "{what}: what was hostile is not there at all: {finished:?}"
    );
}

/// A job whose name, items, program's outputs and messages are hostile.
fn job(place: &Place, script: &str, more: &str) -> String {
    let text = format!(
        "kind = \"command\"\nname = \"{WRITTEN}\"\n[input]\nargs = [\"{WRITTEN}\", \"=1+1\"]\n[params]\nshell = true\n\
         argv = ['''{script}''']\n[run]\nretries = 0\nworkers = 1\n{more}"
    );
    place.write("job.toml", text).display().to_string()
}

#[test]
fn no_screen_obeys_what_a_job_or_its_programs_say() {
    let place = Place::new();
    let good = job(&place, "printf %s {}; printf %s {} >&2", "");
    for arguments in [
        &["check", &good][..],
        &["run", &good],
        &["run", &good, "-vv"],
        &["run", &good, "-v", "--log-format", "json", "--store", "none"],
        &["run", &good, "--format", "jsonl"],
        &["run", &good, "--format", "csv"],
        &["run", &good, "--color", "never", "--progress", "always"],
        &["runs", "list"],
        &["runs", "list", "--json"],
        &["runs", "show"],
        &["runs", "show", "--json"],
    ] {
        check(&format!("{arguments:?}"), &place.run(arguments).expect_code(0));
    }
    let bad = job(&place, "printf %s {} >&2; exit 3;:", "");
    for arguments in [
        &["run", &bad, "-v"][..],
        &["run", &bad, "--format", "jsonl", "--log-file", "log"],
        &["run", &bad, "--format", "csv", "--summary-json", "summary.json"],
        &["runs", "show", "--json"],
        &["runs", "show"],
    ] {
        let finished = place.run(arguments);
        assert_eq!(finished.code(), i32::from(arguments.first() == Some(&"run")), "{finished:?}");
        check(&format!("{arguments:?}"), &finished);
    }
    for file in ["log", "summary.json"] {
        assert_eq!(harmful(&place.read(file)), Vec::<char>::new(), "{file}");
    }
}

#[test]
fn no_screen_obeys_what_is_wrong_with_a_command_line_or_a_file() {
    let place = Place::new();
    let keys = format!(
        "kind = \"primes\"\n\"{WRITTEN}\" = 1\n[input]\nnumbers = [\"{WRITTEN}\"]\n[run]\n\"{WRITTEN}\" = 1\n"
    );
    let keys = place.write("keys.toml", keys).display().to_string();
    let syntax = place.write("syntax.toml", format!("x = {HOSTILE}\n")).display().to_string();
    let primes = place.write("primes.toml", "kind = \"primes\"\ninput.numbers = [2]\n").display().to_string();
    let kind = place.write("kind.toml", format!("kind = \"{WRITTEN}\"\n")).display().to_string();
    let lines = place.write("lines.txt", format!("2\n{HOSTILE}\n")).display().to_string();
    let nowhere = format!("{HOSTILE}.txt");
    let set = format!("input.{HOSTILE}=1");
    for arguments in [
        &["check", &keys][..],
        &["check", &syntax],
        &["check", &kind],
        &["check", &nowhere],
        &["check", &primes, "--set", &set],
        &["check", &primes, "--set", HOSTILE],
        &["check", &primes, "--input", &nowhere],
        &["run", &primes, "--input", &nowhere],
        &["run", &primes, "--input", &lines, "--store", "none"],
        &["run", &primes, "-o", &nowhere],
        &["run", &primes, "--workers", HOSTILE],
        &["run", &primes, "--color", "always", "--workers", HOSTILE],
        &["run", &primes, "--order", HOSTILE],
        &[HOSTILE],
        &["run", &primes, HOSTILE],
        &["resume", HOSTILE],
        &["kinds", HOSTILE],
        &["watch", HOSTILE],
    ] {
        let finished = place.run(arguments).expect_code(2);
        if arguments.contains(&"--color") {
            // Ours are there, and none of theirs.
            assert!(!finished.stderr.contains("\u{1b}[8m") && !finished.stderr.contains("\u{1b}[2J"));
            continue;
        }
        if !finished.stderr.contains("forged") {
            assert_eq!(harmful(&finished.stderr), Vec::<char>::new(), "{arguments:?}");
            continue;
        }
        check(&format!("{arguments:?}"), &finished);
    }
}

#[test]
fn everything_that_is_wrong_with_a_file_is_told_at_once() {
    let place = Place::new();
    let text = "kindd = 1\nkind = \"primes\"\nname = 7\n[input]\nnumbers = \"1,2,3\"\nfil = 3\n[params]\nfactor = 3\n\
                fctor = true\n[run]\nworkers = -3\nwrokers = 3\n[output]\npath = \"x.foo\"\n[inptu]\nx = 1\n";
    let job = place.write("job.toml", text).display().to_string();
    let told = place.run(&["check", &job]).expect_code(2).stderr;
    for part in [
        ":1:1: `kindd`: is not a known key",
        ":3:8: `name`: 7 is not text in quotes",
        ":5:11: `input.numbers`: \"1,2,3\" is not a list",
        "numbers = [1, 2, 3]",
        ":6:1: `input.fil`: is not a known key",
        ":8:10: `params.factor`: 3 is not true or false",
        ":9:1: `params.fctor`: is not a known key",
        ":11:11: `run.workers`: -3 is too small",
        ":12:1: `run.wrokers`: is not a known key",
        ":14:8: `output.path`: \"x.foo\" ends in neither .jsonl nor .csv",
        ":15:2: `inptu`: is not a known key",
    ] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
    // Without a kind, and with a table that is none, there is still more to tell.
    let job =
        place.write("job.toml", "input = 3\nname = 7\n[run]\nworkers = -3\n[inptu]\n").display().to_string();
    let told = place.run(&["check", &job]).expect_code(2).stderr;
    for part in [
        "`kind`: is required",
        ":1:9: `input`: 3 is not a table",
        ":2:8: `name`",
        ":4:11: `run.workers`",
        "`inptu`",
    ] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
    let text = "kind = \"primes\"\ninput = 3\nparams.factor = 7\n";
    let job = place.write("job.toml", text).display().to_string();
    let told = place.run(&["check", &job]).expect_code(2).stderr;
    assert!(told.contains("`input`: 3 is not a table") && told.contains("`params.factor`"), "{told}");
    assert_eq!(
        told.matches("`input`").count(),
        1,
        "what a table lacks that is none is not worth a word: {told}"
    );
}

#[test]
fn a_long_item_is_not_printed_whole() {
    let place = Place::new();
    let long = "x".repeat(20_000);
    let text = format!(
        "kind = \"command\"\ninput.args = [\"{long}\"]\nparams.argv = [\"false\"]\nrun.retries = 0\n"
    );
    let job = place.write("job.toml", text).display().to_string();
    for (arguments, code) in [(&["check", &job][..], 0), (&["run", &job, "--store", "none"], 1)] {
        let finished = place.run(arguments).expect_code(code);
        let longest = finished.stdout.lines().chain(finished.stderr.lines()).map(str::len).max();
        assert!(longest.is_some_and(|length| length < 1_200), "{arguments:?}: {longest:?}");
    }
    let whole = place.run(&["run", &job, "--store", "none", "--format", "jsonl"]).expect_code(1);
    assert!(whole.stdout.contains(&long), "programs have it whole");
}

#[test]
fn why_there_is_no_result_is_told_however_quiet_the_run_is() {
    let place = Place::new();
    place.write("v.csv", "x\n1\nfoo\n");
    let text = "kind = \"reduce\"\ninput.file = \"v.csv\"\nparams.op = \"sum\"\n";
    let job = place.write("job.toml", text).display().to_string();
    let quiet = place.run(&["run", &job, "-q", "-o", "out.jsonl", "--store", "none"]).expect_code(1);
    assert!(
        quiet.stderr.starts_with("error: job: there is no result, as 1 task failed; the first: "),
        "{quiet:?}"
    );
    assert!(quiet.stderr.contains("\"foo\" is not a number"), "{quiet:?}");
}

#[test]
fn a_bad_line_of_the_input_is_not_to_be_resumed() {
    let place = Place::new();
    place.write("n.txt", "9\nx\n");
    let job = place.write("job.toml", "kind = \"primes\"\ninput.file = \"n.txt\"\n").display().to_string();
    let stopped = place.run(&["run", &job]).expect_code(2);
    assert!(stopped.stderr.contains("mend the input and run the job again"), "{stopped:?}");
    assert!(!stopped.stderr.contains("go on with: "), "{stopped:?}");
}

#[test]
fn retry_and_runs_show_take_the_newest_run() {
    let place = Place::new();
    let failing = place.faults(&["ok", "error"], "workers = 1").display().to_string();
    place.run(&["run", &failing, "--run-id", "first"]).expect_code(1);
    place.run(&["run", &failing, "--run-id", "second"]).expect_code(1);
    let fine = place.write("fine.toml", "kind = \"faults\"\ninput.tasks = [\"ok\"]\n").display().to_string();
    place.run(&["run", &fine, "--run-id", "third"]).expect_code(0);
    let shown = place.run(&["runs", "show", "--json"]).expect_code(0);
    assert!(shown.stdout.contains("\"third\""), "{shown:?}");
    let retried = place.run(&["retry"]).expect_code(1);
    assert!(retried.stderr.contains("retry second"), "{retried:?}");
    let nothing = place.run(&["retry", "third"]).expect_code(2);
    assert!(nothing.stderr.contains("nothing of run third has failed"), "{nothing:?}");
    let empty = Place::new();
    assert!(empty.run(&["runs", "show"]).expect_code(2).stderr.contains("error: "));
}

#[test]
fn what_a_failure_is_about_is_said_once() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("photos")).unwrap();
    place.write("photos/x.jpg", [0xFF, 0xD8, 0xFF]);
    let text = "kind = \"images\"\ninput.files = [\"photos/x.jpg\"]\n[[params.step]]\nop = \"info\"\n";
    let job = place.write("job.toml", text).display().to_string();
    let finished = place.run(&["run", &job, "--store", "none"]).expect_code(1);
    for text in [&finished.stdout, &finished.stderr] {
        let line = text.lines().find(|line| line.contains("x.jpg")).unwrap_or_default();
        assert_eq!(line.matches("x.jpg").count(), 1, "{finished:?}");
    }
}
