//! Items from a file, a named pipe or the standard input, one a line, read as they are needed: memory does
//! not grow with their number, and a slow writer's items are handed on as they come.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use protocol::Payloads;

use crate::spec::SpecError;
use crate::{ItemsFrom, PlanError, Tasks};

/// Why a file can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileProblem {
    /// The system says so.
    #[error("can't be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is a folder.
    #[error("is a folder: name a file in it")]
    Folder,
    /// It is a socket, a device.
    #[error("is neither a regular file nor a named pipe")]
    OtherType,
}

/// Something to read that has been looked at. A named pipe and the standard input are opened when the first
/// line is wanted, as that waits for their writer.
#[derive(Debug)]
pub(crate) struct Readable {
    from: ItemsFrom,
    opened: Option<File>,
}

impl Readable {
    /// Looks whether it is there and may be read; reads nothing.
    pub(crate) fn find(from: &ItemsFrom) -> Result<Self, FileProblem> {
        let opened = match from {
            ItemsFrom::Stdin => None,
            ItemsFrom::File(path) => {
                let file_type = std::fs::metadata(path)?.file_type();
                match file_type.is_file() {
                    true => Some(File::open(path)?),
                    false if file_type.is_fifo() => None,
                    false if file_type.is_dir() => return Err(FileProblem::Folder),
                    false => return Err(FileProblem::OtherType),
                }
            }
        };
        Ok(Self { from: from.clone(), opened })
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> String {
        match &self.from {
            ItemsFrom::Stdin => "standard input".into(),
            ItemsFrom::File(path) => path.display().to_string(),
        }
    }

    /// The file that a run must not be resumed without.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.from {
            ItemsFrom::Stdin => None,
            ItemsFrom::File(path) => Some(path),
        }
    }

    /// Opens it.
    pub(crate) fn open(&mut self) -> Result<BufReader<File>, PlanError> {
        let file = match (self.opened.take(), &self.from) {
            (Some(file), _) => Ok(file),
            (None, ItemsFrom::File(path)) => File::open(path),
            (None, ItemsFrom::Stdin) => std::io::stdin().as_fd().try_clone_to_owned().map(File::from),
        };
        file.map(BufReader::new)
            .map_err(|error| PlanError(format!("{}: can't be read: {error}", self.name())))
    }
}

/// What is wrong with items that the command line names.
pub(crate) fn refuse(items: &ItemsFrom, problem: &FileProblem) -> SpecError {
    let key = match items {
        ItemsFrom::Stdin => "-".to_owned(),
        ItemsFrom::File(path) => path.display().to_string(),
    };
    SpecError { file: "--input".into(), place: None, key, message: problem.to_string(), hint: None }
}

/// Lines, one after the other.
#[derive(Debug)]
pub(crate) struct Lines {
    source: Readable,
    reader: Option<BufReader<File>>,
    line: Vec<u8>,
    number: u64,
    longest: usize,
}

impl Lines {
    /// The lines of `source`, each of at most `longest` bytes.
    pub(crate) fn new(source: Readable, longest: usize) -> Self {
        Self { source, reader: None, line: Vec::new(), number: 0, longest }
    }

    /// An error about the current line.
    pub(crate) fn error(&self, problem: impl std::fmt::Display) -> PlanError {
        PlanError(format!("{}:{}: {problem}", self.source.name(), self.number))
    }

    /// Reads the next line; `false` at the end.
    pub(crate) fn advance(&mut self) -> Result<bool, PlanError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            unopened => unopened.insert(self.source.open()?),
        };
        self.line.clear();
        self.number += 1;
        if self.number == 1
            && let Some(other) = reader.fill_buf().ok().and_then(crate::table::start::other_encoding)
        {
            return Err(PlanError(format!("{}: {other}", self.source.name())));
        }
        let read = reader.take(self.longest as u64 + 1).read_until(b'\n', &mut self.line);
        match read {
            Err(error) => Err(self.error(format_args!("can't be read: {error}"))),
            Ok(length) if length > self.longest => {
                Err(self.error(format_args!("the line is longer than {} bytes", self.longest)))
            }
            Ok(length) => Ok(length > 0),
        }
    }

    /// The current line, without its line break, and without the mark that some editors put first.
    pub(crate) fn line(&self) -> &[u8] {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.number == 1 { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line) } else { line }
    }

    /// True where a whole line is already in memory, so that the next one does not wait for a writer.
    fn has_line(&self) -> bool {
        self.reader.as_ref().is_some_and(|reader| reader.buffer().contains(&b'\n'))
    }
}

/// Turns a line into a payload, or into none; or says what is wrong with it.
pub(crate) type ReadLine = Box<dyn FnMut(&[u8], &mut Payloads) -> Result<(), String> + Send>;

