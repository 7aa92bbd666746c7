//! A process a task.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitStatus;

use protocol::{Handler, Task, TaskError};
use rustix::event::PollFlags;
use rustix::io::Errno;

use super::capture::{Head, Tail, last_words};
use super::process::{Running, Start, describe, prepare, reap_orphans, shell, wait_ready};
use super::program::find;
use super::setup::{Item, Setup};
use super::template::{Fill, Template};
use super::value;

/// How much is read from a pipe at once: all that it holds, as a rule.
const READ: usize = 64 << 10;
/// What can be written to a pipe that is ready without waiting.
const WRITE: usize = 4 << 10;
/// How often outputs are read after their program's end, where something that it left behind goes on writing:
/// enough for the largest pipe.
const LAST_READS: usize = 32;

/// Runs a program for each task.
pub(super) struct Each {
    setup: Setup,
    stdin: bool,
    exit_codes: Vec<u8>,
    // Where the program is, once it has been found; only where it is the same for every task.
    program: Option<PathBuf>,
    stdout: Head,
    stderr: Tail,
    buffer: Vec<u8>,
}

impl Each {
    pub(super) fn new(setup: Setup, stdin: bool, exit_codes: Vec<u8>) -> Self {
        prepare();
        let buffer = vec![0; READ];
        Self {
            setup,
            stdin,
            exit_codes,
            program: None,
            stdout: Head::default(),
            stderr: Tail::default(),
            buffer,
        }
    }

    /// Runs the program to its end; its outputs are in `self`.
    fn execute(&mut self, argv: Vec<Vec<u8>>, item: &[u8]) -> Result<ExitStatus, TaskError> {
        let program = self.program(&argv)?;
        let start = Start { program: &program, argv, dir: &self.setup.dir, talks: self.stdin };
        let started = Running::start(start);
        let mut running = started.map_err(|error| cant_start(&program.display().to_string(), &error))?;
        if self.program.is_none()
            && (self.setup.shell || self.setup.argv.first().is_some_and(Template::is_plain))
        {
            self.program = Some(program);
        }
        let input = if self.stdin { [item, b"\n"].concat() } else { Vec::new() };
        let pumped = self.pump(&mut running, &input);
        let status = pumped.and_then(|()| running.wait());
        reap_orphans();
        self.stderr.trim(self.setup.max_output);
        status.map_err(|error| TaskError::new(format!("the program can't be listened to: {error}")))
    }

    fn program(&self, argv: &[Vec<u8>]) -> Result<PathBuf, TaskError> {
        if let Some(program) = &self.program {
            return Ok(program.clone());
        }
        if self.setup.shell {
            return Ok(shell());
        }
        let name = String::from_utf8_lossy(argv.first().map(Vec::as_slice).unwrap_or_default());
        find(&name, &self.setup.dir).map_err(|problem| TaskError::new(problem.to_string()))
    }

    /// Feeds the input and takes the outputs, until the program has ended or has closed them all.
    fn pump(&mut self, running: &mut Running, input: &[u8]) -> io::Result<()> {
        let (mut last_reads, mut fed) = (0, 0);
        while running.stdin.is_some() || running.stdout.is_some() || running.stderr.is_some() {
            let fds = [
                running.stdout.as_ref().map(|fd| (fd.as_fd(), PollFlags::IN)),
                running.stderr.as_ref().map(|fd| (fd.as_fd(), PollFlags::IN)),
                running.stdin.as_ref().map(|fd| (fd.as_fd(), PollFlags::OUT)),
                Some((running.pidfd(), PollFlags::IN)),
            ];
            let ready = wait_ready(fds)?;
            let [stdout, stderr, stdin, ended] = ready;
            if stdout && let Some(read) = read(&mut running.stdout, &mut self.buffer)? {
                self.stdout.push(read, self.setup.max_output);
            }
            if stderr && let Some(read) = read(&mut running.stderr, &mut self.buffer)? {
                self.stderr.push(read, self.setup.max_output);
            }
            if stdin {
                feed(&mut running.stdin, input, &mut fed)?;
            }
            last_reads += usize::from(ended);
            if ended && !stdout && !stderr || last_reads > LAST_READS {
                break;
            }
        }
        Ok(())
    }

    /// The arguments for one task.
    fn argv(&self, fill: &Fill<'_>) -> Result<Vec<Vec<u8>>, TaskError> {
        let shell = self.setup.shell;
        let filled = self.setup.argv.iter().map(|template| {
            let mut argument = Vec::new();
            template.fill(fill, shell, &mut argument);
            argument
        });
        let argv: Vec<_> = match shell {
            true => vec![b"sh".to_vec(), b"-c".to_vec(), filled.collect::<Vec<_>>().join(&b' ')],
            false => filled.collect(),
        };
        if argv.iter().any(|argument| argument.contains(&0)) {
            return Err(TaskError::new(
                "the item holds a zero byte, which no argument can; try stdin = true",
            ));
        }
        Ok(argv)
    }
}

impl Handler for Each {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let columns = self.setup.columns.as_ref().map(Vec::len);
        let item = Item::read(task.payload, columns).map_err(|bad| TaskError::new(bad.0))?;
        let text = item.text();
        self.stdout.clear();
        self.stderr.clear();
        let argv = self.argv(&Fill { item: &text, cells: item.cells(), task: task.id.0 })?;
        let status = self.execute(argv, &text)?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        match code.filter(|code| self.exit_codes.contains(code)) {
            Some(code) => {
                value::write(code, &self.stdout, &self.stderr, value);
                Ok(())
            }
            None => Err(TaskError::new(format!("{}{}", describe(status), last_words(&self.stderr.bytes)))),
        }
    }
}

/// A program that can't be started, in a sentence.
pub(super) fn cant_start(program: &str, error: &io::Error) -> TaskError {
    let message = format!("{program} can't be started: {error}");
    if error.kind() == io::ErrorKind::OutOfMemory {
        TaskError::memory(message)
    } else {
        TaskError::new(message)
    }
}

/// Reads what there is from a pipe that is ready; closes it at its end.
pub(super) fn read<'a>(pipe: &mut Option<OwnedFd>, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
    let Some(fd) = pipe else { return Ok(None) };
    let length = loop {
        match rustix::io::read(&*fd, &mut *buffer) {
            Err(Errno::INTR) => {}
            read => break read?,
        }
    };
    if length == 0 {
        *pipe = None;
    }
    Ok(buffer.get(..length).filter(|read| !read.is_empty()))
}

/// Writes the next piece of the input to a pipe that is ready; closes it at the input's end, and where the
/// program wants no more.
fn feed(pipe: &mut Option<OwnedFd>, input: &[u8], fed: &mut usize) -> io::Result<()> {
    let Some(fd) = pipe else { return Ok(()) };
    let rest = input.get(*fed..).unwrap_or_default();
    match rustix::io::write(&*fd, rest.get(..WRITE).unwrap_or(rest)) {
        Ok(written) => *fed += written,
        Err(Errno::PIPE) => *fed = input.len(),
        Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    if *fed >= input.len() {
        *pipe = None;
    }
    Ok(())
}
