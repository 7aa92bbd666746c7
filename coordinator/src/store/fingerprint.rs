//! What a run was made from, so that it is not resumed with something else.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::catalog::path_text;

/// Files up to this many bytes are hashed; larger ones are told apart by size and time of change.
pub const HASHED_BYTES: u64 = 1 << 20;

/// The job's text and the files that it reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// The job file, word for word.
    pub job_text: String,
    /// The files, sorted by name. What a glob found is listed file by file, so that a new match shows.
    pub inputs: Vec<InputFile>,
}

/// A file as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Its path as the job gave it; bytes that are no UTF-8 are written `\xNN`.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// When its content was last changed, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// SHA-256 of its content, where it has at most [`HASHED_BYTES`].
    pub sha256: Option<[u8; 32]>,
}

impl Fingerprint {
    /// The fingerprint of a job and the files that it reads.
    ///
    /// # Errors
    /// A file can't be read; the name says which.
    pub fn take<P: AsRef<Path>>(
        job_text: impl Into<String>,
        files: impl IntoIterator<Item = P>,
    ) -> Result<Self, (String, io::Error)> {
        let inputs = files.into_iter().map(|file| {
            let file = file.as_ref();
            InputFile::take(file).map_err(|error| (path_text(file), error))
        });
        let mut inputs: Vec<_> = inputs.collect::<Result<_, _>>()?;
        inputs.sort_by(|a, b| a.name.cmp(&b.name));
        inputs.dedup_by(|a, b| a.name == b.name);
        Ok(Self { job_text: job_text.into(), inputs })
    }

    /// What is different in `new`; nothing, where a run of this one may go on with it.
    pub fn changes(&self, new: &Self) -> Vec<Change> {
        let mut changes: Vec<_> = first_difference(&self.job_text, &new.job_text).into_iter().collect();
        let (mut old, mut new) = (self.inputs.iter().peekable(), new.inputs.iter().peekable());
        // Both are sorted by name.
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return changes,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(old), Some(new)) => old.name.cmp(&new.name),
            };
            let was = if order.is_le() { old.next() } else { None };
            let is = if order.is_ge() { new.next() } else { None };
            changes.extend(difference(was, is));
        }
    }
}

