//! The command in a real terminal (a pseudo-terminal), with the keys that people press.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::tcgetattr;
use tests::{Place, program, wait_until};

const CTRL_C: u8 = 0x03;
const CTRL_Z: u8 = 0x1a;

/// The command, running in a terminal.
struct Session {
    keyboard: File,
    // Kept open, so that the terminal stays when the command has ended.
    screen: OwnedFd,
    modes: String,
    seen: Arc<Mutex<Vec<u8>>>,
    child: Child,
}

/// The terminal's modes, to be compared.
fn modes(terminal: &OwnedFd) -> String {
    format!("{:?}", tcgetattr(terminal).unwrap())
}

impl Session {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap().into_string().unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let screen = rustix::fs::open(name.as_str(), flags, Mode::empty()).unwrap();
        let modes = modes(&screen);
        let helper = program("on_terminal").display().to_string();
        let mut command = place.command_through(&[&helper, &name], arguments);
        let child = command.spawn().unwrap();
        let keyboard = File::from(keyboard);
        let seen = Arc::default();
        read_all(keyboard.try_clone().unwrap(), Arc::clone(&seen));
        Self { keyboard, screen, modes, seen, child }
    }

    fn press(&mut self, key: u8) {
        self.keyboard.write_all(&[key]).unwrap();
    }

    fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end, and checks that the terminal is as it was and nothing is left.
    fn finish(mut self, place: &Place) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        assert_eq!(modes(&self.screen), self.modes, "the terminal's modes have changed");
        place.check_nothing_is_left();
        // What was written last is on its way.
        let _ = rustix::termios::tcdrain(&self.screen);
        (status, self.seen())
    }
}

/// Collects what the screen shows; ends with the terminal.
fn read_all(mut from: File, into: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            into.lock().unwrap().extend_from_slice(&bytes[..read]);
        }
    })
}

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
