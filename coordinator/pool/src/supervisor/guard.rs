//! A last resort against orphans: a small process that outlives the coordinator by a moment.
//!
//! The kernel kills the workers with the coordinator (`PR_SET_PDEATHSIG`), but not what they have started
//! themselves. The guard knows every worker's process group from a pipe that only the coordinator holds; when
//! the pipe ends, however the coordinator ended, it kills the groups that are still in its list.
//!
//! A group is taken off the list before its leader is reaped, so a listed number is never somebody else's
//! while the coordinator lives.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::{Process, Program};

/// The hidden argument that makes the program a guard.
const GUARD_FLAG: &str = "__guard";

/// A running guard. It ends with its handle.
#[derive(Debug)]
pub struct Guard {
    // Dropped in this order: the pipe's end tells the guard to finish, then it is reaped.
    pipe: File,
    _process: Process,
}

impl Guard {
    /// Starts this program as a guard.
    ///
    /// # Errors
    /// There are no more processes or files to be had.
    pub fn start() -> io::Result<Self> {
        let (theirs, ours) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let process = Process::spawn(&Program::Itself, &[GUARD_FLAG.to_owned()], theirs)?;
        Ok(Self { pipe: File::from(ours), _process: process })
    }

    /// Puts a process group on the list.
    pub fn watch(&mut self, group: u32) {
        // A guard that has died guards nothing; the kernel still kills the workers.
        let _ = self.pipe.write_all(format!("+{group}\n").as_bytes());
    }

    /// Takes a process group off the list. Call it before the group's leader is reaped.
    pub fn unwatch(&mut self, group: u32) {
        let _ = self.pipe.write_all(format!("-{group}\n").as_bytes());
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

/// Keeps the list until the pipe ends, then kills what is on it.
fn guard(pipe: impl BufRead) {
    let mut groups = BTreeSet::new();
    for line in pipe.lines() {
        let Ok(line) = line else { break };
        let (sign, number) = line.split_at_checked(1).unwrap_or_default();
        // Process groups 0 and 1 are not workers'.
        let Some(group) = number.parse::<i32>().ok().filter(|group| *group > 1) else { continue };
        if sign == "+" {
            groups.insert(group);
        } else {
            groups.remove(&group);
        }
    }
    for group in groups {
        // Where nobody is left of it, all is well.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
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
        writeln!(ours, "+{}\n+{}\nnonsense\n+0\n-{}", listed.id(), struck_off.id(), struck_off.id()).unwrap();
        drop(ours);
        guard(BufReader::new(File::from(theirs)));
        let exit = std::iter::repeat_with(|| listed.exit()).flatten().next();
        assert_eq!(exit, Some(Exit::Signal(9)));
        assert_eq!(struck_off.exit(), None);
    }
}
