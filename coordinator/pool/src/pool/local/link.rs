//! One worker process: its handle, what comes from it, and its end of the conversation.

use std::io;

use protocol::{Bootstrap, FrameReader};

use super::peer::Peer;
use crate::pool::Limits;
use crate::pool::death::Evidence;
use crate::pool::workers::Obituary;
use crate::supervisor::{Process, Program};
use queue::WorkerId;

/// A worker process with its links. The reader lends its frames while the peer takes them in.
pub(super) struct Link {
    pub(super) process: Process,
    pub(super) reader: FrameReader,
    pub(super) peer: Peer,
    // Resident memory when it was first looked at, in bytes.
    first_memory: Option<u64>,
}

impl Link {
    /// Starts a process and hands it its end of the links.
    pub(super) fn start(program: &Program, worker: WorkerId, incarnation: u32) -> io::Result<Self> {
        let mut bootstrap = Bootstrap::new()?;
        let stdin = bootstrap.child_stdin().ok_or_else(|| io::Error::other("the link has no other end"))?;
        let process = Process::spawn(program, &bootstrap.arguments(), stdin)?;
        let peer = Peer::new(worker, incarnation, process.id(), bootstrap);
        Ok(Self { process, reader: FrameReader::new(), peer, first_memory: None })
    }

    /// What is known of its end, if it has ended.
    pub(super) fn obituary<'l>(&'l self, limits: &'l Limits) -> Option<Obituary<'l>> {
        let peer = &self.peer;
        let evidence = Evidence {
            exit: self.process.exit()?,
            greeted: peer.greeted(),
            refused: peer.refused.as_deref(),
            goodbye: peer.goodbye,
            killed: peer.killed,
            broke: peer.broke.as_deref(),
            lines: &peer.lines,
            limits,
        };
        let (worker, pid) = (peer.worker, self.process.id());
        Some(Obituary { worker, pid, running: peer.running(), unreported: peer.unreported(), evidence })
    }

    /// By how many bytes its resident memory has grown since the first look.
    pub(super) fn memory_growth(&mut self) -> u64 {
        let Some(now) = resident_bytes(self.process.id()) else { return 0 };
        let first = *self.first_memory.get_or_insert(now);
        now.saturating_sub(first)
    }
}

/// Resident memory, as the kernel tells: the second field of `statm`, in pages.
fn resident_bytes(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages.saturating_mul(rustix::param::page_size() as u64))
}
