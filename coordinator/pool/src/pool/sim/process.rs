//! A worker process as the simulator sees it: what it has, what it runs, what it has not said yet.

use std::collections::VecDeque;

use crate::outcome::Reason;
use crate::supervisor::Exit;
use protocol::TaskId;
use queue::{BatchId, KillReason};

/// An attempt of a task.
pub(super) type Lease = (TaskId, u32);

/// How an attempt went, as its worker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    Failed(Reason),
}

/// One attempt in a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) lease: Lease,
    pub(super) verdict: Verdict,
    pub(super) micros: u64,
}

/// Something on its way from a process.
#[derive(Debug, Clone)]
pub(super) enum Word {
    Hello,
    Frame(Vec<Said>),
    Progress(Lease),
    Line(String),
    Nonsense,
    Goodbye,
}

/// How the running attempt will end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    Say(Verdict),
    Death(Exit),
    Never,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) lease: Lease,
    pub(super) since: u64,
    pub(super) ending: Ending,
}

/// The claim words of a batch: tasks from `next` to `end` may still be started.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) id: BatchId,
    pub(super) leases: Vec<Lease>,
    pub(super) next: usize,
    pub(super) end: usize,
}

/// What comes of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Booting,
    Serving,
    /// Stopped by a signal: it does nothing more, but can be killed.
    Stopped,
    Dead(Exit),
}

#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) life: Life,
    pub(super) lies: bool,
    pub(super) lingers: bool,
    pub(super) work: Work,
    pub(super) words: Words,
    /// Why it was killed, if it was the pool.
    pub(super) killed: Option<KillReason>,
    /// When it was sent its pill.
    pub(super) pilled: Option<u64>,
}

/// What a process has to do.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) inbox: VecDeque<Batch>,
    pub(super) pill: bool,
    pub(super) current: Option<Attempt>,
    /// A step is on the agenda.
    pub(super) stirs: bool,
    /// Ended and not said.
    pub(super) finished: Vec<Said>,
    /// How many attempts have ended in it.
    pub(super) ended: usize,
}

/// What a process says.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// On their way, each with its time.
    pub(super) coming: VecDeque<(u64, Word)>,
    pub(super) greeted: bool,
    pub(super) goodbye: bool,
    /// It has begun to talk nonsense.
    pub(super) broke: bool,
    /// The pool has heard that.
    pub(super) nonsense_heard: bool,
    /// How many attempts the pool has heard of.
    pub(super) heard: usize,
}

impl Process {
    pub(super) fn new(pid: u32, lies: bool, lingers: bool) -> Self {
        let (work, words) = (Work::default(), Words::default());
        Self { pid, life: Life::Booting, lies, lingers, work, words, killed: None, pilled: None }
    }

    pub(super) fn is_dead(&self) -> bool {
        matches!(self.life, Life::Dead(_))
    }

    /// The next task that it may start.
    pub(super) fn claim(&mut self) -> Option<Lease> {
        let batch = self.work.inbox.iter_mut().find(|batch| batch.next < batch.end)?;
        batch.next += 1;
        batch.leases.get(batch.next - 1).copied()
    }
}
