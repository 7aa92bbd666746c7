//! Runs that survive: killed, stopped, changed, and gone on with.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests: a panic is how a test fails")]

use std::path::Path;

use nix::sys::signal::Signal;
use tests::{Place, Started, processes_of, wait_until};

/// The numbers' beginning: of 64 bits.
const FROM: u64 = 10_000_000_000_000_000_000;
const TASKS: u64 = 20_000;
/// Sent one by one, these take some seconds.
const SLOW_TASKS: u64 = 100_000;

/// Numbers of 64 bits, one task each.
fn job(place: &Place) -> String {
    job_of(place, TASKS)
}

fn slow_job(place: &Place) -> String {
    job_of(place, SLOW_TASKS)
}

fn job_of(place: &Place, tasks: u64) -> String {
    let to = FROM + tasks;
    let text = format!(
        "kind = \"primes\"\n[input]\nrange = {{ from = \"{FROM}\", to = \"{to}\" }}\n[run]\nworkers = 2\n"
    );
    place.write("job.toml", text).display().to_string()
}

/// What an uninterrupted run of the job writes.
fn expected(place: &Place, job: &str) -> String {
    let arguments = ["run", job, "--store", "none", "--reproducible", "--output", "expected.jsonl"];
    place.run(&arguments).expect_code(0);
    place.read("expected.jsonl")
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn store(place: &Place) -> String {
    place.path().join("state/coordinator/runs.db").display().to_string()
}

/// The command that a stopped run said it goes on with, without its program.
fn printed_command(stderr: &str) -> Vec<String> {
    let line = stderr.lines().find_map(|line| line.strip_prefix("go on with: "));
    line.expect("a command to go on with").split(' ').skip(1).map(str::to_owned).collect()
}

fn as_strs(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// How a run stands; `None` where it is not stored.
fn state(place: &Place, id: &str) -> Option<String> {
    let list = place.start(&["runs", "list", "--json"]).finish();
    let runs = if list.code() == 0 { list.json_lines() } else { Vec::new() };
    let run = runs.into_iter().find(|run| run["run_id"] == id)?;
    run["state"].as_str().map(str::to_owned)
}

/// Starts a run that takes many seconds, and waits until it has stored something.
fn start_slowly(place: &Place, job: &str, more: &[&str]) -> Started {
    let arguments =
        ["run", job, "--reproducible", "--output", "out.jsonl", "--batch", "1", "--run-id", "slow"];
    let started = place.start(&[&arguments, more].concat());
    wait_until("stored outcomes", || stored_tasks(place) > 0);
    started
}

fn stored_tasks(place: &Place) -> u64 {
    let list = place.start(&["runs", "list", "--json"]).finish();
    if list.code() != 0 {
        return 0;
    }
    list.json_lines().first().map_or(0, |run| run["tasks"]["ok"].as_u64().unwrap())
}

#[test]
fn ctrl_c_prints_the_command_that_goes_on() {
    let place = Place::new();
    let job = slow_job(&place);
    let expected = expected(&place, &job);
    let started = start_slowly(&place, &job, &[]);
    started.signal(Signal::SIGINT);
    let stopped = started.finish().expect_code(130);
    place.check_nothing_is_left();
    let command = printed_command(&stopped.stderr);
    assert_eq!(command, ["resume", "slow"]);
    place.run(&as_strs(&command)).expect_code(0);
    assert!(place.read("out.jsonl") == expected, "another output");
}

#[test]
fn a_store_elsewhere_is_named_in_the_command() {
    let place = Place::new();
    let job = slow_job(&place);
    let started = start_in(&place, &job, "my runs.db");
    started.signal(Signal::SIGTERM);
    let stopped = started.finish().expect_code(143);
    let path = place.path().join("my runs.db");
    let expected = format!("resume slow --store '{}'", path.display());
    assert!(stopped.stderr.contains(&expected), "{}", stopped.stderr);
    place.run(&["resume", "--store", "my runs.db", "--batch", "auto"]).expect_code(0);
    assert!(place.path().join("out.jsonl").exists());
    assert!(!place.path().join("state/coordinator").exists());
}

fn start_in(place: &Place, job: &str, store: &str) -> Started {
    let started = place.start(&[
        "run",
        job,
        "--output",
        "out.jsonl",
        "--batch",
        "1",
        "--run-id",
        "slow",
        "--store",
        store,
    ]);
    wait_until("results", || length(&place.path().join("out.jsonl.partial")) > 0);
    started
}

#[test]
fn a_run_that_is_alive_is_refused_with_who_has_it() {
    let place = Place::new();
    let job = slow_job(&place);
    let started = start_slowly(&place, &job, &[]);
    started.signal(Signal::SIGSTOP);
    let refused = place.start(&["resume", "slow"]).finish().expect_code(2);
    assert!(refused.stderr.contains(&format!("process {}", started.child.id())), "{}", refused.stderr);
    started.signal(Signal::SIGKILL);
    started.finish();
    wait_until("the workers' end", || processes_of(place.path()).is_empty());
    // Two at once: one of them has it, whichever it is.
    let resume = ["resume", "slow", "--batch", "auto"];
    let both = [place.start(&resume), place.start(&resume)];
    let codes = both.map(|resumed| resumed.finish().code());
    assert!(codes.contains(&0), "{codes:?}");
    assert!(codes.contains(&2), "{codes:?}");
}

#[test]
fn a_changed_job_is_refused_and_the_user_decides() {
    let place = Place::new();
    let job = slow_job(&place);
    let expected = expected(&place, &job);
    let started = start_slowly(&place, &job, &[]);
    started.signal(Signal::SIGTERM);
    started.finish().expect_code(143);
    let text = std::fs::read_to_string(&job).unwrap();
    place.write("job.toml", text.replace(&(FROM + SLOW_TASKS).to_string(), &(FROM + 10).to_string()));
    let refused = place.run(&["resume", "slow"]).expect_code(2);
    for part in ["line 3 of the job file", "--changed rerun", "--changed keep"] {
        assert!(refused.stderr.contains(part), "{part:?} is missing in:\n{}", refused.stderr);
    }
    place.run(&["resume", "slow", "--changed", "keep", "--batch", "auto"]).expect_code(0);
    assert!(place.read("out.jsonl") == expected, "another output");
}

#[test]
fn a_changed_job_can_be_begun_anew_and_the_old_run_is_passed_over() {
    let place = Place::new();
    let job = slow_job(&place);
    let started = start_slowly(&place, &job, &[]);
    started.signal(Signal::SIGTERM);
    started.finish().expect_code(143);
    place.write("job.toml", "kind = \"primes\"\n[input]\nnumbers = [7]\n");
    place.run(&["resume", "slow", "--changed", "rerun"]).expect_code(0);
    assert_eq!(place.read("out.jsonl").lines().count(), 1);
    let runs = place.run(&["runs", "list", "--json"]).expect_code(0).json_lines();
    assert_eq!(runs[0]["parent"], "slow");
    assert_eq!(runs[1]["replaced_by"], runs[0]["run_id"]);
    let list = place.run(&["runs", "list"]).expect_code(0);
    assert!(list.stdout.contains("interrupted, replaced by"), "{}", list.stdout);
    let nothing = place.run(&["resume"]).expect_code(2);
    assert!(nothing.stderr.contains("every run has finished"), "{}", nothing.stderr);
}

#[test]
fn changed_inputs_are_refused_by_name() {
    let place = Place::new();
    let numbers: String = (FROM..FROM + SLOW_TASKS).map(|number| format!("{number}\n")).collect();
    place.write("numbers.txt", &numbers);
    let job = place.write("job.toml", "kind = \"primes\"\n[input]\nfile = \"numbers.txt\"\n");
    let started = start_slowly(&place, &job.display().to_string(), &[]);
    started.signal(Signal::SIGTERM);
    started.finish().expect_code(143);
    place.write("numbers.txt", numbers + "7\n");
    let refused = place.run(&["resume", "slow"]).expect_code(2);
    assert!(refused.stderr.contains("numbers.txt has changed its size"), "{}", refused.stderr);
    // Other lines would be other tasks under the same ids.
    let refused = place.run(&["resume", "slow", "--changed", "keep"]).expect_code(2);
    assert!(refused.stderr.contains("does not fit the inputs"), "{}", refused.stderr);
}

#[test]
fn without_a_store_nothing_is_kept_and_nothing_is_promised() {
    let place = Place::new();
    let job = slow_job(&place);
    let started = start_in(&place, &job, "none");
    started.signal(Signal::SIGINT);
    let stopped = started.finish().expect_code(130);
    assert!(!stopped.stderr.contains("resume"), "{}", stopped.stderr);
    assert!(!place.path().join("state/coordinator").exists());
}

#[test]
fn a_dry_run_stores_nothing() {
    let place = Place::new();
    let job = job(&place);
    place.run(&["run", &job, "--dry-run"]).expect_code(0);
    assert!(!place.path().join("state/coordinator").exists());
}

#[test]
fn a_store_that_cannot_be_is_told_before_the_first_task() {
    let place = Place::new();
    let job = job(&place);
    place.write("foreign.db", "not a database, and long enough to be taken for one by its size alone\n");
    for (store, code) in [("foreign.db", 2), ("job.toml/runs.db", 3), ("/proc/none/runs.db", 3)] {
        let refused = place.run(&["run", &job, "--store", store]).expect_code(code);
        assert_eq!(refused.stdout, "");
        assert!(refused.stderr.contains("--store"), "{}", refused.stderr);
    }
}

#[test]
fn failed_tasks_are_tried_again_and_merged() {
    let place = Place::new();
    // Of some thousand digits: it takes long, and is not prime.
    let long = format!("1{}", "0000000007".repeat(300));
    let text = format!("kind = \"primes\"\n[input]\nnumbers = [2, \"{long}\", 3]\n");
    let job = place.write("job.toml", text).display().to_string();
    let run = ["run", &job, "--output", "out.jsonl", "--timeout", "1ms", "--retries", "0", "--run-id", "r1"];
    place.run(&run).expect_code(1);
    let shown = place.run(&["runs", "show", "r1", "--json"]).expect_code(0).json_lines();
    assert_eq!(shown[0]["failures"][0]["failure"]["reason"], "timeout");
    place.run(&["resume", "r1"]).expect_code(2);
    place.run(&["retry", "r1", "--timeout", "10m"]).expect_code(0);
    let ok = |line: &str| line.contains("\"ok\":true");
    assert_eq!(place.read("out.jsonl").lines().filter(|line| ok(line)).count(), 3);
    place.run(&["retry", "r1"]).expect_code(2);
}

#[test]
fn runs_are_listed_exported_and_forgotten() {
    let place = Place::new();
    let job = job(&place);
    let run = ["run", &job, "--reproducible", "--output", "out.jsonl", "--run-id", "nightly"];
    place.run(&run).expect_code(0);
    let again = place.run(&["run", &job, "--run-id", "nightly"]).expect_code(2);
    assert!(again.stderr.contains("there already is a run nightly"), "{}", again.stderr);
    let exported = place.run(&["runs", "export", "night", "--reproducible"]).expect_code(0);
    assert!(exported.stdout == place.read("out.jsonl"), "another output");
    let failed = place.run(&["runs", "export", "nightly", "--failed", "--format", "csv"]).expect_code(0);
    assert_eq!(failed.stdout.lines().count(), 1);
    place.run(&["runs", "export", "nightly", "--format", "sqlite", "-o", "run.db"]).expect_code(0);
    let connection = rusqlite::Connection::open(place.path().join("run.db")).unwrap();
    let rows: u64 = connection.query_row("SELECT count(*) FROM outcomes", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, TASKS);
    let lost = rusqlite::Connection::open(store(&place)).unwrap();
    lost.execute("DELETE FROM blocks WHERE key = (SELECT max(key) FROM blocks)", []).unwrap();
    drop(lost);
    let lacking = place.run(&["runs", "export", "nightly", "-o", "part.jsonl"]).expect_code(3);
    assert!(lacking.stderr.contains("20000 outcomes by its row"), "{}", lacking.stderr);
    assert!(!place.path().join("part.jsonl").exists());
    let which = place.run(&["runs", "prune"]).expect_code(2);
    for flag in ["--older-than", "--keep", "--run"] {
        assert!(which.stderr.contains(flag), "{}", which.stderr);
    }
    let bare = place.run(&["runs", "prune", "--older-than", "30"]).expect_code(2);
    assert!(bare.stderr.contains("30d"), "{}", bare.stderr);
    let pruned = place.run(&["runs", "prune", "--keep", "0"]).expect_code(0);
    assert!(
        pruned.stdout.starts_with("forgetting nightly (job, 20,000 tasks, finished)"),
        "{}",
        pruned.stdout
    );
    assert_eq!(place.run(&["runs", "list", "--json"]).expect_code(0).stdout, "");
    place.run(&["runs", "show", "nightly"]).expect_code(2);
}

#[test]
fn damage_that_shows_while_a_run_goes_on_is_the_stores_fault() {
    let place = Place::new();
    let job = place.faults(&["ok*20", "error", "ok*1000"], "retries = 0").display().to_string();
    let run =
        ["run", &job, "--fail-fast", "-w", "1", "--batch", "1", "--run-id", "r1", "--output", "out.jsonl"];
    place.run(&run).expect_code(1);
    let connection = rusqlite::Connection::open(store(&place)).unwrap();
    assert_eq!(connection.execute("UPDATE failures SET reason = 'nonsense'", []).unwrap(), 1);
    drop(connection);
    let refused = place.run(&["resume", "r1"]).expect_code(3);
    assert!(refused.stderr.contains("the store is damaged"), "{}", refused.stderr);
    assert!(refused.stderr.contains("runs.db"), "{}", refused.stderr);
    assert!(!place.path().join("out.jsonl").exists());
    assert_ne!(state(&place, "r1").as_deref(), Some("finished"));
}

#[test]
fn workers_deaths_are_told_of_afterwards() {
    let place = Place::new();
    let job = place.faults(&["ok*5", "segfault", "exit:3", "ok*5"], "retries = 0").display().to_string();
    place.run(&["run", &job, "--run-id", "r1"]).expect_code(1);
    let shown = place.run(&["runs", "show", "r1", "--json"]).expect_code(0).json_lines();
    let events = shown[0]["events"].as_array().unwrap();
    let died = |how: &str| {
        let told = |event: &&serde_json::Value| {
            event["kind"] == "worker-died" && event["detail"].as_str().unwrap().contains(how)
        };
        events.iter().filter(told).count()
    };
    assert_eq!((died("SIGSEGV"), died("code 3"), died("worker-")), (1, 1, 2), "{events:#?}");
    let shown = place.run(&["runs", "show", "r1"]).expect_code(0);
    assert_eq!(shown.stdout.matches("worker-died worker-").count(), 2, "{}", shown.stdout);
}

/// Starts a run whose last task never ends, and waits until the others are stored.
fn start_endless(place: &Place) -> Started {
    let job = place.faults(&["ok*50", "hang"], "workers = 2\ngrace = 0").display().to_string();
    let started = place.start(&["run", &job, "--output", "out.jsonl", "--run-id", "slow"]);
    wait_until("stored outcomes", || stored_tasks(place) == 50);
    started
}

#[test]
fn a_live_run_is_neither_resumed_nor_forgotten_by_another_name_of_its_store() {
    let place = Place::new();
    let started = start_endless(&place);
    let link = place.path().join("link.db").display().to_string();
    std::os::unix::fs::symlink(store(&place), &link).unwrap();
    let alive = format!("process {}", started.child.id());
    let refused = place.start(&["resume", "slow", "--store", &link]).finish().expect_code(2);
    assert!(refused.stderr.contains(&alive), "{}", refused.stderr);
    let forgotten = ["runs", "prune", "--store", &link, "--run", "slow"];
    let left = place.start(&forgotten).finish().expect_code(0);
    assert!(left.stdout.contains("left slow: it is being worked on"), "{}", left.stdout);
    std::fs::remove_file(&link).unwrap();
    std::fs::hard_link(store(&place), &link).unwrap();
    place.start(&["resume", "slow", "--store", &link]).finish().expect_code(2);
    std::fs::remove_file(&link).unwrap();
    started.signal(Signal::SIGTERM);
    started.finish().expect_code(143);
    assert_eq!(state(&place, "slow").as_deref(), Some("interrupted"));
}

#[test]
fn a_run_whose_store_has_gone_ends_with_3() {
    let place = Place::new();
    let started = start_endless(&place);
    std::fs::rename(store(&place), place.path().join("aside.db")).unwrap();
    started.signal(Signal::SIGTERM);
    let ended = started.finish().expect_code(3);
    assert!(ended.stderr.contains("runs.db: the store or its log has gone"), "{}", ended.stderr);
}

#[test]
fn what_refuses_to_go_on_with_a_run_leaves_it_as_it_is() {
    let place = Place::new();
    let started = start_endless(&place);
    started.signal(Signal::SIGTERM);
    started.finish().expect_code(143);
    let events = |place: &Place| place.run(&["runs", "show", "slow", "--json"]).expect_code(0).stdout;
    let before = events(&place);
    // The last thing that can refuse: results can't be written.
    place.write("out.jsonl", "somebody's");
    place.run(&["resume", "slow"]).expect_code(2);
    place.run(&["resume", "slow", "--trace", "no/such/folder/t.json"]).expect_code(2);
    assert_eq!(events(&place), before);
}
