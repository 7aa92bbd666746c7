//! A process a worker: for each task a line of JSON to its standard input, and a line of JSON back.
//!
//! One line is asked at a time: where the program dies, the task that it was at is known. What it says on its
//! standard error is passed on to the worker's, line by line, as it comes.

use std::io::{self, Write};
use std::os::fd::AsFd;

use memchr::memchr;
use protocol::{Handler, Task, TaskError};
use rustix::event::PollFlags;
use rustix::io::Errno;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::capture::{Tail, last_words};
use super::each::{cant_start, read};
use super::process::{Running, Start, are_ready, describe, prepare, reap_orphans, shell, wait_ready};
use super::program::find;
use super::request::write_request;
use super::setup::Setup;
use super::template::{Fill, Template};

/// How much is read from a pipe at once.
const READ: usize = 64 << 10;
/// A pipe that is ready, or empty, takes this much without waiting.
const WRITE: usize = 4 << 10;
/// How much of the standard error is kept for a message.
const LAST_WORDS: usize = 4 << 10;
/// How long, in seconds, a program whose input or output has ended may take to end.
const PATIENCE: i64 = 2;

/// Talks to a program.
pub(super) struct Dialogue {
    setup: Setup,
    program: Option<Running>,
    request: Vec<u8>,
    // What the program has said, up to and beyond the end of a line.
    answer: Vec<u8>,
    buffer: Vec<u8>,
    stderr: Tail,
}

/// An answer that fails its task.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failed {
    error: String,
}

/// Why there is no answer.
enum Silence {
    /// The program has ended, or has closed its output.
    Ended,
    /// It does not keep to one line an answer.
    Broken(String),
    /// The system says so.
    Io(io::Error),
}

impl From<io::Error> for Silence {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Dialogue {
    pub(super) fn new(setup: Setup) -> Self {
        prepare();
        Self {
            setup,
            program: None,
            request: Vec::new(),
            answer: Vec::new(),
            buffer: vec![0; READ],
            stderr: Tail::default(),
        }
    }

    /// The program, started where there is none.
    fn start(&mut self) -> Result<Running, TaskError> {
        if let Some(program) = self.program.take() {
            return Ok(program);
        }
        self.answer.clear();
        self.stderr.clear();
        let fill = Fill { item: b"", cells: &[], task: 0 };
        let filled = self.setup.argv.iter().map(|template: &Template| {
            let mut argument = Vec::new();
            template.fill(&fill, self.setup.shell, &mut argument);
            argument
        });
        let (program, argv) = if self.setup.shell {
            let script = filled.collect::<Vec<_>>().join(&b' ');
            (shell(), vec![b"sh".to_vec(), b"-c".to_vec(), script])
        } else {
            let argv: Vec<_> = filled.collect();
            let name = String::from_utf8_lossy(argv.first().map(Vec::as_slice).unwrap_or_default());
            let program =
                find(&name, &self.setup.dir).map_err(|problem| TaskError::new(problem.to_string()))?;
            (program, argv)
        };
        let start = Start { program: &program, argv, dir: &self.setup.dir, talks: true };
        Running::start(start).map_err(|error| cant_start(&program.display().to_string(), &error))
    }

    /// Writes the request and reads the answer, which stands in `self.answer` up to the returned place.
    fn ask(&mut self, program: &mut Running) -> Result<usize, Silence> {
        self.check_silent(program)?;
        self.send(program)?;
        loop {
            self.listen(program, false)?;
            if let Some(end) = memchr(b'\n', &self.answer) {
                if end + 1 < self.answer.len() {
                    return Err(Silence::Broken("answered one line with more than one".into()));
                }
                return Ok(end);
            }
            if self.answer.len() > self.setup.max_output {
                let most = self.setup.max_output;
                return Err(Silence::Broken(format!("answered with more than {most} bytes (max_output)")));
            }
        }
    }

    /// What was said unasked would be taken for the answer to the next task.
    fn check_silent(&mut self, program: &mut Running) -> Result<(), Silence> {
        self.answer.clear();
        let [ready] = are_ready([program.stdout.as_ref().map(|fd| (fd.as_fd(), PollFlags::IN))])?;
        if ready && read(&mut program.stdout, &mut self.buffer)?.is_some() {
            return Err(Silence::Broken("said something that it was not asked".into()));
        }
        Ok(())
    }

