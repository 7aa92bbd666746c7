//! Items from elsewhere: `--input -` and `--input FILE`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use nix::sys::signal::Signal;
use tests::{Finished, Place, Started, wait_until};

const PRIMES: &str = "kind = \"primes\"\n[input]\nnumbers = [1000]\n[run]\nworkers = 2\n";

fn primes(place: &Place) -> String {
    place.write("primes.toml", PRIMES).display().to_string()
}

/// Runs the command with this on its standard input.
fn fed(place: &Place, arguments: &[&str], text: &str) -> Finished {
    let input = place.write("fed", text);
    let mut command = place.command(arguments);
    command.stdin(File::open(input).unwrap());
    place.run_prepared(command)
}

#[test]
fn items_come_one_a_line_from_the_standard_input_instead_of_the_job_files() {
    let place = Place::new();
    let finished = fed(&place, &["run", &primes(&place), "--input", "-"], "7\n\n8 # even\n").expect_code(0);
    assert_eq!(finished.stdout, "7 is prime\n8 is not prime\n");
}

#[test]
fn a_file_of_items_is_read_from_where_the_command_is_given() {
    let place = Place::new();
    place.write("numbers", "7\n9\n");
    let finished = place.run(&["run", &primes(&place), "--input", "numbers"]).expect_code(0);
    assert_eq!(finished.stdout, "7 is prime\n9 is not prime\n");
    let said = place.run(&["run", &primes(&place), "--input", "nowhere"]).expect_code(2).stderr;
    assert!(said.contains("--input: `nowhere`: can't be read: No such file"), "{said}");
}

#[test]
fn a_bad_line_is_named_and_what_came_before_has_its_result() {
    let place = Place::new();
    let finished = fed(&place, &["run", &primes(&place), "--input", "-"], "7\n8x\n").expect_code(2);
    assert_eq!(finished.stdout, "7 is prime\n");
    assert!(finished.stderr.contains("standard input:2: \"8x\" is not an integer"), "{}", finished.stderr);
}

#[test]
fn an_empty_input_is_no_task_and_no_error() {
    let place = Place::new();
    let finished = fed(&place, &["run", &primes(&place), "--input", "-"], "").expect_code(0);
    assert_eq!(finished.stdout, "");
}

#[test]
fn sleeps_arguments_and_images_come_by_line_too() {
    let place = Place::new();
    let sleep = place.write("sleep.toml", "kind = \"sleep\"\ninput.seconds = [9]\n").display().to_string();
    let finished = fed(&place, &["run", &sleep, "--input", "-"], "0\n0.001\n").expect_code(0);
    assert_eq!(finished.stdout, "slept 0 s\nslept 0.001 s\n");
    let echo = "kind = \"command\"\nparams.argv = [\"echo\"]\n";
    let echo = place.write("echo.toml", echo).display().to_string();
    assert_eq!(fed(&place, &["run", &echo, "--input", "-"], "a b\n").expect_code(0).stdout, "a b\n");
    let table =
        ["run", &echo, "--input", "-", "--set", "input.format='csv'", "--set", "params.argv=['echo', '{b}']"];
    assert_eq!(fed(&place, &table, "a,b\n1,2\n3,4\n").expect_code(0).stdout, "2\n4\n");
    let photos = concat!(env!("CARGO_MANIFEST_DIR"), "/../jobs/photos");
    let gray = "kind = \"images\"\n[[params.step]]\nop = \"grayscale\"\n[output]\ndir = \"gray\"\n";
    let gray = place.write("gray.toml", gray).display().to_string();
    fed(&place, &["run", &gray, "--input", "-"], &format!("{photos}/coins.png\n")).expect_code(0);
    assert!(place.path().join("gray/coins.png").exists());
    let said = fed(&place, &["run", &gray, "--input", "-"], "nowhere.png\n").expect_code(2).stderr;
    assert!(said.contains("standard input:1: nowhere.png is no file"), "{said}");
}

