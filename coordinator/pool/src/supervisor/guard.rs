//! A last resort against orphans: a small process that outlives the coordinator by a moment.
//!
//! The kernel kills our own workers with the coordinator (`PR_SET_PDEATHSIG`), but not what they have started
//! themselves, and no workers of other programs. The guard knows every worker from a pipe that only the coordinator
//! holds; when the pipe ends, however the coordinator ended, it kills those that are still in its list, their descendants
//! and their groups, and whatever bears the mark of one that this coordinator has started.
//!
//! A worker is taken off the list before it is reaped, so a listed number is never somebody else's while the
//! coordinator lives.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::marks::{self, marked};
use super::tree::{Held, kill_descendants, repeat};
use super::{Process, Program, strays};

/// The hidden argument that makes the program a guard.
const GUARD_FLAG: &str = "__guard";
/// How long the guard may take to look for what is left.
const PATIENCE_MILLIS: u16 = 2000;

/// A running guard. It ends with its handle.
#[derive(Debug)]
pub struct Guard {
    // Invariant: `listed` is empty once there is a process.
    listed: Vec<String>,
    running: Option<(File, Process)>,
}

impl Guard {
    /// A guard that is not started yet, and is told then what it has missed.
    pub fn later() -> Self {
        Self { listed: Vec::new(), running: None }
    }

    /// Starts this program as a guard.
    ///
    /// # Errors
    /// There are no more processes or files to be had.
    pub fn start(&mut self) -> io::Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        let (theirs, ours) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let process = Process::spawn(&Program::Itself, &[GUARD_FLAG.to_owned()], theirs)?;
        self.running = Some((File::from(ours), process));
        self.tell(format!("={}", marks::own_words()));
        std::mem::take(&mut self.listed).into_iter().for_each(|line| self.tell(line));
        Ok(())
    }

    /// Puts a worker on the list.
    pub fn watch(&mut self, process: &Process) {
        self.tell(format!("+{} {}", process.id(), process.word()));
    }

    /// Takes a worker off the list. Call it before it is reaped.
    pub fn unwatch(&mut self, process: &Process) {
        if self.running.is_none() {
            let word = process.word();
            self.listed.retain(|line| !line.ends_with(&word));
            return;
        }
        self.tell(format!("-{} {}", process.id(), process.word()));
    }

    fn tell(&mut self, line: String) {
        match &mut self.running {
            // A guard that has died guards nothing; the kernel still kills the workers.
            Some((pipe, _)) => drop(pipe.write_all((line + "\n").as_bytes())),
            None => self.listed.push(line),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some((pipe, process)) = self.running.take() else { return };
        // The pipe's end tells it to finish.
        drop(pipe);
        // Orphans that don't come to this process are the guard's to find, and it ends once it has.
        if !strays::adopts() {
            let patience = PollTimeout::from(PATIENCE_MILLIS);
            let _ = poll(&mut [PollFd::new(process.pidfd(), PollFlags::POLLIN)], patience);
        }
    }
}

/// Where the arguments say so, this process is a guard: it guards to the end, and returns how to exit.
pub fn main_if_guard() -> Option<ExitCode> {
    guard_if_told().then_some(ExitCode::SUCCESS)
}

/// As [`main_if_guard`], true where it was one: for those who end the process themselves.
pub(crate) fn guard_if_told() -> bool {
    is_told().is_some()
}

fn is_told() -> Option<()> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != GUARD_FLAG || arguments.next().is_some() {
        return None;
    }
    let _ = nix::sys::prctl::set_name(c"guard");
    guard(io::stdin().lock());
    Some(())
}

/// What a guard has been told.
#[derive(Debug, Default)]
struct List {
    // What all marks of the coordinator's processes begin with.
    words: Vec<String>,
    // Process groups, with their leaders' marks.
    groups: BTreeMap<i32, String>,
}

impl List {
    /// Takes a line; one that makes no sense is nobody's.
    fn take(&mut self, line: &str) {
        let (sign, rest) = line.split_at_checked(1).unwrap_or_default();
        if sign == "=" {
            // An empty word would be everybody's.
            self.words.extend(Some(rest.to_owned()).filter(|word| word.len() > 2));
            return;
        }
        let (number, word) = rest.split_once(' ').unwrap_or((rest, ""));
        // Process groups 0 and 1 are not workers'.
        let Some(group) = number.parse::<i32>().ok().filter(|group| *group > 1) else { return };
        if sign == "+" {
            self.groups.insert(group, word.to_owned());
        } else {
            self.groups.remove(&group);
        }
    }
}

/// Keeps the list until the pipe ends, then kills what is on it and all that bears its mark.
fn guard(pipe: impl BufRead) {
    let mut list = List::default();
    for line in pipe.lines() {
        let Ok(line) = line else { break };
        list.take(&line);
    }
    for (group, word) in &list.groups {
        // One of another program is alive still: what it has started is found through it.
        if !word.is_empty()
            && let Some(worker) = Held::new(*group, |_| marks::has(*group, word))
        {
            worker.signal(rustix::process::Signal::STOP);
            kill_descendants(*group);
            worker.signal(rustix::process::Signal::KILL);
        }
        // Where nobody is left of it, all is well.
        let _ = killpg(Pid::from_raw(*group), Signal::SIGKILL);
    }
    if !list.words.is_empty() {
        repeat(|| marked(&list.words));
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::super::Exit;
    use super::*;

    #[test]
    fn the_end_of_the_pipe_kills_what_is_listed_and_nothing_else() {
        let sleeper = || {
            let null = File::open("/dev/null").unwrap();
            let arguments = ["1000".to_owned()];
            Process::spawn(&Program::Path("/bin/sleep".into()), &arguments, null.into()).unwrap()
        };
        let (listed, struck_off) = (sleeper(), sleeper());
        let (theirs, ours) = nix::unistd::pipe2(OFlag::O_CLOEXEC).unwrap();
        let mut ours = File::from(ours);
        let (one, other) = (listed.id(), struck_off.id());
        writeln!(ours, "+{one} {}\n+{other}\nnonsense\n+0\n=\n=:\n-{other}", listed.word()).unwrap();
        drop(ours);
        guard(BufReader::new(File::from(theirs)));
        let exit = std::iter::repeat_with(|| listed.exit()).flatten().next();
        assert_eq!(exit, Some(Exit::Signal(9)));
        assert_eq!(struck_off.exit(), None);
    }
}