/// A task a line.
pub(crate) struct LineTasks {
    lines: Lines,
    read: ReadLine,
    // What a line holds, for an empty file: `numbers`.
    what: &'static str,
    tasks: u64,
}

impl LineTasks {
    /// One task for each line that `read` makes a payload of.
    pub(crate) fn new(lines: Lines, what: &'static str, read: ReadLine) -> Self {
        Self { lines, read, what, tasks: 0 }
    }

    /// The files that a run must not be resumed without.
    pub(crate) fn inputs(&self) -> Vec<PathBuf> {
        self.lines.source.path().map(Path::to_owned).into_iter().collect()
    }

    /// A file that holds nothing is a mistake; a pipe may well have had nothing to say.
    fn end(&self) -> Result<(), PlanError> {
        let source = &self.lines.source;
        if self.tasks > 0 || source.path().is_none() {
            return Ok(());
        }
        Err(PlanError(format!("{}: holds no {}: write one a line", source.name(), self.what)))
    }
}

impl Tasks for LineTasks {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let before = into.len();
        while into.len() - before < max {
            if into.len() > before && !self.lines.has_line() {
                break;
            }
            if !self.lines.advance()? {
                self.end()?;
                return Ok(into.len() > before);
            }
            let had = into.len();
            (self.read)(self.lines.line(), into).map_err(|problem| self.lines.error(problem))?;
            self.tasks += (into.len() - had) as u64;
        }
        Ok(true)
    }
}

/// The items of a job file, already payloads.
pub(crate) struct List {
    payloads: Payloads,
    next: usize,
}

impl List {
    /// A task each.
    pub(crate) fn new(payloads: Payloads) -> Self {
        Self { payloads, next: 0 }
    }
}

impl Tasks for List {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let here = self.next..self.payloads.len().min(self.next.saturating_add(max));
        self.next = here.end;
        let more = !here.is_empty();
        here.filter_map(|index| self.payloads.get(index)).for_each(|payload| into.push(payload));
        Ok(more)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const LONGEST: usize = 100;

    fn tasks(path: &Path) -> LineTasks {
        let readable = Readable::find(&ItemsFrom::File(path.to_owned())).unwrap();
        let read: ReadLine = Box::new(|line, into| match line {
            b"bad" => Err("is bad".into()),
            b"" => Ok(()),
            _ => {
                into.push(line);
                Ok(())
            }
        });
        LineTasks::new(Lines::new(readable, LONGEST), "words", read)
    }

    fn words_of(content: &[u8]) -> Result<Vec<String>, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let mut tasks = tasks(file.path());
        let (mut payloads, mut more) = (Payloads::new(), true);
        while more {
            more = tasks.next(2, &mut payloads).map_err(|error| {
                error.to_string().replace(&file.path().display().to_string(), "words.txt")
            })?;
        }
        assert_eq!(tasks.next(2, &mut payloads), Ok(false), "the end stays the end");
        Ok(payloads.iter().map(|payload| String::from_utf8_lossy(payload).into_owned()).collect())
    }

    #[test]
    fn line_breaks_and_the_mark_are_not_part_of_a_line() {
        assert_eq!(
            words_of(b"\xEF\xBB\xBFa\r\n\n b \nc"),
            Ok(vec!["a".to_owned(), " b ".to_owned(), "c".to_owned()])
        );
    }

    #[test]
    fn a_bad_line_and_an_endless_one_are_named() {
        assert_eq!(words_of(b"a\n\nbad\n"), Err("words.txt:3: is bad".into()));
        let error = words_of(&vec![b'7'; 10 * LONGEST]).unwrap_err();
        assert_eq!(error, "words.txt:1: the line is longer than 100 bytes");
    }

    #[test]
    fn text_in_another_encoding_is_called_by_its_name() {
        let utf_16: Vec<u8> = "\u{feff}2\n3\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let error = words_of(&utf_16).unwrap_err();
        assert!(error.starts_with("words.txt: is text in UTF-16; save it as UTF-8"), "{error}");
    }

    #[test]
    fn a_file_with_nothing_in_it_is_refused() {
        assert_eq!(words_of(b"\n\n"), Err("words.txt: holds no words: write one a line".into()));
    }

    #[test]
    fn what_holds_no_lines_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let problem = |path: &Path| {
            Readable::find(&ItemsFrom::File(path.to_owned())).err().map(|problem| problem.to_string())
        };
        assert_eq!(problem(folder.path()), Some("is a folder: name a file in it".into()));
        assert!(problem(&folder.path().join("none")).unwrap().contains("No such file"));
        assert_eq!(
            problem(Path::new("/dev/null")),
            Some("is neither a regular file nor a named pipe".into())
        );
    }

    #[test]
    fn a_pipe_hands_out_what_it_has_and_waits_for_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut tasks = tasks(&path);
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