impl InputFile {
    /// Looks at the file at `path`.
    ///
    /// # Errors
    /// It can't be read.
    pub fn take(path: &Path) -> io::Result<Self> {
        // Looked at before it is opened: opening a named pipe would wait for its other end.
        let metadata = path.metadata()?;
        let hashed = metadata.is_file() && metadata.len() <= HASHED_BYTES;
        let seconds = metadata.mtime().saturating_mul(1_000_000_000);
        Ok(Self {
            name: path_text(path),
            size: metadata.len(),
            modified_ns: seconds.saturating_add(metadata.mtime_nsec()),
            sha256: if hashed { Some(hash(File::open(path)?)?) } else { None },
        })
    }
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

fn difference(was: Option<&InputFile>, is: Option<&InputFile>) -> Option<Change> {
    let (was, is) = match (was, is) {
        (Some(was), Some(is)) => (was, is),
        (Some(was), None) => return Some(Change::Gone { name: was.name.clone() }),
        (None, Some(is)) => return Some(Change::New { name: is.name.clone() }),
        (None, None) => return None,
    };
    let name = || was.name.clone();
    if was.size != is.size {
        return Some(Change::Size { name: name(), was: was.size, is: is.size });
    }
    match (was.sha256, is.sha256) {
        // Touched, copied or checked out anew, but the same.
        (Some(was), Some(is)) => (was != is).then(|| Change::Content { name: name() }),
        _ => (was.modified_ns != is.modified_ns).then(|| Change::Time { name: name() }),
    }
}

fn first_difference(old: &str, new: &str) -> Option<Change> {
    if old == new {
        return None;
    }
    let (mut old, mut new) = (old.split('\n'), new.split('\n'));
    let mut line = 0;
    loop {
        line += 1;
        let (was, is) = (old.next(), new.next());
        if was != is || was.is_none() {
            return Some(Change::Job { line, was: was.map(str::to_owned), is: is.map(str::to_owned) });
        }
    }
}

/// One thing that is not as it was. Displayed, it is a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The job file, first on this line, counted from 1.
    Job {
        /// Which line.
        line: usize,
        /// What stood there; `None` past the end.
        was: Option<String>,
        /// What stands there now; `None` past the end.
        is: Option<String>,
    },
    /// A file that there was not.
    New {
        /// Which.
        name: String,
    },
    /// A file that is no longer there.
    Gone {
        /// Which.
        name: String,
    },
    /// A file has another size.
    Size {
        /// Which.
        name: String,
        /// In bytes.
        was: u64,
        /// In bytes.
        is: u64,
    },
    /// A file has other content.
    Content {
        /// Which.
        name: String,
    },
    /// A file, too large to be hashed, was written to.
    Time {
        /// Which.
        name: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job { line, was: Some(was), is: Some(is) } => {
                write!(f, "line {line} of the job file was `{}` and is `{}`", was.trim(), is.trim())
            }
            Self::Job { line, was: None, .. } => write!(f, "the job file has gained lines from {line} on"),
            Self::Job { line, is: None, .. } => write!(f, "the job file has lost its lines from {line} on"),
            Self::New { name } => write!(f, "{name} is new"),
            Self::Gone { name } => write!(f, "{name} is gone"),
            Self::Size { name, was, is } => write!(f, "{name} has changed its size from {was} to {is} bytes"),
            Self::Content { name } => write!(f, "{name} has other content"),
            Self::Time { name } => write!(f, "{name} was written to"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn sentences(old: &Fingerprint, new: &Fingerprint) -> Vec<String> {
        old.changes(new).iter().map(ToString::to_string).collect()
    }

    fn job(text: &str) -> Fingerprint {
        Fingerprint { job_text: text.to_owned(), inputs: Vec::new() }
    }

    #[test]
    fn a_changed_job_file_is_told_by_its_first_changed_line() {
        let old = job("kind = \"primes\"\n  n = 1\n");
        assert!(sentences(&old, &old).is_empty());
        assert_eq!(
            sentences(&old, &job("kind = \"primes\"\n  n = 2\n")),
            ["line 2 of the job file was `n = 1` and is `n = 2`"]
        );
        assert_eq!(
            sentences(&old, &job("kind = \"primes\"\n  n = 1\n\n# more")),
            ["the job file has gained lines from 4 on"]
        );
        assert_eq!(
            sentences(&old, &job("kind = \"primes\"\n  n = 1")),
            ["the job file has lost its lines from 3 on"]
        );
    }

    #[test]
    fn every_change_of_a_file_is_told_and_a_mere_touch_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for (name, text) in [("content", "a"), ("gone", "a"), ("size", "a"), ("touched", "a")] {
            fs::write(path(name), text).unwrap();
        }
        let big = File::create(path("big")).unwrap();
        big.set_len(HASHED_BYTES + 1).unwrap();
        let names = ["size", "content", "gone", "touched", "big"];
        let old = Fingerprint::take("", names.map(path)).unwrap();
        assert!(old.inputs.is_sorted_by_key(|input| &input.name));

        fs::write(path("content"), "b").unwrap();
        fs::write(path("size"), "ab").unwrap();
        fs::write(path("new"), "").unwrap();
        let before = UNIX_EPOCH + Duration::from_secs(1);
        big.set_modified(before).unwrap();
        File::open(path("touched")).unwrap().set_modified(before).unwrap();
        let names = ["size", "content", "new", "touched", "big", "big"];
        let new = Fingerprint::take("", names.map(path)).unwrap();

        let prefix = format!("{}/", directory.path().display());
        let told: Vec<_> = sentences(&old, &new).iter().map(|told| told.replace(&prefix, "")).collect();
        let expected = [
            "big was written to",
            "content has other content",
            "gone is gone",
            "new is new",
            "size has changed its size from 1 to 2 bytes",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let (name, error) = Fingerprint::take("", ["/nowhere/at/all"]).unwrap_err();
        assert_eq!(name, "/nowhere/at/all");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
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
