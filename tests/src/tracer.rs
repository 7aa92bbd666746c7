//! Kills the command at a chosen moment, with ptrace(2).
//!
//! Between any two of its writes, as a power cut might: each of its threads is held before every system call, and a
//! kill there leaves undone what the call would have done. Or while it makes a process, which is held before its
//! first step.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests: a panic is how a test fails")]

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::Place;

/// Where a traced command writes its standard error, in its place.
const TOLD: &str = "stderr.txt";

/// How a traced command went.
#[derive(Debug)]
pub struct Traced {
    /// How many writes it came to, the one before which it was killed included.
    pub writes: u64,
    /// Its exit code; `None` where it was killed before the write in question.
    pub code: Option<i32>,
    /// What it wrote to its standard error.
    pub stderr: String,
}

/// A process that the command was making when it was killed: it has yet to take its first step, and all that it
/// has inherited. It goes on once this is dropped, on the thread that made this.
#[derive(Debug)]
pub struct Unborn(Pid);

impl Drop for Unborn {
    fn drop(&mut self) {
        let _ = ptrace::detach(self.0, None);
    }
}

/// Runs the command, and kills it while it makes its first process.
///
/// # Errors
/// This process may not trace another.
pub fn run_until_fork(place: &Place, arguments: &[&str]) -> Result<Unborn, Errno> {
    let options = Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK;
    let pid = start_traced(place, arguments, options)?;
    let mut unborn = None;
    loop {
        let (thread, signal) = match next_stop() {
            WaitStatus::Exited(ended, code) if ended == pid => panic!("it exited with code {code} before"),
            WaitStatus::Signaled(ended, ..) if ended == pid => break,
            WaitStatus::PtraceEvent(child, ..) if unborn.is_none() && !is_of(child, pid) => {
                unborn = Some(Unborn(child));
                kill(pid, Signal::SIGKILL).expect("sending a signal");
                continue;
            }
            WaitStatus::PtraceEvent(thread, ..) => (thread, None),
            WaitStatus::Stopped(thread, signal) => (thread, Some(signal)),
            _ => continue,
        };
        let _ = ptrace::cont(thread, signal);
    }
    Ok(unborn.expect("a process that was being made"))
}

/// True where this is a thread of the process.
fn is_of(thread: Pid, process: Pid) -> bool {
    Path::new(&format!("/proc/{process}/task/{thread}")).exists()
}

/// Runs the command, and kills it just before its write number `fatal`, counted from 1, to a file of the place.
/// A write is whatever changes a file, its length or its name, or brings it to the disk.
///
/// # Errors
/// This process may not trace another.
pub fn run_until_write(place: &Place, arguments: &[&str], fatal: u64) -> Result<Traced, Errno> {
    let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
    let pid = start_traced(place, arguments, options)?;
    let (writes, code) = follow(pid, place.path(), fatal, Victim::Command);
    Ok(Traced { writes, code, stderr: place.read(TOLD) })
}

/// Runs the command to its end, and kills that of its workers that comes to the workers' write number `fatal`,
/// counted from 1, just before it. Writes are those of [`run_until_write`].
///
/// # Errors
/// This process may not trace another.
pub fn run_with_worker_killed(place: &Place, arguments: &[&str], fatal: u64) -> Result<Traced, Errno> {
    let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
    let processes = Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK;
    let pid = start_traced(place, arguments, options | processes)?;
    let (writes, code) = follow(pid, place.path(), fatal, Victim::Worker);
    Ok(Traced { writes, code, stderr: place.read(TOLD) })
}

/// Whose writes are counted, and who is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Victim {
    Command,
    Worker,
}

/// Starts the command, and traces it from its first step on.
#[expect(clippy::zombie_processes, reason = "it is waited for by its id, as a tracer does")]
fn start_traced(place: &Place, arguments: &[&str], options: Options) -> Result<Pid, Errno> {
    let stopped = ["/bin/sh", "-c", "kill -STOP $$; exec \"$@\"", "sh"];
    let mut command = place.command_through(&stopped, arguments);
    command.stdout(Stdio::null()).stderr(File::create(place.path().join(TOLD)).expect("a file"));
    let child = command.spawn().expect("starting the command");
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    let stop = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).expect("waiting for a stop");
    assert!(matches!(stop, WaitStatus::Stopped(..)), "{stop:?}");
    if let Err(error) = ptrace::seize(pid, options) {
        let _ = kill(pid, Signal::SIGKILL);
        let _ = waitpid(pid, None);
        return Err(error);
    }
    kill(pid, Signal::SIGCONT).expect("sending a signal");
    Ok(pid)
}

/// What a thread of a traced process does next.
fn next_stop() -> WaitStatus {
    // Of this thread's children only: other tests have theirs.
    waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)).expect("waiting for the command")
}

/// Lets all threads of the command go from system call to system call, to its end.
fn follow(pid: Pid, place: &Path, fatal: u64, victim: Victim) -> (u64, Option<i32>) {
    let mut writes = 0;
    loop {
        let (thread, signal) = match next_stop() {
            WaitStatus::Exited(ended, code) if ended == pid => return (writes, Some(code)),
            WaitStatus::Signaled(ended, Signal::SIGKILL, _) if ended == pid => return (writes, None),
            WaitStatus::Signaled(ended, signal, _) if ended == pid => panic!("the command died of {signal}"),
            WaitStatus::PtraceSyscall(thread) => {
                let own = if is_of(thread, pid) { Victim::Command } else { Victim::Worker };
                if writes < fatal && own == victim && is_write(thread, place) {
                    writes += 1;
                    if writes == fatal {
                        // A signal to a thread's number reaches its whole process.
                        kill(if own == Victim::Command { pid } else { thread }, Signal::SIGKILL)
                            .expect("sending a signal");
                        continue;
                    }
                }
                (thread, None)
            }
            WaitStatus::PtraceEvent(thread, ..) => (thread, None),
            WaitStatus::Stopped(thread, signal) => (thread, Some(signal)),
            _ => continue,
        };
        // A thread that has been killed meanwhile is told of by its end.
        let _ = ptrace::syscall(thread, signal);
    }
}

/// True where the thread is about to write to a file of the place.
fn is_write(thread: Pid, place: &Path) -> bool {
    let entered = ptrace::syscall_info(thread).is_ok_and(|info| info.op == libc::PTRACE_SYSCALL_INFO_ENTRY);
    if !entered {
        return false;
    }
    let call = fs::read_to_string(format!("/proc/{thread}/syscall")).unwrap_or_default();
    let mut words = call.split(' ');
    let Some(number) = words.next().and_then(|word| word.parse().ok()) else { return false };
    if BY_NAME.contains(&number) {
        return true;
    }
    if !BY_DESCRIPTOR.contains(&number) {
        return false;
    }
    let descriptor =
        words.next().and_then(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    let file = descriptor.and_then(|number| fs::read_link(format!("/proc/{thread}/fd/{number}")).ok());
    file.is_some_and(|file| file.starts_with(place) && !file.starts_with(place.join("tmp")))
}

const BY_DESCRIPTOR: [libc::c_long; 6] = [
    libc::SYS_write,
    libc::SYS_pwrite64,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
];

#[cfg(target_arch = "x86_64")]
const BY_NAME: [libc::c_long; 7] = [
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_link,
    libc::SYS_linkat,
    libc::SYS_unlink,
    libc::SYS_mknodat,
];

#[cfg(not(target_arch = "x86_64"))]
const BY_NAME: [libc::c_long; 4] =
    [libc::SYS_renameat, libc::SYS_renameat2, libc::SYS_linkat, libc::SYS_mknodat];