#[test]
fn kinds_whose_input_is_no_list_refuse_lines() {
    let place = Place::new();
    let pi = place.write("pi.toml", "kind = \"pi\"\ninput.samples = 10\n").display().to_string();
    let said = fed(&place, &["run", &pi, "--input", "-"], "7\n").expect_code(2).stderr;
    assert!(said.contains("the items of a pi job don't come one a line"), "{said}");
}

/// A run whose input the test writes, and whose output it reads, as they go.
fn piped(
    place: &Place,
    arguments: &[&str],
) -> (Started, std::process::ChildStdin, BufReader<std::process::ChildStdout>) {
    let mut command = place.command(arguments);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    (Started { child }, stdin, BufReader::new(stdout))
}

#[test]
fn results_flow_while_the_input_flows() {
    let place = Place::new();
    let (started, mut stdin, mut stdout) = piped(&place, &["run", &primes(&place), "--input", "-"]);
    for (number, expected) in
        [("7\n", "7 is prime\n"), ("8\n", "8 is not prime\n"), ("11\n", "11 is prime\n")]
    {
        // Nothing more is written before the answer is there.
        stdin.write_all(number.as_bytes()).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, expected);
    }
    drop(stdin);
    started.finish().expect_code(0);
    place.check_nothing_is_left();
}

#[test]
fn an_endless_input_is_taken_in_bounded_memory_until_the_reader_has_enough() {
    let place = Place::new();
    let (mut started, mut stdin, mut stdout) =
        piped(&place, &["run", &primes(&place), "--input", "-", "--store", "none", "-q"]);
    let writer = std::thread::spawn(move || while stdin.write_all("7\n".repeat(4096).as_bytes()).is_ok() {});
    let mut taken = vec![0; 20 << 20];
    stdout.read_exact(&mut taken).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", started.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 256 << 10, "{kib} KiB");
    drop(stdout);
    let status = started.child.wait().unwrap();
    writer.join().unwrap();
    assert_eq!(status.code(), Some(0));
    place.check_nothing_is_left();
}

#[test]
fn a_run_from_the_standard_input_says_that_it_can_not_go_on() {
    let place = Place::new();
    let arguments = ["run", &primes(&place), "--input", "-", "--run-id", "piped"];
    let (started, mut stdin, mut stdout) = piped(&place, &arguments);
    stdin.write_all(b"7\n").unwrap();
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    started.signal(Signal::SIGINT);
    let stopped = started.finish().expect_code(130);
    assert!(stopped.stderr.contains("it can't go on"), "{}", stopped.stderr);
    assert!(!stopped.stderr.contains("go on with:"), "{}", stopped.stderr);
    for arguments in [["resume", "piped"].as_slice(), &["runs", "export", "piped", "--format", "jsonl"]] {
        let said = place.run(arguments).expect_code(2).stderr;
        assert!(said.contains("--input FILE"), "{said}");
    }
    drop(stdin);
}

#[test]
fn a_run_from_a_file_goes_on() {
    let place = Place::new();
    place.write("items", "1\n2\n");
    let text = "kind = \"command\"\n[params]\nshell = true\nargv = [\"test -e go || sleep 1000; echo {};:\"]\n[run]\nworkers = 1\n";
    let job = place.write("job.toml", text).display().to_string();
    let started = place.start(&["run", &job, "--input", "items", "--run-id", "file"]);
    let sleeps = || tests::processes_of(place.path()).iter().any(|line| line.contains("sleep 1000"));
    wait_until("the sleeper", sleeps);
    started.signal(Signal::SIGINT);
    started.signal(Signal::SIGTERM);
    let stopped = started.finish();
    assert!(stopped.stderr.contains("resume file"), "{}", stopped.stderr);
    place.write("go", "");
    assert_eq!(place.run(&["resume", "file"]).expect_code(0).stdout, "1\n2\n");
    place.write("items", "1\n3\n");
    let said = place.run(&["runs", "export", "file", "--format", "jsonl"]).expect_code(2).stderr;
    assert!(said.contains("items"), "{said}");
}
