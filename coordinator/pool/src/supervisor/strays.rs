//! What dead workers have left behind, where this process takes it in.
//!
//! Only a program whose children are all the supervisor's may call [`adopt_orphans`]: the command does; a program that
//! embeds a pool has children of its own, and keeps them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::marks::{self, Mark};
use super::tree::{Held, Stat, children, kill_descendants, repeat, this};

/// The supervisor's processes, by their ids. Locked while one is made, so that none is taken for a stray before it is
/// known.
static LIVING: Mutex<BTreeMap<i32, Mark>> = Mutex::new(BTreeMap::new());

/// The children that this process had before: with their times of start, since it may not be us who reaps them.
static BEFORE: OnceLock<Vec<(i32, u64)>> = OnceLock::new();

pub(super) fn living() -> MutexGuard<'static, BTreeMap<i32, Mark>> {
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes this process the parent of whatever a dead worker leaves behind, and lets the supervisor end that. Call it before
/// the first worker is started.
pub fn adopt_orphans() {
    if nix::sys::prctl::set_child_subreaper(true).is_ok() {
        let known = |pid: i32| Stat::of(pid).map(|stat| (pid, stat.started));
        BEFORE.get_or_init(|| children(this()).into_iter().filter_map(known).collect());
    }
}

/// True where orphans come to this process.
pub(super) fn adopts() -> bool {
    BEFORE.get().is_some()
}

/// Kills and reaps all that dead workers have left, of whatever group or session. A living worker's own are spared.
pub(super) fn kill() {
    let Some(before) = BEFORE.get() else { return };
    let living = living();
    let is_stray = |pid: i32| {
        let Some(stat) = Stat::of(pid) else { return false };
        if living.contains_key(&pid) || before.contains(&(pid, stat.started)) {
            return false;
        }
        match marks::value_of(pid) {
            Some(_) if living.values().any(|mark| marks::has(pid, &mark.word())) => false,
            Some(_) if marks::has(pid, &marks::own_words()) => true,
            // Without a mark it may be a child of one that was here before us.
            _ => before.is_empty(),
        }
    };
    if !children(this()).into_iter().any(is_stray) {
        return;
    }
    let mut strays = Vec::new();
    repeat(|| {
        strays = children(this()).into_iter().filter(|pid| is_stray(*pid)).collect();
        strays.iter().for_each(|pid| kill_descendants(*pid));
        strays.iter().filter_map(|pid| Held::new(*pid, |stat| stat.parent == this())).collect()
    });
    for pid in strays {
        // A zombie of ours keeps its number until it is reaped here.
        let _ = waitid(Id::Pid(Pid::from_raw(pid)), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG);
    }
}