    fn send(&mut self, program: &mut Running) -> Result<(), Silence> {
        let mut sent = 0;
        while sent < self.request.len() {
            // What is no longer than this fits into a pipe that has been emptied, as it has by who answers.
            if self.request.len() > WRITE {
                self.listen(program, true)?;
            }
            let Some(stdin) = &program.stdin else { return Err(Silence::Ended) };
            let rest = self.request.get(sent..).unwrap_or_default();
            match rustix::io::write(stdin, rest.get(..WRITE).unwrap_or(rest)) {
                Ok(written) => sent += written,
                Err(Errno::INTR) => {}
                Err(Errno::PIPE) => return Err(Silence::Ended),
                Err(error) => return Err(Silence::Io(error.into())),
            }
        }
        Ok(())
    }

    /// Waits until the program says something, or (`writes`) until it can be written to, and takes what it has
    /// said.
    fn listen(&mut self, program: &mut Running, writes: bool) -> Result<(), Silence> {
        loop {
            let fds = [
                program.stdout.as_ref().map(|fd| (fd.as_fd(), PollFlags::IN)),
                program.stderr.as_ref().map(|fd| (fd.as_fd(), PollFlags::IN)),
                program.stdin.as_ref().filter(|_| writes).map(|fd| (fd.as_fd(), PollFlags::OUT)),
            ];
            let [stdout, stderr, stdin] = wait_ready(fds)?;
            if stderr {
                self.overhear(program)?;
            }
            if stdout {
                match read(&mut program.stdout, &mut self.buffer)? {
                    Some(said) => self.answer.extend_from_slice(said),
                    None => return Err(Silence::Ended),
                }
            }
            if stdout || stdin {
                return Ok(());
            }
        }
    }

    /// Passes on what the program has said on its standard error.
    fn overhear(&mut self, program: &mut Running) -> io::Result<()> {
        if let Some(said) = read(&mut program.stderr, &mut self.buffer)? {
            self.stderr.push(said, LAST_WORDS);
            // The worker's own standard error goes to the log; a log that can't be written is no reason to fail.
            let _ = io::stderr().write_all(said);
        }
        Ok(())
    }

    /// Ends a program that gives no answer, and says why.
    fn bury(&mut self, mut program: Running, silence: Silence) -> TaskError {
        let what = match silence {
            Silence::Ended => {
                program.stdin = None;
                let status = program.wait_for(PATIENCE);
                match status {
                    Some(status) => format!("the program ended ({})", describe(status)),
                    None => "the program closed its output".into(),
                }
            }
            Silence::Broken(what) => format!("the program {what}"),
            Silence::Io(error) => format!("the program can't be talked to: {error}"),
        };
        while let Ok([true]) = are_ready([program.stderr.as_ref().map(|fd| (fd.as_fd(), PollFlags::IN))]) {
            if self.overhear(&mut program).is_err() {
                break;
            }
        }
        drop(program);
        reap_orphans();
        TaskError::new(format!("{what}{}", last_words(&self.stderr.bytes)))
    }

    /// Appends the answer in `self.answer` as the task's value.
    fn take_answer(&self, end: usize, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let line = self.answer.get(..end).unwrap_or_default();
        let text = serde_json::from_slice::<&RawValue>(line).map_err(|error| {
            let shown: String = String::from_utf8_lossy(line).chars().take(60).collect();
            TaskError::new(format!("the answer is no JSON ({error}): {shown:?}"))
        })?;
        if text.get().starts_with('{')
            && let Ok(Failed { error }) = serde_json::from_slice(line)
        {
            return Err(TaskError::new(error));
        }
        value.extend_from_slice(text.get().as_bytes());
        Ok(())
    }
}

impl Handler for Dialogue {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        write_request(&self.setup, task, &mut self.request)?;
        let mut program = self.start()?;
        match self.ask(&mut program) {
            Ok(end) => {
                self.program = Some(program);
                self.take_answer(end, value)
            }
            Err(silence) => Err(self.bury(program, silence)),
        }
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        // The end of its input tells the program to finish; one that doesn't is killed.
        if let Some(mut program) = self.program.take() {
            program.stdin = None;
            let _ = program.wait_for(PATIENCE);
        }
    }
}
