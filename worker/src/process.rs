//! What the process does to itself. Everything here is for the whole process and for good.

use std::ffi::CString;
use std::io;

use protocol::{Limits, TaskError};
use rustix::process::{
    Resource, Rlimit, Signal, getpid, getppid, getrlimit, set_child_subreaper,
    set_parent_process_death_signal, setrlimit,
};
use rustix::thread;

/// How much likelier than the coordinator a worker is to be chosen when the machine runs out of memory.
const OOM_SCORE: &str = "500";
/// What the kernel keeps of a process's name, in bytes.
const NAME: usize = 15;

/// Makes the kernel kill this process when the thread that started it ends.
///
/// # Errors
/// The parent ended in the meantime. One that ended before this call is found out when its socket can't be
/// reached.
pub(crate) fn die_with_parent() -> io::Result<()> {
    let parent = getppid();
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() == parent { Ok(()) } else { Err(io::Error::other("the coordinator is dead")) }
}

/// No core dump, and the first to go when memory runs out. A system that refuses is no reason not to work.
pub(crate) fn be_disposable() {
    set_name("worker");
    // What a task's programs leave behind stays below this process, where the coordinator finds it.
    let _ = set_child_subreaper(Some(getpid()));
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
}

/// Sets the name that `ps` and `top` show, cut to what the kernel keeps.
pub(crate) fn set_name(name: &str) {
    let cut = name.get(..name.floor_char_boundary(NAME)).unwrap_or_default();
    // A name with a zero in it is not shown: it is for people only.
    if let Ok(name) = CString::new(cut) {
        let _ = thread::set_name(&name);
    }
}

/// Keeps the process to its limits from here on.
///
/// # Errors
/// The system refuses one of them, in a sentence for people.
pub(crate) fn limit(limits: &Limits) -> Result<(), TaskError> {
    // Signals end a process at the first two: SIGXCPU at the soft limit, and SIGKILL where that is caught.
    set("cpu_seconds", Resource::Cpu, limits.cpu_seconds, 1)?;
    set("file_size", Resource::Fsize, limits.file_size, 0)?;
    set("open_files", Resource::Nofile, limits.open_files, 0)?;
    // Last: the others may need memory to complain.
    set("memory", Resource::As, limits.memory, 0)
}

fn set(name: &str, resource: Resource, limit: Option<u64>, slack: u64) -> Result<(), TaskError> {
    let Some(limit) = limit else { return Ok(()) };
    // A process can't raise what it was given.
    let given = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let new =
        Rlimit { current: Some(limit.min(given)), maximum: Some(limit.saturating_add(slack).min(given)) };
    setrlimit(resource, new)
        .map_err(|error| TaskError::new(format!("the limit `{name} = {limit}` can't be set: {error}")))
}
