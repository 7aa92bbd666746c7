//! Runs the programs under test, each in a process group of its own, of which nothing is left however it ends.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::pty::{Winsize, openpty};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::comparison::Figures;
use crate::processes;

/// No run takes longer, except one that hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) out: Vec<u8>,
    /// From before its start until its end, in seconds.
    pub(crate) wall: f64,
    /// Processor time of it and its descendants, in seconds.
    pub(crate) cpu: f64,
}

/// A program with its arguments, its standard streams in pipes.
pub(crate) fn command<P: AsRef<OsStr>>(parts: impl IntoIterator<Item = P>) -> Command {
    let mut parts = parts.into_iter();
    let program = parts.next();
    #[expect(clippy::disallowed_methods, reason = "a benchmark runs what it measures")]
    let mut command = Command::new(program.as_ref().map_or(OsStr::new(""), AsRef::as_ref));
    command.args(parts).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    command
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Runs a program to its end, with this text on its standard input.
pub(crate) fn run(mut command: Command, text: &[u8]) -> anyhow::Result<Ran> {
    if !text.is_empty() {
        command.stdin(Stdio::piped());
    }
    let cpu = children_seconds();
    let begin = now();
    let mut child = spawn(&mut command)?;
    let input = child.stdin.take();
    let watched = Watch::over(&child);
    let output = thread::scope(|scope| {
        scope.spawn(move || {
            // A program that ends before it has read everything says so with its exit code.
            let _ = input.map(|mut input| input.write_all(text));
        });
        child.wait_with_output()
    })?;
    let wall = begin.elapsed().as_secs_f64();
    watched.end()?;
    succeeded(output.status, &output.stderr)?;
    Ok(Ran { out: output.stdout, wall, cpu: children_seconds() - cpu })
}

/// Runs a program that prints what it has measured, as a line of JSON.
pub(crate) fn line(command: Command) -> anyhow::Result<Figures> {
    let ran = run(command, b"")?;
    let last = ran.out.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap_or_default();
    let value: Value = serde_json::from_slice(last)
        .with_context(|| format!("it printed no JSON: {:?}", String::from_utf8_lossy(last)))?;
    let mut figures = numbers(&value);
    figures.insert("wall_seconds".into(), ran.wall);
    Ok(figures)
}

/// The numbers of an object.
pub(crate) fn numbers(value: &Value) -> Figures {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_f64()?))).collect()
}

/// Runs a program to its end with its standard error on a terminal, and returns how long it took, in seconds.
pub(crate) fn on_terminal(mut command: Command) -> anyhow::Result<f64> {
    let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&size, None)?;
    command.stdout(Stdio::null()).stderr(Stdio::from(terminal.slave));
    let begin = now();
    let mut child = spawn(&mut command)?;
    // The command holds the terminal's other end, too; as long as anybody does, reading goes on.
    drop(command);
    let watched = Watch::over(&child);
    let said = thread::spawn(move || {
        let mut said = Vec::new();
        // Reading fails when nobody is at the other end any more.
        let _ = std::fs::File::from(terminal.master).read_to_end(&mut said);
        said
    });
    let status = child.wait()?;
    let wall = begin.elapsed().as_secs_f64();
    watched.end()?;
    succeeded(status, &said.join().unwrap_or_default())?;
    Ok(wall)
}

/// Runs a program; the most memory that it and its descendants had at a time, in bytes.
pub(crate) fn peak_memory(mut command: Command) -> anyhow::Result<Figures> {
    let mut child = spawn(&mut command)?;
    let watched = Watch::over(&child);
    let mut peak = 0_u64;
    while child.try_wait()?.is_none() {
        let pids = processes::tree(child.id());
        peak = peak.max(pids.into_iter().map(processes::proportional_memory).sum());
        thread::sleep(Duration::from_millis(20));
    }
    watched.end()?;
    let output = child.wait_with_output()?;
    succeeded(output.status, &output.stderr)?;
    Ok(Figures::from([("bytes".to_owned(), peak as f64)]))
}

