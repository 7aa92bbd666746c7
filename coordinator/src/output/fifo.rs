//! Pipes with a name: written without ever waiting in the kernel, where no signal's thread could end the waiting.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use nix::libc;

use super::OutputError;

/// How often is looked for a reader, or for room: soon at first, and ever more seldom.
const FIRST_LOOK: Duration = Duration::from_micros(100);
const LAST_LOOK: Duration = Duration::from_millis(20);
/// How long a reader that takes nothing is waited for once the run is to stop.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// The first signal that asked to stop; 0: none.
static STOPPED: AtomicI32 = AtomicI32::new(0);

/// A signal asks to stop: from now on, nobody waits for a reader.
pub(crate) fn stop_waiting(signal: i32) {
    let _ = STOPPED.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
}

fn stopped() -> Option<i32> {
    Some(STOPPED.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
}

/// A pipe that somebody made.
#[derive(Debug)]
pub(crate) struct Fifo {
    path: PathBuf,
    file: File,
}

impl Fifo {
    /// Waits until somebody reads the pipe, or a signal asks to stop.
    pub(super) fn open(path: &Path) -> Result<Self, OutputError> {
        let mut naps = Naps::default();
        loop {
            let opened = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path);
            match opened {
                Ok(file) => return Ok(Self { path: path.to_owned(), file }),
                Err(cause) if cause.raw_os_error() == Some(libc::ENXIO) => {}
                Err(cause) => return Err(OutputError::io(path, cause)),
            }
            if let Some(signal) = stopped() {
                return Err(OutputError::Stopped { path: path.to_owned(), signal });
            }
            naps.nap();
        }
    }

    /// Writes all of it, as the reader makes room.
    pub(super) fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), OutputError> {
        let (mut naps, mut last) = (Naps::default(), Duration::ZERO);
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(OutputError::io(&self.path, ErrorKind::WriteZero.into())),
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    (naps, last) = (Naps::default(), Duration::ZERO);
                }
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => {
                    let nap = naps.nap();
                    let Some(signal) = stopped() else { continue };
                    last += nap;
                    if last >= LAST_WAIT {
                        return Err(OutputError::Stopped { path: self.path.clone(), signal });
                    }
                }
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => {
                    return Err(OutputError::stream(cause, || self.path.display().to_string()));
                }
            }
        }
        Ok(())
    }
}

/// True for a pipe with a name.
pub(super) fn is_fifo(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

#[derive(Debug, Default)]
struct Naps(Duration);

impl Naps {
    fn nap(&mut self) -> Duration {
        self.0 = (self.0 * 2).clamp(FIRST_LOOK, LAST_LOOK);
        thread::sleep(self.0);
        self.0
    }
}

/// Opens a log, to which lines are added: one that is a pipe without a reader, or with a slow one, loses lines and stops
/// nobody.
pub(crate) fn open_log(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // For reading too: then a pipe needs no reader to be opened.
    options.append(true).read(is_fifo(path)).create(true).custom_flags(libc::O_NONBLOCK).open(path)
}
