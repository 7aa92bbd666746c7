//! Long values on their way out: through the outbox, where there is one, or in chunks.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd as _, OwnedFd};

use crate::handed::{self, Handed, Item};
use crate::shm::{FreeParts, OutboxPages};
use crate::{FrameWriter, FromWorker, MAX_FRAME, MAX_PIECES, Piece, TaskHead};

/// How much of a value one piece takes, in bytes. Both sides copy at the same time, each another piece, and a
/// piece that is read soon after it was written comes from the processor's cache.
const PIECE: usize = 512 << 10;
/// How much of a value one chunk takes.
const CHUNK: usize = MAX_FRAME - 64;

/// Sends long values.
#[derive(Debug)]
pub(super) struct Outgoing {
    state: State,
    // It came while something else was waited for.
    arena: Option<Handed>,
    // True where the outbox may stay mapped; otherwise it takes address space only while a value is sent.
    stays_mapped: bool,
}

#[derive(Debug)]
enum State {
    /// There was no long value yet.
    NotAsked,
    /// There is none to be had.
    Without,
    With(Outbox),
}

#[derive(Debug)]
struct Outbox {
    // Absent once the memory is mapped for good.
    file: Option<OwnedFd>,
    size: usize,
    pages: Option<OutboxPages>,
    free: FreeParts,
    // Offered to the coordinator and not known to be taken, oldest first. Invariant: at most MAX_PIECES.
    offered: VecDeque<Range<usize>>,
}

impl Outgoing {
    pub(super) fn new(stays_mapped: bool) -> Self {
        Self { state: State::NotAsked, arena: None, stays_mapped }
    }

    /// Sends a value, piece by piece. Waits where the outbox or the stream is full.
    ///
    /// # Errors
    /// The stream's: `BrokenPipe` where the coordinator is gone.
    pub(super) fn send(
        &mut self,
        writer: &mut FrameWriter,
        task: &TaskHead<'_>,
        value: &[u8],
    ) -> io::Result<()> {
        if matches!(self.state, State::NotAsked) {
            self.ask(writer)?;
        }
        let (id, attempt) = (task.id, task.attempt);
        let mut rest = value;
        while !rest.is_empty() {
            let Some(range) = self.place(writer, rest.len().min(PIECE))? else { break };
            let length = range.len().min(rest.len()).min(PIECE);
            let (bytes, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            let State::With(outbox) = &mut self.state else { break };
            if !outbox.pages.as_mut().is_some_and(|pages| pages.write(range.start, bytes)) {
                outbox.free.give_back(range);
                break;
            }
            let (offset, length, more) = (range.start as u64, bytes.len() as u64, after.len() as u64);
            outbox.offered.push_back(range);
            let piece = Piece { task: id, attempt, offset, length, more };
            writer.write(|out| FromWorker::Piece(piece).encode(out))?;
            rest = after;
        }
        for bytes in rest.chunks(CHUNK) {
            writer.write(|out| FromWorker::Chunk { task: id, attempt, bytes }.encode(out))?;
        }
        if let State::With(outbox) = &mut self.state
            && !self.stays_mapped
        {
            outbox.pages = None;
        }
        Ok(())
    }

    /// Waits for the arena, unless it has come.
    pub(super) fn arena(&mut self, writer: &FrameWriter) -> io::Result<Handed> {
        loop {
            if let Some(arena) = self.arena.take() {
                return Ok(arena);
            }
            self.receive(writer)?;
        }
    }

    fn ask(&mut self, writer: &mut FrameWriter) -> io::Result<()> {
        writer.write(|out| FromWorker::WantsOutbox.encode(out))?;
        while matches!(self.state, State::NotAsked) {
            self.receive(writer)?;
        }
        Ok(())
    }

    /// A place in the outbox that is mapped, once there is one; `None`: there is no outbox.
    fn place(&mut self, writer: &FrameWriter, length: usize) -> io::Result<Option<Range<usize>>> {
        loop {
            let State::With(outbox) = &mut self.state else { return Ok(None) };
            if !outbox.map(self.stays_mapped) {
                return Ok(None);
            }
            if outbox.offered.len() < MAX_PIECES
                && let Some(range) = outbox.free.take(length.min(outbox.size))
            {
                return Ok(Some(range));
            }
            if outbox.offered.is_empty() {
                return Ok(None);
            }
            self.receive(writer)?;
        }
    }

    /// Waits for what comes next from the coordinator.
    fn receive(&mut self, writer: &FrameWriter) -> io::Result<()> {
        match (handed::receive(writer.as_fd())?, &mut self.state) {
            (Item::Arena(arena), _) => self.arena = Some(arena),
            (Item::Outbox(None), State::NotAsked) => self.state = State::Without,
            (Item::Outbox(Some((file, size))), State::NotAsked) => {
                self.state = State::With(Outbox::new(file, size));
            }
            (Item::Taken(pieces), State::With(outbox)) if pieces <= outbox.offered.len() as u64 => {
                let free = &mut outbox.free;
                outbox.offered.drain(..pieces as usize).for_each(|range| free.give_back(range));
            }
            (Item::Outbox(_) | Item::Taken(_), _) => {
                let what = "the coordinator spoke of an outbox out of turn";
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        Ok(())
    }
}

impl Outbox {
    fn new(file: OwnedFd, size: usize) -> Self {
        let (free, offered) = (FreeParts::new(size), VecDeque::with_capacity(MAX_PIECES));
        Self { file: Some(file), size, pages: None, free, offered }
    }

    /// True where it is mapped. Where it can't be, it may be the next time.
    fn map(&mut self, for_good: bool) -> bool {
        if self.pages.is_none() {
            self.pages = self.file.as_ref().and_then(|file| OutboxPages::new(file, self.size).ok());
            if for_good && self.pages.is_some() {
                self.file = None;
            }
        }
        self.pages.is_some()
    }
}
