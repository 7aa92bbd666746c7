//! What a task's output files looked like when its outcome was stored.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::input::{first_half, times};

/// Stands for the names, sizes and times of change of a task's output files. Whoever writes to one of them,
/// or puts another in its place, changes the time, whatever else he does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen(pub(super) [u8; 16]);

impl Seen {
    /// Of the files as they are; `None` where one is missing.
    pub fn now(files: &[PathBuf]) -> Option<Self> {
        let mut hasher = Sha256::new();
        for file in files {
            let metadata = fs::metadata(file).ok().filter(fs::Metadata::is_file)?;
            let (modified, changed) = times(&metadata);
            let name = file.as_os_str().as_bytes();
            hasher.update((name.len() as u64).to_le_bytes());
            hasher.update(name);
            hasher.update(metadata.len().to_le_bytes());
            hasher.update(modified.to_le_bytes());
            hasher.update(changed.to_le_bytes());
        }
        Some(Self(first_half(hasher.finalize().into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_goes_or_changes_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<_> = ["a", "b"].iter().map(|name| folder.path().join(name)).collect();
        files.iter().for_each(|file| fs::write(file, "1").unwrap());
        let seen = Seen::now(&files).unwrap();
        assert_eq!(Seen::now(&files), Some(seen));
        fs::write(&files[1], "22").unwrap();
        assert_ne!(Seen::now(&files), Some(seen));
        fs::remove_file(&files[0]).unwrap();
        assert_eq!(Seen::now(&files), None);
    }
}
