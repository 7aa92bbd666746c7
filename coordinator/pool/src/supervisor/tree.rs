//! All that a process has started, whatever group or session it has gone to: its descendants, as `/proc` tells.
//!
//! A process is never signalled by a number that was read a moment ago: it is held by a pidfd first, and looked at again.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};
use std::os::fd::AsFd as _;

/// How often what is left of a tree is looked for. Each look kills all that it finds, so one that forks as fast as it is
/// killed is behind by more each time.
const LOOKS: usize = 500;
/// How long the dead are waited for between two looks, each time: a killed process may still complete a `fork`.
const PATIENCE: Duration = Duration::from_millis(10);
/// After so many looks without anybody, nobody is left: one may go from parent to parent while the lists are read.
const QUIET: usize = 2;

/// What `/proc/PID/stat` tells of a process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stat {
    pub(super) parent: i32,
    pub(super) started: u64,
    dead: bool,
}

impl Stat {
    pub(super) fn of(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name is in parentheses, and may itself hold any of them.
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let started = fields.nth(17)?.parse().ok()?;
        Some(Self { parent, started, dead: matches!(state, "Z" | "X" | "x") })
    }
}

/// The children of a process, zombies among them.
pub(super) fn children(pid: i32) -> Vec<i32> {
    if !has_lists() {
        return all().filter(|other| Stat::of(*other).is_some_and(|stat| stat.parent == pid)).collect();
    }
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Every process that can be seen.
pub(super) fn all() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// True where the kernel keeps lists of children (`CONFIG_PROC_CHILDREN`).
fn has_lists() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| fs::exists("/proc/thread-self/children").unwrap_or(false))
}

/// A process that is held, so that its number can't become another's meanwhile.
pub(super) struct Held {
    pidfd: OwnedFd,
}

impl Held {
    /// Holds a process that is alive and of which `is_it` is true once it is held.
    pub(super) fn new(pid: i32, is_it: impl FnOnce(&Stat) -> bool) -> Option<Self> {
        let pidfd = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        // Where the number has become another's since, the one that is held is dead, and a signal reaches nobody.
        let stat = Stat::of(pid)?;
        (!stat.dead && is_it(&stat)).then_some(Self { pidfd })
    }

    pub(super) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.pidfd, signal);
    }

    /// Waits until it is dead, but not for long.
    fn wait(&self) {
        let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::ZERO);
        let _ = poll(&mut [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)], patience);
    }
}

/// Those who are alive among the descendants of a process.
fn descendants(root: i32) -> Vec<Held> {
    let (mut known, mut unread, mut found) = (BTreeSet::from([root]), vec![root], Vec::new());
    while let Some(parent) = unread.pop() {
        for child in children(parent) {
            if known.insert(child) {
                unread.push(child);
                found.extend(Held::new(child, |stat| known.contains(&stat.parent)));
            }
        }
    }
    found
}

/// Sends a signal to all descendants of a process, until there are no others; so that none is missed that is made
/// meanwhile, a signal to stop or to end all of them should have reached their ancestor before.
pub(super) fn signal_descendants(root: i32, signal: Signal) {
    // Most workers never have a child.
    if children(root).is_empty() {
        return;
    }
    let mut reached = 0;
    for _ in 0..QUIET * 2 {
        let found = descendants(root);
        found.iter().for_each(|held| held.signal(signal));
        if found.len() == reached {
            break;
        }
        reached = found.len();
    }
}

/// Kills all descendants of a process that is stopped, or dead and not reaped; it takes in those whose parents die, if it
/// is a subreaper.
pub(super) fn kill_descendants(root: i32) {
    if children(root).is_empty() {
        return;
    }
    repeat(|| descendants(root));
}

/// Kills all that are found, again and again, until nobody is.
pub(super) fn repeat(mut find: impl FnMut() -> Vec<Held>) {
    let mut quiet = 0;
    for _ in 0..LOOKS {
        let found = find();
        found.iter().for_each(|held| held.signal(Signal::KILL));
        found.iter().for_each(Held::wait);
        quiet = if found.is_empty() { quiet + 1 } else { 0 };
        if quiet == QUIET {
            break;
        }
    }
}

/// This process.
pub(super) fn this() -> i32 {
    getpid().as_raw_nonzero().get()
}
