//! The real command, started in a folder of its own.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests: a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::leaks;

/// A built program of this workspace. `scripts/test.sh` builds them before the tests run.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let path = profile.join(name);
    assert!(
        path.exists(),
        "{} is not built: run `cargo build --workspace --bins --examples`",
        path.display()
    );
    path
}

/// Waits for something that will happen; fails after a minute, which is for ever.
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    // A deadline counted in naps needs no clock.
    for _ in 0..12_000 {
        if happened() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("waited a minute for: {what}");
}

/// A folder for one test.
#[derive(Debug)]
pub struct Place {
    folder: tempfile::TempDir,
}

/// A command that is running.
#[derive(Debug)]
pub struct Started {
    /// The process.
    pub child: Child,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How.
    pub status: ExitStatus,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// A fresh folder.
    pub fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// A fresh folder in memory where there is such a file system: for tests that kill processes and not the
    /// machine, and would otherwise wait for the disk most of their time.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let writable = rustix::fs::access(memory, rustix::fs::Access::WRITE_OK).is_ok();
        if writable { Self::below(memory) } else { Self::new() }
    }

    fn below(parent: &Path) -> Self {
        let folder =
            tempfile::Builder::new().prefix("place-").tempdir_in(parent).expect("a temporary folder");
        std::fs::create_dir(folder.path().join("tmp")).expect("a folder");
        std::fs::create_dir(folder.path().join("state")).expect("a folder");
        Self { folder }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the command puts its temporary files.
    pub fn tmp(&self) -> PathBuf {
        self.path().join("tmp")
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("writing a file");
        path
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).expect("reading a file")
    }

    /// A job of the `faults` kind.
    pub fn faults(&self, tasks: &[&str], run: &str) -> PathBuf {
        self.write("job.toml", format!("kind = \"faults\"\n[input]\ntasks = {tasks:?}\n[run]\n{run}\n"))
    }

    /// The command, not yet started: in this folder, with its temporary files and its state here.
    #[expect(clippy::disallowed_methods, reason = "tests start the command as a user's shell does")]
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.set_up(Command::new(program("coordinator")), arguments)
    }

    /// Another program of this workspace, not yet started, in the same surroundings.
    #[expect(clippy::disallowed_methods, reason = "tests start programs as a user's shell does")]
    pub fn other_program(&self, name: &str, arguments: &[&str]) -> Command {
        self.set_up(Command::new(program(name)), arguments)
    }

    /// The command, to be started by another program that takes it as its last arguments.
    #[expect(clippy::disallowed_methods, reason = "tests start the command as a user's shell does")]
    pub fn command_through(&self, starter: &[&str], arguments: &[&str]) -> Command {
        let (first, rest) = starter.split_first().expect("a program");
        let mut command = Command::new(first);
        command.args(rest).arg(program("coordinator"));
        self.set_up(command, arguments)
    }

    fn set_up(&self, mut command: Command, arguments: &[&str]) -> Command {
        command
            .args(arguments)
            .current_dir(self.path())
            .env("TMPDIR", self.tmp())
            .env_remove("XDG_RUNTIME_DIR")
            .env("XDG_STATE_HOME", self.path().join("state"))
            .env_remove("RUST_LOG")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a prepared command to its end, and checks that nothing of it is left.
    pub fn run_prepared(&self, mut command: Command) -> Finished {
        let finished = Started { child: command.spawn().expect("starting the command") }.finish();
        self.check_nothing_is_left();
        finished
    }

    /// Starts the command.
    pub fn start(&self, arguments: &[&str]) -> Started {
        Started { child: self.command(arguments).spawn().expect("starting the command") }
    }

    /// Runs the command to its end, and checks that nothing of it is left.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        self.run_prepared(self.command(arguments))
    }

    /// Fails where a process or a temporary file of this place is left.
    pub fn check_nothing_is_left(&self) {
        let left = leaks::processes_of(self.path());
        assert!(left.is_empty(), "processes are left: {left:#?}");
        let files = files_below(&self.tmp());
        assert!(files.is_empty(), "temporary files are left: {files:?}");
    }
}

/// What is in a folder, and in the folders in it.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| [vec![path.clone()], files_below(&path)].concat()).collect()
}

impl Started {
    /// Waits for its end, and collects what it wrote.
    pub fn finish(self) -> Finished {
        let output = self.child.wait_with_output().expect("waiting for the command");
        Finished {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Sends a signal to the command alone, as `kill` does.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).expect("sending a signal");
    }
}

impl Finished {
    /// Its exit code; -1 where a signal killed it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// Fails where it did not end with this code.
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Its standard output, a JSON value a line.
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        self.stdout.lines().map(parse).collect()
    }
}
