//! The coordinator, killed between any two of its writes: nothing is lost, nothing is counted twice, and
//! nothing that was committed is run again.
//!
//! Every point has its turn, a quarter of them in each test. `KILL_POINTS_SEED` repeats where the runs that go
//! on are killed once more.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use nix::errno::Errno;
use tests::{Place, Random, number, processes_of, run_until_write, wait_until};

const TASKS: usize = 24;

/// A run of tasks that leave a mark each time they are executed.
struct Marked {
    place: Place,
    job: String,
}

/// How a session with the run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Session {
    Killed,
    Finished,
}

impl Marked {
    fn new() -> Self {
        let place = Place::in_memory();
        let tasks = format!("mark:seen.txt*{TASKS}");
        let job = place.faults(&[&tasks], "workers = 2\nbatch = 3").display().to_string();
        Self { place, job }
    }

    fn store(&self) -> PathBuf {
        self.place.path().join("runs.db")
    }

    /// Begins the run, or goes on with it, and kills it before its write number `fatal`.
    fn session(&self, fatal: u64) -> Result<(Session, u64), Errno> {
        let run = ["run", &self.job, "--store", "runs.db", "--run-id", "r1", "--reproducible"];
        let arguments = match self.state() {
            // Killed before it was stored.
            None => [&run[..], &["--output", "out.jsonl", "-q"]].concat(),
            Some(_) => vec!["resume", "r1", "--store", "runs.db", "-q"],
        };
        let traced = run_until_write(&self.place, &arguments, fatal)?;
        wait_until("the workers' end", || processes_of(self.place.path()).is_empty());
        match traced.code {
            None => Ok((Session::Killed, traced.writes)),
            Some(code) => {
                assert_eq!(code, 0, "{}", traced.stderr);
                Ok((Session::Finished, traced.writes))
            }
        }
    }

    /// How the run stands; `None` where it is not stored.
    fn state(&self) -> Option<String> {
        let list = self.place.start(&["runs", "list", "--json", "--store", "runs.db"]).finish();
        let runs = if list.code() == 0 { list.json_lines() } else { Vec::new() };
        runs.first().map(|run| run["state"].as_str().unwrap().to_owned())
    }

    /// How often each task was executed.
    fn executions(&self) -> BTreeMap<u64, u64> {
        let marks = std::fs::read_to_string(self.place.path().join("seen.txt")).unwrap_or_default();
        let mut executions = BTreeMap::new();
        for line in marks.lines() {
            let task = line.split(' ').next().unwrap().parse().unwrap();
            *executions.entry(task).or_default() += 1;
        }
        executions
    }

    /// The tasks whose outcomes are committed, with how often they were executed.
    fn committed(&self) -> BTreeMap<u64, u64> {
        if self.state().is_none() {
            return BTreeMap::new();
        }
        let export =
            self.place.start(&["runs", "export", "r1", "--store", "runs.db"]).finish().expect_code(0);
        let executions = self.executions();
        let task = |line: &serde_json::Value| line["id"].as_u64().unwrap();
        export.json_lines().iter().map(|line| (task(line), executions[&task(line)])).collect()
    }

    /// The results; a task's input names the place.
    fn results(&self) -> String {
        self.place.read("out.jsonl").replace(&self.place.path().display().to_string(), "@")
    }

    /// Fails where the finished run is not as if nothing had happened.
    fn check(&self, expected: &str, what: &str) {
        assert_eq!(self.state().as_deref(), Some("finished"), "{what}");
        assert!(self.results() == expected, "{what}: another output");
        assert!(!self.place.path().join("out.jsonl.partial").exists(), "{what}");
        let executions = self.executions();
        assert!(executions.keys().copied().eq(0..TASKS as u64), "{what}: {executions:?}");
        let connection = rusqlite::Connection::open(self.store()).unwrap();
        let found: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(found, "ok", "{what}");
        let sql = "SELECT ok, failed, (SELECT sum(count) FROM blocks) FROM runs";
        let counts: (usize, usize, usize) =
            connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        assert_eq!(counts, (TASKS, 0, TASKS), "{what}");
    }
}

/// The results of a run that nobody kills.
fn expected() -> String {
    let calm = Marked::new();
    let run = ["run", &calm.job, "--store", "none", "--reproducible", "--output", "out.jsonl", "-q"];
    calm.place.run(&run).expect_code(0);
    calm.results()
}

/// The points are shared out between so many tests, which take their turns at the same time.
const PARTS: u64 = 4;

#[test]
fn a_kill_between_any_two_writes_repeats_nothing_that_counts_first_quarter() {
    kill_before_each_write_of(1);
}

#[test]
fn a_kill_between_any_two_writes_repeats_nothing_that_counts_second_quarter() {
    kill_before_each_write_of(2);
}

#[test]
fn a_kill_between_any_two_writes_repeats_nothing_that_counts_third_quarter() {
    kill_before_each_write_of(3);
}

#[test]
fn a_kill_between_any_two_writes_repeats_nothing_that_counts_fourth_quarter() {
    kill_before_each_write_of(4);
}

/// Kills a run before its write number `part`, another one four writes later, and so on to the end.
fn kill_before_each_write_of(part: u64) {
    let expected = expected();
    let seed = number("KILL_POINTS_SEED", u64::from(std::process::id()));
    println!("KILL_POINTS_SEED={seed}");
    let mut random = Random::new(seed);
    let mut fatal = part;
    let mut points = 0;
    loop {
        let marked = Marked::new();
        let what = format!("killed before write {fatal}, KILL_POINTS_SEED={seed}");
        let first = match marked.session(fatal) {
            Err(error @ (Errno::EPERM | Errno::EACCES | Errno::ENOSYS)) => {
                eprintln!("SKIPPED: this process may not trace another: {error}");
                assert!(std::env::var("CI").is_err(), "in CI a skip is a failure");
                return;
            }
            first => first.unwrap().0,
        };
        if first == Session::Finished {
            marked.check(&expected, &what);
            break;
        }
        points += 1;
        finish(&marked, &mut random, &expected, &what);
        fatal += PARTS;
    }
    println!("{points} points");
    assert!(points * PARTS > 60, "{points} points");
}

/// Goes on with a run that was killed, is killed again at a random point, and goes on to the end.
fn finish(marked: &Marked, random: &mut Random, expected: &str, what: &str) {
    for session in 0.. {
        let committed = marked.committed();
        let fatal = if session == 0 { 1 + random.number() % 60 } else { u64::MAX };
        let what = format!("{what}, then before write {fatal}");
        if marked.state().as_deref() != Some("finished") {
            marked.session(fatal).unwrap();
        }
        let executions = marked.executions();
        for (task, times) in &committed {
            assert_eq!(executions[task], *times, "{what}: task {task} was committed, and is run again");
        }
        if marked.state().as_deref() == Some("finished") {
            return marked.check(expected, &what);
        }
        assert!(session < 2, "{what}: it does not end");
    }
}
