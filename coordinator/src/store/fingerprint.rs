//! What a run was made from, so that it is not resumed with something else.

use std::fmt;
use std::io;
use std::path::Path;

use super::InputFile;
use super::path::{path_text, text_path};

/// The job's text and the files that it reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// The job file, word for word.
    pub job_text: String,
    /// The files, sorted by name. What a glob found is listed file by file, so that a new match shows.
    pub inputs: Vec<InputFile>,
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
        Ok(Self::of(job_text, inputs.collect::<Result<_, _>>()?))
    }

    /// The fingerprint of a job and files that were looked at, in any order.
    pub fn of(job_text: impl Into<String>, mut inputs: Vec<InputFile>) -> Self {
        inputs.sort_by(|a, b| a.name.cmp(&b.name));
        inputs.dedup_by(|a, b| a.name == b.name);
        Self { job_text: job_text.into(), inputs }
    }

    /// True where `new` is certain to be the same job with the same content in its files. Names that are not
    /// absolute start at `directory`, and those of `new` at `new_directory`.
    pub fn is_same_in(&self, directory: &Path, new: &Self, new_directory: &Path) -> bool {
        let absolute = |directory: &Path, name: &str| directory.join(text_path(name));
        self.job_text == new.job_text
            && self.inputs.len() == new.inputs.len()
            && self.inputs.iter().zip(&new.inputs).all(|(was, is)| {
                absolute(directory, &was.name) == absolute(new_directory, &is.name) && was.is_unchanged_in(is)
            })
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
    use std::fs::{self, File};
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::store::HASHED_BYTES;

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
}