/// A program that has done what `text` asks of it, and waits for more with all its workers: what that costs in `length`.
pub(crate) fn idle(
    mut command: Command,
    workers: usize,
    text: &[u8],
    length: Duration,
) -> anyhow::Result<(Vec<u8>, Figures)> {
    let mut child = spawn(command.stdin(Stdio::piped()))?;
    let watched = Watch::over(&child);
    let input = child.stdin.take().context("it has no standard input")?;
    (&input).write_all(text)?;
    let deadline = now() + Duration::from_secs(30);
    while processes::tree(child.id()).len() <= workers {
        if child.try_wait()?.is_some() || now() > deadline {
            bail!(
                "{} workers of {workers} have started",
                processes::tree(child.id()).len().saturating_sub(1)
            );
        }
        thread::sleep(Duration::from_millis(50));
    }
    // Their start is not what is looked at.
    thread::sleep(Duration::from_secs(1));
    let pids = processes::tree(child.id());
    let before = processes::activity(&pids);
    thread::sleep(length);
    let after = processes::activity(&pids);
    drop(input);
    let output = child.wait_with_output()?;
    watched.end()?;
    succeeded(output.status, &output.stderr)?;
    let figures = [("cpu_seconds", after.0 - before.0), ("switches", after.1 - before.1)];
    Ok((output.stdout, figures.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
}

/// A peer that stays, and is asked in lines of JSON.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts it; what it complains of goes to our standard error.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = spawn(command.stdin(Stdio::piped()).stderr(Stdio::inherit()))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.context("a peer without pipes")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Asks one question.
    pub(crate) fn ask(&mut self, question: &Value) -> anyhow::Result<Value> {
        let watched = Watch::over(&self.child);
        writeln!(self.input, "{question}")?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        watched.end()?;
        serde_json::from_str(&answer).with_context(|| format!("the peer answers {answer:?} to {question}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = killpg(pid_of(&self.child), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Ends a process group that takes too long.
struct Watch {
    done: mpsc::Sender<()>,
    thread: thread::JoinHandle<bool>,
}

impl Watch {
    fn over(child: &Child) -> Self {
        let (done, ended) = mpsc::channel();
        let group = pid_of(child);
        let thread = thread::spawn(move || {
            let hangs = ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
            hangs && killpg(group, Signal::SIGKILL).is_ok()
        });
        Self { done, thread }
    }

    /// The program has ended.
    fn end(self) -> anyhow::Result<()> {
        let _ = self.done.send(());
        match self.thread.join() {
            Ok(false) => Ok(()),
            _ => bail!("not done after {} s", PATIENCE.as_secs()),
        }
    }
}

fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    command.spawn().with_context(|| format!("{} can't be started", command.get_program().display()))
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

fn succeeded(status: ExitStatus, said: &[u8]) -> anyhow::Result<()> {
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(said);
    bail!("{status}: {}", said.trim().lines().next_back().unwrap_or_default());
}

/// Processor time of all our children that have ended.
fn children_seconds() -> f64 {
    let seconds = |usage: Usage| {
        let times = [usage.user_time(), usage.system_time()];
        times.iter().map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6).sum()
    };
    getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0.0, seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_gets_its_input_and_its_last_line_is_its_figures() {
        let ran = run(command(["cat"]), b"seven\n").unwrap();
        assert_eq!(ran.out, b"seven\n");
        let figures = line(command(["echo", "first\n{\"per_second\": 2.5, \"name\": \"x\"}"])).unwrap();
        assert_eq!(figures["per_second"], 2.5);
        assert!(figures.contains_key("wall_seconds") && !figures.contains_key("name"));
    }

    #[test]
    fn a_wrong_end_is_told_with_the_last_word() {
        let error = run(command(["sh", "-c", "echo first >&2; echo last >&2; exit 3"]), b"").unwrap_err();
        assert_eq!(error.to_string(), "exit status: 3: last");
        assert!(run(command(["/no/such/program"]), b"").is_err());
        assert!(line(command(["echo", "no figures"])).is_err());
    }

    #[test]
    fn a_program_may_have_its_standard_error_on_a_terminal() {
        assert!(on_terminal(command(["sh", "-c", "test -t 2"])).is_ok());
        assert!(on_terminal(command(["sh", "-c", "test -t 1"])).is_err());
    }

    #[test]
    fn a_peer_that_stays_answers_line_by_line() {
        let mut server = Server::start(command(["cat"])).unwrap();
        for question in [serde_json::json!({"op": "sum"}), serde_json::json!(7)] {
            assert_eq!(server.ask(&question).unwrap(), question);
        }
    }
}
