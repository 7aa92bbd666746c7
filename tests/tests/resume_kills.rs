//! A run whose coordinator is killed at random moments, again and again, ends as if nothing had been.
//!
//! `RESUME_TASKS`, `RESUME_KILLS` and `RESUME_SEED` make it longer or repeat it (`scripts/faults.sh`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::collections::HashMap;
use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::{Place, Random, number, processes_of, wait_until};

/// Each task leaves a mark each time it is executed.
struct Marked {
    place: Place,
    job: String,
    tasks: u64,
    expected: String,
}

/// What was executed between two looks.
#[derive(Default)]
struct Executed {
    /// How often each task was, by its id.
    times: HashMap<u64, u64>,
    all: u64,
}

impl Marked {
    fn new(tasks: u64) -> Self {
        let place = Place::in_memory();
        let job = place.faults(&[&format!("mark:seen.txt*{tasks}")], "workers = 2").display().to_string();
        let calm = ["run", &job, "--store", "none", "--reproducible", "--output", "expected.jsonl", "-q"];
        place.run(&calm).expect_code(0);
        let expected = place.read("expected.jsonl");
        let mut marked = Self { place, job, tasks, expected };
        marked.forget_marks();
        marked
    }

    fn forget_marks(&mut self) {
        fs::remove_file(self.place.path().join("seen.txt")).unwrap();
    }

    fn executed(&self) -> Executed {
        let marks = fs::read_to_string(self.place.path().join("seen.txt")).unwrap_or_default();
        let mut executed = Executed::default();
        for line in marks.lines() {
            *executed.times.entry(line.split(' ').next().unwrap().parse().unwrap()).or_default() += 1;
            executed.all += 1;
        }
        executed
    }

    /// How a run stands, and how many of its tasks are committed; `None` where it is not stored.
    fn state(&self, id: &str) -> Option<(String, u64)> {
        let show = self.place.start(&["runs", "show", id, "--json"]).finish();
        let run = (show.code() == 0).then(|| show.json_lines().remove(0))?;
        Some((run["state"].as_str()?.to_owned(), run["tasks"]["ok"].as_u64()?))
    }

    /// The tasks of a run whose outcomes are committed.
    fn committed(&self, id: &str) -> Vec<u64> {
        let export = self.place.start(&["runs", "export", id]).finish().expect_code(0);
        let task =
            |line: &str| line.strip_prefix("{\"id\":").unwrap().split(',').next().unwrap().parse().unwrap();
        export.stdout.lines().map(task).collect()
    }

    /// Starts the command and kills it once its results, not those that it finds, have a certain length, or where
    /// that is 0 before it has any; true where it was done before.
    fn killed(&self, arguments: &[&str], until: u64) -> bool {
        let partial = self.place.path().join("out.jsonl.partial");
        let look = || fs::metadata(&partial).map(|found| (found.len(), found.modified().unwrap())).ok();
        let before = look();
        let mut started = self.place.start(arguments);
        let mut ended = false;
        wait_until("some results", || {
            ended = started.child.try_wait().unwrap().is_some();
            let now = look();
            ended || until == 0 || now != before && now.is_some_and(|(length, _)| length >= until)
        });
        if !ended {
            started.signal(Signal::SIGKILL);
        }
        let finished = started.finish();
        if finished.status.code().is_some() {
            finished.expect_code(0);
            return true;
        }
        // What a killed command leaves behind is swept by the next one.
        wait_until("the workers' end", || processes_of(self.place.path()).is_empty());
        false
    }

    /// Runs the job to its end through at most so many kills; how many there were.
    fn run(&self, id: &str, kills: u64, random: &mut Random) -> u64 {
        let run = ["run", &self.job, "--reproducible", "--output", "out.jsonl", "--run-id", id];
        let run = [run.as_slice(), &["--summary-json", "summary.json"]].concat();
        let (mut survived, mut arguments) = (0, run.clone());
        let (mut committed, mut before) = (Vec::new(), Executed::default());
        let mut finished = false;
        while !finished {
            if survived < kills {
                // One in eight dies before it has got anything done.
                let until = random.number() % self.expected.len() as u64;
                let until = if random.below(8) == 0 { 0 } else { until };
                finished = self.killed(&arguments, until);
                survived += u64::from(!finished);
            } else {
                self.place.run(&arguments).expect_code(0);
                finished = true;
            }
            let now = self.executed();
            for task in &committed {
                assert_eq!(
                    now.times[task], before.times[task],
                    "task {task} was committed, and is run again"
                );
            }
            let state = self.state(id);
            finished |= state.as_ref().is_some_and(|(state, _)| state == "finished");
            if let Some((_, count)) = state.filter(|_| !finished) {
                arguments = vec!["resume", id];
                if count != committed.len() as u64 {
                    committed = self.committed(id);
                    assert_eq!(committed.len() as u64, count, "the store and its count differ");
                }
            }
            before = now;
        }
        println!("{id}: {survived} kills, {} executions of {} tasks", before.all, self.tasks);
        survived
    }

    fn check(&self) {
        assert!(self.place.read("out.jsonl") == self.expected, "another output");
        assert!(!self.place.path().join("out.jsonl.partial").exists());
        assert_eq!(self.executed().times.len() as u64, self.tasks);
        // A session that was killed after it had stored everything has written no summary.
        if let Ok(text) = fs::read_to_string(self.place.path().join("summary.json")) {
            let summary: Value = serde_json::from_str(&text).unwrap();
            let count = |name: &str| summary["tasks"][name].as_u64().unwrap();
            assert_eq!([count("planned"), count("ok"), count("failed")], [self.tasks, self.tasks, 0]);
            let workers = summary["per_worker"].as_array().unwrap();
            let run: u64 = workers.iter().map(|worker| worker["tasks"].as_u64().unwrap()).sum();
            assert_eq!(run + count("skipped"), self.tasks);
        }
    }

    /// Fails where SQLite finds anything wrong with the store, or a run has not finished exactly.
    fn check_store(&self) {
        let store = self.place.path().join("state/coordinator/runs.db");
        let connection = rusqlite::Connection::open(store).unwrap();
        let found: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(found, "ok");
        let sql = "SELECT count(*) FROM runs JOIN (SELECT run, sum(count) AS stored FROM blocks GROUP BY run) \
                   ON run = key WHERE state != 'finished' OR ok != ?1 OR stored != ?1";
        let wrong: i64 = connection.query_row(sql, [self.tasks.cast_signed()], |row| row.get(0)).unwrap();
        assert_eq!(wrong, 0, "runs that have lost or doubled a task");
    }
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_been() {
    let kills = number("RESUME_KILLS", 12);
    let seed = number("RESUME_SEED", u64::from(std::process::id()));
    println!("RESUME_SEED={seed}");
    let mut random = Random::new(seed);
    let mut marked = Marked::new(number("RESUME_TASKS", 20_000));
    let (mut survived, mut runs) = (0, 0);
    while survived < kills {
        survived += marked.run(&format!("r{runs}"), kills - survived, &mut random);
        runs += 1;
        marked.check();
        marked.forget_marks();
        for name in ["out.jsonl", "summary.json"] {
            let _ = fs::remove_file(marked.place.path().join(name));
        }
    }
    println!("{survived} kills over {runs} runs of {} tasks", marked.tasks);
    marked.check_store();
}
