//! Bad input: an error that names the place, exit code 2, nothing run.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use tests::Place;

/// Runs a job file with this text; returns what it says, having checked that it ends with 2 and without results.
fn refused(text: impl AsRef<[u8]>) -> String {
    let place = Place::new();
    let job = place.write("job.toml", text).display().to_string();
    let finished = place.run(&["run", &job]).expect_code(2);
    assert_eq!(finished.stdout, "");
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    finished.stderr
}

fn assert_tells(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing in:\n{said}");
    }
}

#[test]
fn a_number_that_is_none_is_named_with_its_place() {
    let said = refused("kind = \"primes\"\n[input]\nnumbers = [2, \"12x\", 1.5]\n");
    assert_tells(
        &said,
        &["job.toml:3:15", "input.numbers[1]", "12x", "job.toml:3:22", "input.numbers[2]", "1.5"],
    );
}

#[test]
fn impossible_inputs_are_named_with_their_place() {
    assert_tells(&refused("kind = \"primes\"\n[input]\nnumbers = []\n"), &["job.toml:3", "input.numbers"]);
    let inverted = refused("kind = \"primes\"\n[input]\nrange = { from = 10, to = 2 }\n");
    assert_tells(&inverted, &["job.toml:3", "input.range"]);
    let missing = refused("kind = \"primes\"\n[input]\nfile = \"nowhere.txt\"\n");
    assert_tells(&missing, &["job.toml:3", "input.file", "nowhere.txt"]);
    assert_tells(&refused("kind = \"primes\"\n"), &["input"]);
}

#[test]
fn unknown_keys_and_kinds_are_named_with_a_suggestion() {
    let key = refused("kind = \"primes\"\n[input]\nnumbers = [1]\n[run]\nworkres = 2\n");
    assert_tells(&key, &["job.toml:5:1", "run.workres", "workers"]);
    assert_tells(&refused("kind = \"prims\"\n[input]\nnumbers = [1]\n"), &["job.toml:1", "prims", "primes"]);
    assert_tells(&refused("[input]\nnumbers = [1]\n"), &["kind"]);
}

#[test]
fn every_error_of_a_file_is_told_at_once() {
    let said =
        refused("kind = \"primes\"\n[input]\nnumbers = [\"x\"]\n[run]\nworkers = 0\ntimeout = \"soon\"\n");
    assert_tells(&said, &["input.numbers[0]", "run.workers", "run.timeout"]);
}

#[test]
fn what_is_no_job_file_is_refused() {
    assert_tells(&refused("kind = \n"), &["job.toml:1"]);
    assert_tells(&refused(b"kind = \"primes\"\n[input]\nnumbers = [\xff]\n"), &["job.toml:3", "UTF-8"]);
    let place = Place::new();
    let folder = place.path().display().to_string();
    assert_tells(&place.run(&["run", &folder]).expect_code(2).stderr, &["directory"]);
    assert_tells(&place.run(&["run", "nowhere.toml"]).expect_code(2).stderr, &["nowhere.toml"]);
}

#[test]
fn a_huge_job_file_is_refused_unread() {
    let place = Place::new();
    let path = place.write("huge.toml", "");
    std::fs::File::options().write(true).open(&path).unwrap().set_len(1 << 30).unwrap();
    let said = place.run(&["run", "huge.toml"]).expect_code(2).stderr;
    assert_tells(&said, &["huge.toml"]);
}

#[test]
fn a_file_of_numbers_that_turns_bad_names_the_line_and_keeps_what_came_before() {
    let place = Place::new();
    place.write("numbers.txt", "2\n3\n# a comment\n\n12x\n5\n");
    let job = place.write("job.toml", "kind = \"primes\"\n[input]\nfile = \"numbers.txt\"\n");
    let finished = place.run(&["run", &job.display().to_string()]).expect_code(2);
    assert_tells(&finished.stderr, &["numbers.txt:5", "12x"]);
}

#[test]
fn wrong_flags_are_refused_helpfully() {
    let place = Place::new();
    assert_tells(&place.run(&[]).expect_code(2).stderr, &["Usage", "run"]);
    assert_tells(&place.run(&["chek"]).expect_code(2).stderr, &["chek", "check"]);
    assert_tells(&place.run(&["run", "x.toml", "--wrokers", "2"]).expect_code(2).stderr, &["--workers"]);
    assert_tells(&place.run(&["run", "x.toml", "-w", "0"]).expect_code(2).stderr, &["0"]);
}

#[test]
fn an_existing_output_is_kept_unless_forced() {
    let place = Place::new();
    let job = place.write("job.toml", "kind = \"primes\"\n[input]\nnumbers = [7]\n").display().to_string();
    place.write("out.jsonl", "precious\n");
    let said = place.run(&["run", &job, "--output", "out.jsonl"]).expect_code(2).stderr;
    assert_tells(&said, &["out.jsonl", "--force"]);
    assert_eq!(place.read("out.jsonl"), "precious\n");
    place.run(&["run", &job, "--output", "out.jsonl", "--force"]).expect_code(0);
    assert!(place.read("out.jsonl").contains("\"prime\":true"));
}
