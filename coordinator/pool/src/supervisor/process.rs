//! One process and its group.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};

use super::Exit;

/// Among a process's flags: it is being ended (linux/sched.h).
const PF_EXITING: u64 = 4;

/// A refusal that will not change says who refuses.
fn explained_pidfd(error: io::Error) -> io::Error {
    if !matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(Errno::ENOSYS | Errno::EPERM | Errno::EACCES)
    ) {
        return error;
    }
    let message = format!(
        "no descriptor for a process (pidfd_open): {error}; it takes Linux 5.4 or newer, and a sandbox (seccomp) that \
         allows this call"
    );
    io::Error::new(error.kind(), message)
}

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// The running program itself, whatever has become of its file: so versions can't differ.
    Itself,
    /// Another one.
    Path(PathBuf),
}

impl Program {
    fn path(&self) -> &OsStr {
        match self {
            Self::Itself => OsStr::new("/proc/self/exe"),
            Self::Path(path) => path.as_os_str(),
        }
    }

    /// Where a program is not there, or may not be run, its name belongs to the error. What has run out stays what it
    /// is.
    fn explain(&self, error: io::Error) -> io::Error {
        let kind = error.kind();
        if !matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) {
            return error;
        }
        let path = self.path().to_string_lossy();
        io::Error::new(
            kind,
            match self {
                Self::Itself => format!("{path}: {error}; workers are started through it: mount /proc"),
                Self::Path(_) => format!("{path}: {error}"),
            },
        )
    }
}

/// A running or ended process. Dropping it kills its group and reaps it.
#[derive(Debug)]
pub struct Process {
    // Invariant: the process has not been reaped, so that neither its id nor its group's can be anybody else's.
    pid: Pid,
    pidfd: OwnedFd,
    output: OwnedFd,
}

impl Process {
    /// Starts `program` with `stdin` as its standard input; its standard output and error come out of
    /// [`output`](Self::output).
    ///
    /// There is no code between fork and exec, so that the cost does not grow with the caller's memory.
    ///
    /// # Errors
    /// The program can't be run, or there are no more processes or files to be had.
    #[expect(clippy::disallowed_methods, reason = "the supervisor owns processes")]
    pub fn spawn(program: &Program, arguments: &[String], stdin: OwnedFd) -> io::Result<Self> {
        let (output, input) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let child = Command::new(program.path())
            .args(arguments)
            .stdin(Stdio::from(stdin))
            .stdout(Stdio::from(input.try_clone()?))
            .stderr(Stdio::from(input))
            .process_group(0)
            .spawn()
            .map_err(|error| program.explain(error))?;
        let id = i32::try_from(child.id()).map_err(|_| io::Error::other("a process id out of range"))?;
        let raw = rustix::process::Pid::from_raw(id).ok_or_else(|| io::Error::other("process id 0"))?;
        let pid = Pid::from_raw(id);
        match pidfd_open(raw, PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Self { pid, pidfd, output }),
            Err(error) => {
                // Without a pidfd its death could not be noticed.
                let _ = killpg(pid, Signal::SIGKILL);
                let _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED);
                Err(explained_pidfd(error.into()))
            }
        }
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// Readable once the process has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// What it writes to its standard output and error; non-blocking.
    pub fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// Kills it and all of its group. A stopped process dies too.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Stops it and all of its group.
    pub fn suspend(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it and all of its group go on.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        // ESRCH and EPERM: nobody is left whom it could reach.
        let _ = killpg(self.pid, signal);
    }

    /// True where the kernel has begun to end it, or has ended it: it has been or will be seen to close its files, and
    /// on a busy machine the rest may take a while.
    pub fn is_ending(&self) -> bool {
        // The seventh field behind the name, proc(5): the name is in parentheses, and may itself hold any of them.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let flags = fields.split_ascii_whitespace().nth(6).and_then(|flags| flags.parse::<u64>().ok());
        flags.is_some_and(|flags| flags & PF_EXITING != 0)
    }

    /// How it ended, where it has; what it left behind in its group is killed then.
    pub fn exit(&self) -> Option<Exit> {
        // The status stays to be collected by `drop`, so that the id stays taken until then.
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let exit = match retry(|| waitid(Id::PIDFd(self.pidfd.as_fd()), flags)) {
            Ok(WaitStatus::Exited(_, code)) => Exit::Code(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => Exit::Signal(signal as i32),
            Ok(_) => return None,
            Err(_) => Exit::Unknown,
        };
        self.kill();
        Some(exit)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let _ = retry(|| waitid(Id::PIDFd(self.pidfd.as_fd()), WaitPidFlag::WEXITED));
        reap_group(self.pid);
    }
}

