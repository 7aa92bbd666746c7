//! Programs that leave their process group, session or parent: none outlives its task's time limit, its run or its
//! coordinator, and pauses hold for all of them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::{Place, Started, program, wait_until};

/// Ways out; `SLEEP` is a program that sleeps for long.
const WAYS: [&str; 6] = [
    "timeout 1000 SLEEP",
    "bash -c 'set -m; SLEEP & wait'",
    "setsid SLEEP",
    "setsid sh -c '(SLEEP &); SLEEP'",
    "(setsid sh -c '(setsid SLEEP &)' &); SLEEP",
    "nohup setsid env -u TMPDIR SLEEP",
];
/// One that leaves nothing in its environment by which it could be told.
const NAKED: &str = "env -i setsid sh -c '(SLEEP &); SLEEP'";

/// A way out, with a number of seconds that no other test has.
struct Way {
    script: String,
    sleep: String,
}

impl Way {
    fn new(way: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let sleep = format!("sleep 1000.{}{number:03}", std::process::id());
        Self { script: way.replace("SLEEP", &sleep), sleep }
    }

    /// The processes that sleep, as their numbers and states.
    fn sleepers(&self) -> Vec<(i32, char)> {
        let line: Vec<u8> =
            self.sleep.bytes().map(|byte| if byte == b' ' { 0 } else { byte }).chain([0]).collect();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let told = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('X');
            if told == line {
                found.push((pid, state));
            }
        }
        found
    }

    fn job(&self, place: &Place, after: &str, run: &str) -> String {
        let text = format!(
            "kind = \"command\"\n[input]\nargs = ['a']\n[params]\nshell = true\nargv = [\"\"\"{}{after};:\"\"\"]\n[run]\nretries = 0\n{run}\n",
            self.script
        );
        place.write("job.toml", text).display().to_string()
    }

    fn wait_for_some(&self) {
        wait_until("a sleeper", || !self.sleepers().is_empty());
    }

    fn wait_for_none(&self, when: &str) {
        let script = &self.script;
        wait_until(&format!("the end of all, {when}: {script}"), || self.sleepers().is_empty());
    }
}

/// Every way, the naked one included where it can be followed.
fn ways(naked: bool) -> impl Iterator<Item = Way> {
    WAYS.into_iter().chain(naked.then_some(NAKED)).map(Way::new)
}

#[test]
fn nothing_that_a_program_has_started_outlives_its_time_limit() {
    for way in ways(true) {
        let place = Place::new();
        let job = way.job(&place, "", "timeout = \"1500ms\"");
        let finished = place.run(&["run", &job, "--format", "jsonl"]).expect_code(1);
        assert_eq!(finished.json_lines()[0]["error"]["reason"], "timeout", "{}", way.script);
        way.wait_for_none("at the time limit");
    }
}

#[test]
fn nothing_that_a_program_has_started_outlives_a_second_interrupt() {
    for way in ways(true) {
        let place = Place::new();
        let started = place.start(&["run", &way.job(&place, "", ""), "--store", "none", "--grace", "1h"]);
        way.wait_for_some();
        started.signal(Signal::SIGINT);
        started.signal(Signal::SIGTERM);
        started.finish().expect_code(130);
        way.wait_for_none("at the second interrupt");
    }
}

#[test]
fn nothing_that_a_program_has_started_outlives_a_killed_coordinator() {
    for way in ways(false) {
        let place = Place::new();
        let started = place.start(&["run", &way.job(&place, "", "")]);
        way.wait_for_some();
        started.signal(Signal::SIGKILL);
        let _ = started.finish();
        way.wait_for_none("after the coordinator's death");
    }
}

#[test]
fn nothing_that_a_program_has_left_behind_outlives_its_run() {
    for way in ways(true) {
        let place = Place::new();
        // The program ends well, and leaves the rest behind.
        let script =
            Way { script: format!("{{ {}; }} > /dev/null 2>&1 &", way.script), sleep: way.sleep.clone() };
        let job = script.job(&place, " sleep 0.3", "");
        place.run(&["run", &job]).expect_code(0);
        way.wait_for_none("at the end of the run");
    }
}

#[test]
fn nothing_that_a_program_has_started_outlives_a_worker_that_somebody_kills() {
    for way in ways(true) {
        let place = Place::new();
        let started = place.start(&["run", &way.job(&place, "", "")]);
        way.wait_for_some();
        for worker in tests::workers_of(place.path()) {
            kill(Pid::from_raw(worker), Signal::SIGKILL).unwrap();
        }
        started.finish().expect_code(1);
        way.wait_for_none("after its worker's death");
    }
}

#[test]
fn a_pause_holds_for_all_that_a_program_has_started() {
    let way = Way::new("setsid sh -c '(setsid SLEEP &); SLEEP'");
    let place = Place::new();
    let started = place.start(&["run", &way.job(&place, "", ""), "--store", "none", "--grace", "0s"]);
    let are = |state: char| way.sleepers().len() == 2 && way.sleepers().iter().all(|(_, is)| *is == state);
    wait_until("two sleepers", || are('S'));
    started.signal(Signal::SIGTSTP);
    wait_until("a pause of all", || are('T'));
    // The command itself is stopped, too.
    started.signal(Signal::SIGCONT);
    wait_until("all to go on", || are('S'));
    started.signal(Signal::SIGINT);
    started.signal(Signal::SIGTERM);
    started.finish().expect_code(130);
    way.wait_for_none("at the end");
}

#[test]
fn a_worker_program_that_knows_nothing_of_its_parents_death_does_not_outlive_it() {
    let place = Place::new();
    // It is between the coordinator and the worker, as a wrapper is; the worker's parent lives on.
    let worker = program("worker").display().to_string();
    let script = format!("#!/bin/sh\nexec 3<&0\n{worker} \"$@\" <&3 3<&- &\nexec 3<&- < /dev/null\nwait\n");
    let wrapper = place.write("wrapper", script);
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&wrapper, executable).unwrap();
    let begun = place.path().join("begun");
    let job = place.faults(&[&format!("mark:{}", begun.display()), "hang"], "").display().to_string();
    let started: Started = place.start(&["run", &job, "--worker-program", wrapper.to_str().unwrap()]);
    wait_until("a worker at work", || begun.exists());
    started.signal(Signal::SIGKILL);
    let _ = started.finish();
    wait_until("everybody's end", || tests::processes_of(place.path()).is_empty());
}

#[test]
fn what_was_there_before_the_run_is_left_alone() {
    let place = Place::new();
    let before = Way::new("SLEEP");
    let job = place.faults(&["kill", "ok*20"], "workers = 2").display().to_string();
    let coordinator = program("coordinator").display().to_string();
    // The shell becomes the coordinator, which has a child then that is none of its own.
    let script = format!("{} > /dev/null 2>&1 & exec {coordinator} run {job} --store none", before.script);
    #[expect(clippy::disallowed_methods, reason = "a test starts the command as a user's shell does")]
    let status = std::process::Command::new("sh").args(["-c", &script]).output().unwrap().status;
    assert!(status.code().is_some());
    let sleepers = before.sleepers();
    assert_eq!(sleepers.len(), 1, "the child of before is gone");
    kill(Pid::from_raw(sleepers[0].0), Signal::SIGKILL).unwrap();
}
