//! Long files on their way to the disk while they are still being written: waiting for all of it at the end would cost
//! as much time again.

use std::fs::File;
use std::io;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

/// How many bytes are written before the disk is asked to take them.
const PORTION: usize = 64 << 20;

/// Has a file written to the disk, portion by portion, on a thread of its own.
#[derive(Debug, Default)]
pub(super) struct Writeback {
    since: usize,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    due: Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Writeback {
    /// So many bytes have been appended to the file. What comes of that is told by [`finish`](Self::finish).
    pub(super) fn wrote(&mut self, file: &File, bytes: usize) {
        self.since += bytes;
        if self.since < PORTION {
            return;
        }
        self.since = 0;
        if self.running.is_none() {
            self.running = Running::start(file);
        }
        if let Some(running) = &self.running {
            // A disk that is busy with the portion before takes this one along with the next.
            let _ = running.due.try_send(());
        }
    }

    /// Waits until nothing is under way any more.
    ///
    /// # Errors
    /// The disk has not taken something. The system says so only once for a file, so it must be asked for.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let Some(Running { due, thread }) = self.running.take() else { return Ok(()) };
        drop(due);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("writing to the disk broke off")))
    }
}

impl Running {
    // Where there is no thread or descriptor for it, the end takes longer, and that is all.
    fn start(file: &File) -> Option<Self> {
        let file = file.try_clone().ok()?;
        let (due, is_due) = bounded(1);
        let spawned = std::thread::Builder::new().name("writeback".into()).spawn(move || run(&file, &is_due));
        Some(Self { due, thread: spawned.ok()? })
    }
}

fn run(file: &File, is_due: &Receiver<()>) -> io::Result<()> {
    while is_due.recv().is_ok() {
        file.sync_data()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_file_needs_no_thread_and_a_long_one_gets_one() {
        let file = tempfile::tempfile().unwrap();
        let mut writeback = Writeback::default();
        writeback.wrote(&file, PORTION - 1);
        assert!(writeback.running.is_none());
        writeback.wrote(&file, 1);
        writeback.wrote(&file, PORTION);
        assert!(writeback.running.is_some());
        writeback.finish().unwrap();
        writeback.finish().unwrap();
    }

    #[test]
    fn what_the_disk_refuses_is_told_in_the_end() {
        // A pipe can't be written to any disk.
        let (_reader, writer) = io::pipe().unwrap();
        let mut writeback = Writeback::default();
        writeback.wrote(&File::from(std::os::fd::OwnedFd::from(writer)), PORTION);
        assert_eq!(writeback.finish().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
