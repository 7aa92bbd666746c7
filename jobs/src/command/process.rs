//! The one place in a worker that makes processes: a task's own program, in the worker's process group, so
//! that whoever kills the worker kills it too.
//!
//! There is no code between fork and exec, no thread, and no descriptor that outlives a task: two or three
//! pipes, read in one poll loop.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, pidfd_open};

/// What to start.
#[derive(Debug)]
pub(super) struct Start<'a> {
    /// Where the program is.
    pub(super) program: &'a Path,
    /// Its arguments, its own name first.
    pub(super) argv: Vec<Vec<u8>>,
    pub(super) dir: &'a Path,
    /// It is to be written to; otherwise it finds an empty input.
    pub(super) talks: bool,
}

/// A running program. Dropping it kills and reaps it.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    pidfd: OwnedFd,
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
    ended: bool,
}

impl Running {
    /// Starts a program.
    ///
    /// # Errors
    /// It can't be run, or there are no more processes or files to be had.
    #[expect(clippy::disallowed_methods, reason = "a program a task is what this kind is for")]
    pub(super) fn start(start: Start<'_>) -> io::Result<Self> {
        let mut argv = start.argv.into_iter().map(OsString::from_vec);
        let mut command = Command::new(start.program);
        command.arg0(argv.next().unwrap_or_default()).args(argv).current_dir(start.dir);
        // A worker's own standard input is /dev/null.
        command.stdin(if start.talks { Stdio::piped() } else { Stdio::inherit() });
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let pidfd = rustix::process::Pid::from_raw(child.id().cast_signed())
            .ok_or(Errno::SRCH)
            .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()));
        let pidfd = match pidfd {
            Ok(pidfd) => pidfd,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error.into());
            }
        };
        let stdin = child.stdin.take().map(OwnedFd::from);
        let (stdout, stderr) =
            (child.stdout.take().map(OwnedFd::from), child.stderr.take().map(OwnedFd::from));
        Ok(Self { child, pidfd, stdin, stdout, stderr, ended: false })
    }

    /// Readable once the program has ended.
    pub(super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait();
        self.ended = status.is_ok();
        status
    }

    /// Waits for its end, but not for longer than this many seconds.
    pub(super) fn wait_for(&mut self, seconds: i64) -> Option<ExitStatus> {
        let patience = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        // An interrupted wait ends early; then it is not waited for.
        let ready = poll(&mut fds, Some(&patience)).unwrap_or(0);
        if ready == 0 { None } else { self.wait().ok() }
    }

    /// Kills it.
    pub(super) fn kill(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.wait();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Makes this process fit to have children: signals reach them as usual, and what they leave behind can be
/// reaped here.
pub(super) fn prepare() {
    // The coordinator holds some signals back, and what it starts inherits that.
    let _ = SigSet::empty().thread_set_mask();
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Reaps what programs have left behind and what has ended since, so that no zombies pile up in a long run.
pub(super) fn reap_orphans() {
    // Children of other threads are not ours.
    let flags = WaitPidFlag::WNOHANG | WaitPidFlag::__WNOTHREAD;
    while matches!(
        waitpid(Pid::from_raw(-1), Some(flags)),
        Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..))
    ) {}
}

/// Waits until one of these is ready, and says which are; `None` never is.
pub(super) fn wait_ready<const N: usize>(
    fds: [Option<(BorrowedFd<'_>, PollFlags)>; N],
) -> io::Result<[bool; N]> {
    look(fds, None)
}

/// Which of these are ready now.
pub(super) fn are_ready<const N: usize>(
    fds: [Option<(BorrowedFd<'_>, PollFlags)>; N],
) -> io::Result<[bool; N]> {
    look(fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))
}

fn look<const N: usize>(
    fds: [Option<(BorrowedFd<'_>, PollFlags)>; N],
    patience: Option<&Timespec>,
) -> io::Result<[bool; N]> {
    let mut polled: Vec<_> =
        fds.iter().flatten().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
    loop {
        match poll(&mut polled, patience) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut polled = polled.iter();
    Ok(fds.map(|fd| fd.is_some() && polled.next().is_some_and(|fd| !fd.revents().is_empty())))
}

/// How a program ended, in words.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(number)) => match Signal::try_from(number) {
            Ok(signal) => format!("killed by {}", signal.as_str()),
            Err(_) => format!("killed by signal {number}"),
        },
        (None, None) => "ended in an unknown way".into(),
    }
}

/// The shell, for jobs that ask for one.
pub(super) fn shell() -> PathBuf {
    "/bin/sh".into()
}
