//! The command, running in a terminal of its own (a pseudo-terminal).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests: a panic is how a test fails"
)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use crate::{Place, program, wait_until};

/// A mark that no command writes.
const END: &[u8] = b"\x1b[?end";

/// The command, running in a terminal.
#[derive(Debug)]
pub struct Session {
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
    /// Starts the command in a terminal of 80 columns and 24 rows.
    pub fn start(place: &Place, arguments: &[&str]) -> Self {
        Self::start_sized(place, (80, 24), &[], arguments)
    }

    /// Starts it in a terminal of so many columns and rows, with more environment variables.
    pub fn start_sized(
        place: &Place,
        (columns, rows): (u16, u16),
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap().into_string().unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let screen = rustix::fs::open(name.as_str(), flags, Mode::empty()).unwrap();
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&screen, size).unwrap();
        let modes = modes(&screen);
        let helper = program("on_terminal").display().to_string();
        let mut command = place.command_through(&[&helper, &name], arguments);
        command.env("TERM", "xterm-256color").envs(variables.iter().copied());
        let child = command.spawn().unwrap();
        let keyboard = File::from(keyboard);
        let seen = Arc::default();
        read_all(keyboard.try_clone().unwrap(), Arc::clone(&seen));
        Self { keyboard, screen, modes, seen, child }
    }

    /// Presses a key.
    pub fn press(&mut self, key: u8) {
        self.keyboard.write_all(&[key]).unwrap();
    }

    /// All that the terminal was sent so far.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// The same, byte for byte.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen.lock().unwrap().clone()
    }

    /// The command's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end of a command that was killed with SIGKILL.
    pub fn finish_killed(self) -> (ExitStatus, String) {
        self.end()
    }

    /// Waits for the end, and checks that the terminal is as it was and nothing is left.
    pub fn finish(self, place: &Place) -> (ExitStatus, String) {
        let ended = self.end();
        place.check_nothing_is_left();
        ended
    }

    fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        assert_eq!(modes(&self.screen), self.modes, "the terminal's modes have changed");
        // What was written last is all there once a mark has come through behind it.
        File::from(self.screen.try_clone().unwrap()).write_all(END).unwrap();
        wait_until("the end of what was written", || self.bytes().ends_with(END));
        let mut seen = self.bytes();
        seen.truncate(seen.len() - END.len());
        (status, String::from_utf8_lossy(&seen).into_owned())
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
