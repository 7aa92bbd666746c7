//! Reading a job file's text: whatever the path holds, the answer is text or an error with a place.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use jobs::spec::{SpecError, SpecErrors};
use jobs::words::nearest;

use super::units::format_size;

/// Larger files are refused by their size alone. A job file describes its items; where there are very many,
/// they belong into a file of their own.
pub const LARGEST: u64 = 64 << 20;

/// Reads a job file.
///
/// # Errors
/// It is missing, a directory, too large, unreadable, or not UTF-8.
pub fn read(path: &Path) -> Result<String, SpecErrors> {
    let fail = |message: String, hint: Option<String>| Err(SpecErrors::from(error(path, message, hint)));
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            return fail("there is no such file".into(), similar_name(path));
        }
        Err(cause) => return fail(format!("can't be read: {cause}"), None),
    };
    if metadata.is_dir() {
        return fail("is a directory, not a job file".into(), None);
    }
    if metadata.len() > LARGEST {
        return Err(too_large(path, Some(metadata.len())));
    }
    let mut bytes = Vec::new();
    // The size of a pipe, a device or a growing file isn't known before it has been read.
    let taken = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    if let Err(cause) = taken {
        return fail(format!("can't be read: {cause}"), None);
    }
    if bytes.len() as u64 > LARGEST {
        return Err(too_large(path, None));
    }
    into_text(path, bytes)
}

fn into_text(path: &Path, bytes: Vec<u8>) -> Result<String, SpecErrors> {
    String::from_utf8(bytes).map_err(|cause| {
        let valid = cause.utf8_error().valid_up_to();
        let bytes = cause.as_bytes();
        let before = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default());
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let byte = bytes.get(valid).copied().unwrap_or_default();
        let mut error =
            error(path, format!("byte 0x{byte:02X} is not UTF-8"), Some("save the file as UTF-8".into()));
        error.place = Some((line, column));
        error.into()
    })
}

fn too_large(path: &Path, size: Option<u64>) -> SpecErrors {
    let size = size.map_or_else(String::new, |size| format!(" ({})", rounded(size)));
    let message = format!("is too large for a job file{size}: at most {}", format_size(LARGEST));
    let hint = "put the items into a file of their own and name it with `input.file`";
    error(path, message, Some(hint.into())).into()
}

/// A size for people, rounded down to a whole unit.
fn rounded(size: u64) -> String {
    let unit = 1_u64 << (size.max(1).ilog2() / 10 * 10);
    format_size(size / unit * unit)
}

fn error(path: &Path, message: String, hint: Option<String>) -> SpecError {
    SpecError { file: path.display().to_string(), place: None, key: String::new(), message, hint }
}

/// A file beside the missing one whose name looks like it.
fn similar_name(path: &Path) -> Option<String> {
    // A directory of a million files isn't worth the wait.
    const LOOK_AT: usize = 1_000;
    let wanted = path.file_name()?.to_str()?;
    let folder = path.parent()?;
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let names = fs::read_dir(listed)
        .ok()?
        .take(LOOK_AT)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let stems: Vec<String> = names.filter_map(|name| name.strip_suffix(".toml").map(str::to_owned)).collect();
    let near = nearest(wanted.strip_suffix(".toml").unwrap_or(wanted), &stems)?;
    Some(format!("did you mean `{}`?", folder.join(format!("{near}.toml")).display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(path: &Path) -> String {
        read(path).unwrap_err().to_string()
    }

    #[test]
    fn a_missing_file_is_told_with_its_neighbour() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("primes.toml"), "").unwrap();
        let message = failure(&folder.path().join("prmes.toml"));
        assert!(message.contains("prmes.toml: there is no such file"), "{message}");
        assert!(message.contains("did you mean `") && message.contains("primes.toml`?"), "{message}");
        let bare = failure(&folder.path().join("primes"));
        assert!(bare.contains("primes.toml`?"), "{bare}");
        let far = failure(&folder.path().join("something-else"));
        assert!(!far.contains("did you mean"), "{far}");
    }

    #[test]
    fn a_directory_is_no_job_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(failure(folder.path()).ends_with(": is a directory, not a job file"));
    }

    #[test]
    fn a_huge_file_is_refused_by_its_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge.toml");
        // Sparse: reading it would take a gigabyte of memory and a while, looking at its size nothing.
        File::create(&path).unwrap().set_len(1 << 30).unwrap();
        let message = failure(&path);
        assert!(message.contains("is too large for a job file (1GiB): at most 64MiB"), "{message}");
        assert!(message.contains("`input.file`"), "{message}");
    }

    #[test]
    fn an_endless_device_is_refused_too() {
        assert!(failure(Path::new("/dev/zero")).contains("is too large for a job file: at most 64MiB"));
    }

    #[test]
    fn a_byte_that_is_not_utf8_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latin.toml");
        fs::write(&path, b"kind = \"primes\"\nname = \"\xC3\xA9t\xE9\"\n").unwrap();
        let message = failure(&path);
        assert!(message.contains("latin.toml:2:11: byte 0xE9 is not UTF-8"), "{message}");
    }
}
