//! Long files: written on a thread of their own, and brought to the disk while they grow.
//!
//! Copying bytes into the system's cache takes about as long as making lines of results, and waiting for the disk at
//! the end would take as long again: so all three are done at once.

use std::fs::File;
use std::io::{self, Write as _};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

/// A file of so many bytes is worth a thread.
pub(super) const LONG: usize = 8 << 20;
/// How many bytes are written before the disk is asked to take them.
const PORTION: usize = 64 << 20;
/// How many buffers may wait to be written.
const WAITING: usize = 4;

/// Writes what it is given to the end of a file, in its order, on a thread of its own.
#[derive(Debug)]
pub(super) struct Behind {
    full: Sender<String>,
    empty: Receiver<String>,
    thread: JoinHandle<io::Result<()>>,
}

impl Behind {
    /// Begins to write behind what `file` has; `None` where there is no thread or descriptor for it.
    pub(super) fn start(file: &File) -> Option<Self> {
        let file = file.try_clone().ok()?;
        let (full, inbox) = bounded(WAITING);
        let (spare, empty) = bounded(WAITING);
        let spawned =
            std::thread::Builder::new().name("file".into()).spawn(move || write_all(&file, &inbox, &spare));
        Some(Self { full, empty, thread: spawned.ok()? })
    }

    /// Takes what is in `buffer`, and leaves an empty one there. False: it has come to grief, and
    /// [`finish`](Self::finish) tells how.
    pub(super) fn write(&self, buffer: &mut String) -> bool {
        let spare = self.empty.try_recv().unwrap_or_default();
        self.full.send(std::mem::replace(buffer, spare)).is_ok()
    }

    /// Waits until all is written, and nothing is under way any more.
    ///
    /// # Errors
    /// The system has refused something. It says so only once for a file, so it must be asked for.
    pub(super) fn finish(self) -> io::Result<()> {
        let Self { full, thread, .. } = self;
        drop(full);
        joined(thread)
    }
}

fn write_all(mut file: &File, full: &Receiver<String>, empty: &Sender<String>) -> io::Result<()> {
    let mut writeback = Writeback::default();
    let mut write = |buffer: String| {
        file.write_all(buffer.as_bytes())?;
        writeback.wrote(file, buffer.len());
        let mut buffer = buffer;
        buffer.clear();
        // More of them than can wait are not needed.
        let _ = empty.try_send(buffer);
        Ok(())
    };
    let written = full.iter().try_for_each(&mut write);
    written.and(writeback.finish())
}

/// Has a file brought to the disk, portion by portion, on a thread of its own.
#[derive(Debug, Default)]
struct Writeback {
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
    fn wrote(&mut self, file: &File, bytes: usize) {
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

    fn finish(self) -> io::Result<()> {
        let Some(Running { due, thread }) = self.running else { return Ok(()) };
        drop(due);
        joined(thread)
    }
}

impl Running {
    // Where there is no thread or descriptor for it, the end takes longer, and that is all.
    fn start(file: &File) -> Option<Self> {
        let file = file.try_clone().ok()?;
        let (due, is_due) = bounded(1);
        let spawned =
            std::thread::Builder::new().name("writeback".into()).spawn(move || sync(&file, &is_due));
        Some(Self { due, thread: spawned.ok()? })
    }
}

fn sync(file: &File, is_due: &Receiver<()>) -> io::Result<()> {
    is_due.iter().try_for_each(|()| file.sync_data())
}

fn joined(thread: JoinHandle<io::Result<()>>) -> io::Result<()> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("writing to the disk broke off")))
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn everything_is_written_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let behind = Behind::start(&File::create(&path).unwrap()).unwrap();
        let mut buffer = String::new();
        for number in 0..10_000 {
            buffer.push_str(&format!("{number}\n"));
            if number % 7 == 0 {
                assert!(behind.write(&mut buffer) && buffer.is_empty());
            }
        }
        assert!(behind.write(&mut buffer));
        behind.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().eq((0..10_000).map(|number| number.to_string())));
    }

    #[test]
    fn a_refused_write_is_noticed_and_told() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let behind = Behind::start(&full).unwrap();
        // How soon, depends on the thread; never later than when no buffer may wait any more.
        let noticed = (0..=WAITING + 1).find(|_| !behind.write(&mut "line\n".to_owned()));
        assert!(noticed.is_some());
        assert_eq!(behind.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_short_file_needs_no_syncing_thread_and_a_long_one_gets_one() {
        let file = tempfile::tempfile().unwrap();
        let mut writeback = Writeback::default();
        writeback.wrote(&file, PORTION - 1);
        assert!(writeback.running.is_none());
        writeback.wrote(&file, 1);
        writeback.wrote(&file, PORTION);
        assert!(writeback.running.is_some());
        writeback.finish().unwrap();
    }

    #[test]
    fn what_the_disk_refuses_is_told_in_the_end() {
        // A pipe can't be brought to any disk.
        let (_reader, writer) = io::pipe().unwrap();
        let mut writeback = Writeback::default();
        writeback.wrote(&File::from(OwnedFd::from(writer)), PORTION);
        assert_eq!(writeback.finish().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