/// Collects those of the group that have become our children (where we are a subreaper). They are dead or
/// dying, so this does not wait for long.
fn reap_group(group: Pid) {
    while let Ok(status) = retry(|| waitid(Id::PGid(group), WaitPidFlag::WEXITED)) {
        if matches!(status, WaitStatus::StillAlive) {
            break;
        }
    }
}

fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Process {
        let null = std::fs::File::open("/dev/null").unwrap();
        let arguments = ["-c".to_owned(), script.to_owned()];
        Process::spawn(&Program::Path("/bin/sh".into()), &arguments, null.into()).unwrap()
    }

    fn wait(process: &Process) -> Exit {
        let mut fds = [nix::poll::PollFd::new(process.pidfd(), nix::poll::PollFlags::POLLIN)];
        nix::poll::poll(&mut fds, nix::poll::PollTimeout::NONE).unwrap();
        process.exit().unwrap()
    }

    #[test]
    fn an_exit_code_and_a_signal_are_told_apart() {
        assert_eq!(wait(&sh("exit 3")), Exit::Code(3));
        assert_eq!(wait(&sh("kill -SEGV $$")), Exit::Signal(11));
    }

    #[test]
    fn a_stopped_process_can_be_killed() {
        let process = sh("kill -STOP $$; exit 0");
        process.kill();
        assert_eq!(wait(&process), Exit::Signal(9));
    }

    #[test]
    fn a_process_that_has_ended_is_told_from_one_that_lives() {
        let process = sh("kill -STOP $$");
        assert!(!process.is_ending());
        process.kill();
        wait(&process);
        assert!(process.is_ending());
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let null = std::fs::File::open("/dev/null").unwrap();
        let error = Process::spawn(&Program::Path("/no/such/program".into()), &[], null.into()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().starts_with("/no/such/program: No such file"), "{error}");
        let no_proc = Program::Itself.explain(Errno::ENOENT.into()).to_string();
        assert!(no_proc.starts_with("/proc/self/exe: ") && no_proc.ends_with("mount /proc"), "{no_proc}");
        assert_eq!(Program::Itself.explain(Errno::EMFILE.into()).raw_os_error(), Some(Errno::EMFILE as i32));
        let denied = explained_pidfd(Errno::EPERM.into()).to_string();
        assert!(denied.contains("pidfd_open") && denied.contains("Linux 5.4"), "{denied}");
    }

    #[test]
    fn dropping_the_handle_kills_the_whole_group() {
        use std::io::Read;
        let process = sh("sleep 1000 & echo $!; wait");
        let mut pipe = std::fs::File::from(process.output.try_clone().unwrap());
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
        let mut line = [0; 16];
        let read = pipe.read(&mut line).unwrap();
        let id: i32 = std::str::from_utf8(&line[..read]).unwrap().trim().parse().unwrap();
        drop(process);
        // The write end of the pipe is closed once both are gone; a process that has closed its files is
        // about to be a zombie.
        assert_eq!(pipe.read(&mut line).unwrap(), 0);
        let state = || std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        while !(state().is_empty() || state().contains(") Z")) {
            std::thread::yield_now();
        }
    }
}
