//! A file that a run reads, as it was when the run began.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use protocol::TaskId;
use sha2::{Digest, Sha256};

use super::path::path_text;

/// Files up to this many bytes are hashed; larger ones are told apart by size and time of change.
pub const HASHED_BYTES: u64 = 1 << 20;

/// A file as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Its path as the job gave it; bytes that are no UTF-8 are written `\xNN`.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// When its content was last changed, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// When anything about it was last changed, in nanoseconds since 1970: nobody can set this time. Runs of
    /// the first schema have none, nor have pipes.
    pub changed_ns: Option<i64>,
    /// SHA-256 of its content, where it has at most [`HASHED_BYTES`].
    pub sha256: Option<[u8; 32]>,
    /// The task that reads this file and no other, where there is one.
    pub reader: Option<Reader>,
}

/// A task that reads one file and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader {
    /// Which task.
    pub task: TaskId,
    /// What it was told.
    pub payload: PayloadHash,
}

/// What stands for a payload: the beginning of its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PayloadHash(pub [u8; 16]);

impl PayloadHash {
    /// Of these bytes.
    pub fn of(payload: &[u8]) -> Self {
        Self(first_half(Sha256::digest(payload).into()))
    }
}

pub(super) fn first_half(hash: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut().zip(hash).for_each(|(half, byte)| *half = byte);
    half
}

impl InputFile {
    /// Looks at the file at `path`.
    ///
    /// # Errors
    /// It can't be read.
    pub fn take(path: &Path) -> io::Result<Self> {
        Self::take_known(path, None)
    }

    /// Looks at the file at `path`, and does not read it where it was not touched since it was `known`.
    ///
    /// # Errors
    /// It can't be read.
    pub fn take_known(path: &Path, known: Option<&Self>) -> io::Result<Self> {
        // Looked at before it is opened: opening a named pipe would wait for its other end.
        let metadata = path.metadata()?;
        let (modified_ns, changed_ns) = times(&metadata);
        let mut file = Self {
            name: path_text(path),
            size: metadata.len(),
            modified_ns,
            // What a pipe delivers is other each time.
            changed_ns: metadata.is_file().then_some(changed_ns),
            sha256: None,
            reader: None,
        };
        if metadata.is_file() && metadata.len() <= HASHED_BYTES {
            let known = known.filter(|known| known.is_untouched_in(&file)).and_then(|known| known.sha256);
            file.sha256 = Some(known.map_or_else(|| hash(File::open(path)?), Ok)?);
        }
        Ok(file)
    }

    /// True where `new`, whatever its name, is certain to have the same content.
    pub fn is_unchanged_in(&self, new: &Self) -> bool {
        match (self.sha256, new.sha256) {
            (Some(was), Some(is)) => self.size == new.size && was == is,
            _ => self.is_untouched_in(new),
        }
    }

    fn is_untouched_in(&self, new: &Self) -> bool {
        let times = |file: &Self| (file.size, file.modified_ns, file.changed_ns);
        self.changed_ns.is_some() && times(self) == times(new)
    }
}

/// When a file's content was last changed, and when anything about it was, in nanoseconds since 1970.
pub(super) fn times(metadata: &Metadata) -> (i64, i64) {
    let nanos = |seconds: i64, nanos| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
    (nanos(metadata.mtime(), metadata.mtime_nsec()), nanos(metadata.ctime(), metadata.ctime_nsec()))
}

fn hash(file: File) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = [0; 8192];
    // One byte more than is hashed at most: a file that grows meanwhile can't hold this up, and its size
    // shows that it has changed.
    let mut file = file.take(HASHED_BYTES + 1);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(length) => hasher.update(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_file_that_was_not_touched_is_not_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("abc");
        fs::write(&path, "abc").unwrap();
        let known = InputFile { sha256: Some([7; 32]), ..InputFile::take(&path).unwrap() };
        assert_eq!(InputFile::take_known(&path, Some(&known)).unwrap().sha256, Some([7; 32]));
        let other = InputFile { changed_ns: None, ..known.clone() };
        assert_ne!(InputFile::take_known(&path, Some(&other)).unwrap().sha256, Some([7; 32]));
    }

    #[test]
    fn neither_a_touch_nor_a_forged_time_deceives() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let time = UNIX_EPOCH + Duration::from_secs(1);
        let put = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
            InputFile::take(&path).unwrap()
        };
        let small = put(b"one");
        assert!(small.is_unchanged_in(&put(b"one")));
        assert!(!small.is_unchanged_in(&put(b"two")));
        let length = usize::try_from(HASHED_BYTES).unwrap() + 1;
        let big = put(&vec![1; length]);
        assert!(big.is_unchanged_in(&InputFile::take(&path).unwrap()));
        // The kernel's clock, which stamps the change, moves in ticks of some milliseconds.
        while InputFile::take(&path).unwrap().changed_ns == big.changed_ns {
            put(&vec![2; length]);
        }
        let now = InputFile::take(&path).unwrap();
        assert_eq!(now.modified_ns, big.modified_ns);
        assert!(!big.is_unchanged_in(&now));
    }

    #[test]
    fn the_hash_is_sha256() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("abc");
        fs::write(&path, "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        let input = InputFile::take(&path).unwrap();
        let hex: String = input.sha256.unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
