//! The examples of the library do what they say, and leave nobody behind, however they end.
//!
//! `KILLS` and `KILLS_SEED` make it longer or repeat it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use tests::{Place, Random, Started, number, processes_of, wait_until};

fn run(name: &str, arguments: &[&str]) -> String {
    let place = Place::new();
    let finished = place.run_prepared(place.other_program(&format!("examples/{name}"), arguments));
    finished.expect_code(0).stdout
}

#[test]
fn every_example_is_short_told_of_in_the_guide_and_run_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guide = std::fs::read_to_string(root.join("docs/embedding.md")).unwrap();
    let examples_in = |folder: &str| std::fs::read_dir(root.join(folder)).unwrap();
    let examples = examples_in("coordinator/pool/examples").chain(examples_in("coordinator/examples"));
    let examples: Vec<_> = examples.map(|example| example.unwrap().path()).collect();
    assert!(examples.len() >= 6, "{examples:?}");
    for path in examples {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 60, "{name} has {lines} lines");
        assert!(guide.contains(&format!("| `{name}` |")), "the guide says nothing of {name}");
        let tests = include_str!("embedding.rs");
        let is_run =
            ["run(\"", "examples/"].iter().any(|before| tests.contains(&format!("{before}{name}\"")));
        assert!(is_run, "no test runs {name}");
    }
}

#[test]
fn the_primes_example_tells_who_found_which_prime() {
    let out = run("primes", &[]);
    let found: Vec<&str> =
        out.lines().filter_map(|line| line.split_once(" (worker-").map(|(said, _)| said)).collect();
    let primes = [2, 101, 193, 1327, 433_785_907].map(|n| format!("{n} is prime"));
    assert_eq!(found.len(), 10, "{out}");
    assert!(primes.iter().all(|prime| found.contains(&prime.as_str())), "{out}");
}

#[test]
fn the_pi_example_is_the_same_for_any_number_of_workers() {
    let out = run("pi", &["1"]);
    assert!(out.contains("pi is about 3.14"), "{out}");
    assert_eq!(run("pi", &["3"]), out);
}

#[test]
fn the_cancel_example_kills_what_is_late_and_what_is_unwanted() {
    let out = run("cancel", &[]);
    assert!(out.contains("20 quick tasks are done"), "{out}");
    assert!(out.contains("the unwanted task: cancelled: "), "{out}");
    assert!(out.contains("the endless task: timeout: ") && out.contains("  attempt 2: "), "{out}");
}

#[test]
fn the_observe_example_sees_a_crash_a_retry_and_a_restart() {
    let out = run("observe", &[]);
    for said in
        ["it will be tried again", "that was the last attempt", "process 3", "the sum is 110", "3 of 3"]
    {
        assert!(out.contains(said), "no {said:?} in\n{out}");
    }
    assert!(out.contains("3 ok, 1 failed, 1 retried, 2 died"), "{out}");
}

#[test]
fn the_watch_example_sees_a_run_of_the_command_from_another_process() {
    let place = Place::new();
    let tasks = ["sleep:5", "ok", "error", "segfault"];
    let job = place.faults(&tasks, "workers = 1\nretries = 0").display().to_string();
    let watcher = place.other_program("examples/watch", &["run.sock"]).spawn().unwrap();
    let run = place.start(&["run", &job, "--observe", "run.sock", "--run-id", "mine"]);
    let out = Started { child: watcher }.finish().expect_code(0).stdout;
    run.finish().expect_code(1);
    place.check_nothing_is_left();
    for said in ["observing run mine: job", "worker-1 has been at task 0", "task 2: error: ", "SIGSEGV"] {
        assert!(out.contains(said), "no {said:?} in\n{out}");
    }
    assert!(out.ends_with("2 ok, 2 failed, 1 deaths\n"), "{out}");
}

/// What the server answers, status line and body.
fn get(address: &str, path: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    (head.lines().next().unwrap_or_default().to_owned(), answer[end + 4..].to_vec())
}

#[test]
fn the_thumbnail_server_survives_a_crash_of_its_decoder() {
    let place = Place::new();
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../jobs/photos/coins.png");
    place.write("coins.png", std::fs::read(photo).unwrap());
    place.write("bad.png", b"CRASH and more");
    place.write("text.png", b"no picture");
    let folder = place.path().display().to_string();
    let mut server = place.other_program("examples/thumbnails", &[&folder, "0"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap();
    for _ in 0..3 {
        let (status, body) = get(address, "/coins.png");
        assert!(status.ends_with("200 OK") && body.starts_with(b"\x89PNG"), "{status}");
        let (status, body) = get(address, "/bad.png");
        assert!(status.contains(" 500 "), "{status}");
        assert!(String::from_utf8_lossy(&body).contains("SIGABRT"), "{}", String::from_utf8_lossy(&body));
        assert!(get(address, "/text.png").0.contains(" 404 "));
        assert!(get(address, "/nothing.png").0.contains(" 404 "));
    }
    let started = Started { child: server };
    started.signal(Signal::SIGKILL);
    let _ = started.finish();
    wait_until("the workers' end", || processes_of(place.path()).is_empty());
}

#[test]
fn a_custom_kind_has_the_whole_command_and_its_runs_go_on_after_a_kill() {
    let place = Place::new();
    let items: String = (0..10_000).map(|n| format!("item {n}\n")).collect();
    place.write("items.txt", items);
    let job = "kind = \"vowels\"\n[input]\nfile = \"items.txt\"\n[run]\nbatch = 1\nworkers = 2\n";
    place.write("job.toml", job);
    let custom = |arguments: &[&str]| place.other_program("examples/custom_kind", arguments);
    let finished = place.run_prepared(custom(&["kinds", "vowels", "--example"])).expect_code(0);
    place.write("example.toml", &finished.stdout);
    let finished = place.run_prepared(custom(&["run", "example.toml", "--format", "jsonl"])).expect_code(0);
    let values: Vec<_> = finished.json_lines().iter().map(|line| line["value"]["value"].clone()).collect();
    assert_eq!(values, [1, 0]);

    let mut child =
        custom(&["run", "job.toml", "--output", "out.jsonl", "--format", "text"]).spawn().unwrap();
    // It runs, and is far from its end.
    let _ = BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let started = Started { child };
    started.signal(Signal::SIGKILL);
    let _ = started.finish();
    wait_until("the workers' end", || processes_of(place.path()).is_empty());
    place.run_prepared(custom(&["resume", "--quiet"])).expect_code(0);
    assert_eq!(place.read("out.jsonl").lines().count(), 10_000);
}

#[test]
fn a_program_with_a_pool_that_is_killed_at_any_moment_leaves_nobody_alive() {
    let seed = number("KILLS_SEED", u64::from(std::process::id()));
    println!("KILLS_SEED={seed}");
    let mut random = Random::new(seed);
    let place = Place::new();
    for turn in 0..number("KILLS", 12) {
        let (name, arguments): (_, &[&str]) = if turn % 2 == 0 { ("pi", &["4"]) } else { ("cancel", &[]) };
        let child = place.other_program(&format!("examples/{name}"), arguments).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(random.number() % 200_000));
        let started = Started { child };
        started.signal(Signal::SIGKILL);
        let _ = started.finish();
        wait_until("everybody's end", || processes_of(place.path()).is_empty());
    }
}
