//! The command in a real terminal (a pseudo-terminal), with the keys that people press.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::{Place, Session, wait_until};

const CTRL_C: u8 = 0x03;
const CTRL_Z: u8 = 0x1a;

/// A job whose first task leaves a mark.
fn job(place: &Place, tasks: &[&str]) -> String {
    let mark = format!("mark:{}", place.path().join("begun").display());
    let tasks: Vec<&str> = std::iter::once(mark.as_str()).chain(tasks.iter().copied()).collect();
    place.faults(&tasks, "workers = 2").display().to_string()
}

#[test]
fn ctrl_c_lets_running_tasks_finish_and_leaves_the_terminal_as_it_was() {
    let place = Place::new();
    let job = job(&place, &["sleep:0.3*100"]);
    let mut session = Session::start(&place, &["run", &job]);
    wait_until("the first task", || place.path().join("begun").exists());
    session.press(CTRL_C);
    wait_until("a word about it", || session.seen().contains("Ctrl-C again"));
    let (status, seen) = session.finish(&place);
    assert_eq!(status.code(), Some(130), "{seen}");
    assert!(seen.contains("waiting for running tasks") && seen.contains("went well"), "{seen}");
}

#[test]
fn ctrl_c_twice_ends_hanging_tasks() {
    let place = Place::new();
    let job = job(&place, &["hang*10"]);
    let mut session = Session::start(&place, &["run", &job, "--grace", "1h"]);
    wait_until("the first task", || place.path().join("begun").exists());
    session.press(CTRL_C);
    wait_until("a word about it", || session.seen().contains("Ctrl-C again"));
    session.press(CTRL_C);
    let (status, seen) = session.finish(&place);
    assert_eq!(status.code(), Some(130), "{seen}");
}

#[test]
fn ctrl_z_stops_the_run_and_it_goes_on_when_it_is_continued() {
    let place = Place::new();
    let job = job(&place, &["sleep:0.05*20"]);
    let mut session = Session::start(&place, &["run", &job, "--timeout", "10s"]);
    wait_until("the first task", || place.path().join("begun").exists());
    session.press(CTRL_Z);
    let pid = session.pid();
    let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    wait_until("the stop", || state().contains(") T "));
    // As a shell's `fg` does.
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGCONT).unwrap();
    let (status, seen) = session.finish(&place);
    assert_eq!(status.code(), Some(0), "{seen}");
}
