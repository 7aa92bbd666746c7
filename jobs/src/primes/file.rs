//! Numbers from a file, one a line, read as they are needed: memory does not grow with the file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use protocol::Payloads;

use super::number::{MAX_DIGITS, Number};
use crate::{PlanError, Tasks};

/// The longest line, in bytes: the longest number, its sign and its zeros, spaces, a comment.
const MAX_LINE: usize = 2 * MAX_DIGITS;

/// A file of numbers: a regular file, open; or a named pipe, opened when the first number is wanted, as
/// opening it waits for its writer.
pub(super) struct NumberFile {
    path: PathBuf,
    reader: Option<BufReader<File>>,
    line: Vec<u8>,
    line_number: u64,
    numbers: u64,
}

/// Why a file can't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileProblem {
    /// The system says so.
    #[error("can't be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is a directory, a socket, a device.
    #[error("is neither a regular file nor a named pipe")]
    OtherType,
}

impl NumberFile {
    /// Looks whether the file is there and may be read; reads nothing.
    pub(super) fn find(path: &Path) -> Result<Self, FileProblem> {
        let file_type = std::fs::metadata(path)?.file_type();
        let reader = match file_type.is_file() {
            true => Some(BufReader::new(File::open(path)?)),
            false if file_type.is_fifo() => None,
            false => return Err(FileProblem::OtherType),
        };
        Ok(Self { path: path.to_owned(), reader, line: Vec::new(), line_number: 0, numbers: 0 })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn error(&self, problem: impl std::fmt::Display) -> PlanError {
        PlanError(format!("{}:{}: {problem}", self.path.display(), self.line_number))
    }

    /// Reads the next line into `self.line`; `false` at the end of the file.
    fn read_line(&mut self) -> Result<bool, PlanError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            unopened => {
                let file = File::open(&self.path)
                    .map_err(|error| PlanError(format!("{}: can't be read: {error}", self.path.display())))?;
                unopened.insert(BufReader::new(file))
            }
        };
        self.line.clear();
        self.line_number += 1;
        let read = reader.take(MAX_LINE as u64 + 1).read_until(b'\n', &mut self.line);
        match read {
            Err(error) => Err(self.error(format_args!("can't be read: {error}"))),
            Ok(length) if length > MAX_LINE => {
                Err(self.error(format_args!("the line is longer than {MAX_LINE} bytes")))
            }
            Ok(length) => Ok(length > 0),
        }
    }

    /// Appends the number of the current line, where it has one; what follows a `#` is a comment.
    fn take_number(&mut self, into: &mut Payloads) -> Result<(), PlanError> {
        let mut line = self.line.as_slice();
        if self.line_number == 1 {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        let written = line.split(|byte| *byte == b'#').next().unwrap_or(line).trim_ascii();
        if written.is_empty() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(written);
        let number = Number::parse(&text).map_err(|bad| self.error(bad))?;
        into.push_with(|payload| number.write(payload));
        self.numbers += 1;
        Ok(())
    }

    /// True where a whole line is already in memory, so that the next one does not wait for a writer.
    fn has_line(&self) -> bool {
        self.reader.as_ref().is_some_and(|reader| reader.buffer().contains(&b'\n'))
    }
}

impl Tasks for NumberFile {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let before = into.len();
        while into.len() - before < max {
            if into.len() > before && !self.has_line() {
                break;
            }
            if !self.read_line()? {
                if self.numbers == 0 {
                    return Err(PlanError(format!(
                        "{}: holds no numbers: write one a line",
                        self.path.display()
                    )));
                }
                return Ok(into.len() > before);
            }
            self.take_number(into)?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn numbers_of(content: &[u8]) -> Result<Vec<String>, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let mut tasks = NumberFile::find(file.path()).unwrap();
        let (mut payloads, mut more) = (Payloads::new(), true);
        while more {
            more = tasks.next(2, &mut payloads).map_err(|error| {
                error.to_string().replace(&file.path().display().to_string(), "numbers.txt")
            })?;
        }
        assert_eq!(tasks.next(2, &mut payloads), Ok(false), "the end stays the end");
        let printed = payloads.iter().map(|payload| {
            let mut text = String::new();
            Number::read(payload).unwrap().print(&mut text);
            text
        });
        Ok(printed.collect())
    }

    #[test]
    fn blank_lines_and_comments_are_skipped() {
        let content = b"\xEF\xBB\xBF2\r\n\n  # odd ones\n\t-3 # negative\n\n18446744073709551616";
        assert_eq!(numbers_of(content), Ok(vec!["2".into(), "-3".into(), "18446744073709551616".into()]));
    }

    #[test]
    fn a_bad_line_is_named() {
        assert_eq!(numbers_of(b"2\n\n12x\n"), Err("numbers.txt:3: \"12x\" is not an integer".into()));
        assert_eq!(numbers_of(b"2\n3 4\n"), Err("numbers.txt:2: \"3 4\" is not an integer".into()));
        let error = numbers_of(b"2\n\xFF\xFE\n").unwrap_err();
        assert!(error.starts_with("numbers.txt:2: ") && error.ends_with("is not an integer"), "{error}");
    }

    #[test]
    fn an_endless_line_is_refused_before_it_fills_the_memory() {
        let error = numbers_of(&vec![b'7'; 10 * MAX_LINE]).unwrap_err();
        assert_eq!(error, "numbers.txt:1: the line is longer than 40000 bytes");
    }

    #[test]
    fn a_file_without_numbers_is_refused() {
        let expected = Err("numbers.txt: holds no numbers: write one a line".to_owned());
        assert_eq!(numbers_of(b""), expected);
        assert_eq!(numbers_of(b"# none\n\n"), expected);
    }

    #[test]
    fn what_holds_no_lines_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let problem = |path: &Path| NumberFile::find(path).err().map(|problem| problem.to_string());
        assert_eq!(problem(folder.path()), Some("is neither a regular file nor a named pipe".into()));
        assert!(problem(&folder.path().join("none")).unwrap().contains("No such file"));
        assert!(problem(Path::new("/dev/null")).is_some());
    }

    #[test]
    fn a_pipe_hands_out_what_it_has_and_waits_for_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut tasks = NumberFile::find(&path).unwrap();
        std::thread::scope(|scope| {
            let (go_on, wait) = std::sync::mpsc::channel();
            scope.spawn(move || {
                let mut pipe = File::create(&path).unwrap();
                pipe.write_all(b"2\n3\n").unwrap();
                wait.recv().unwrap();
                pipe.write_all(b"5\n").unwrap();
            });
            let mut payloads = Payloads::new();
            while payloads.len() < 2 {
                assert_eq!(tasks.next(100, &mut payloads), Ok(true));
            }
            go_on.send(()).unwrap();
            while tasks.next(100, &mut payloads).unwrap() {}
            assert_eq!(payloads.len(), 3);
        });
    }
}
