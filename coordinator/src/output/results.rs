//! Results: one run's outcomes to every place where they are wanted.

use std::io::Write;
use std::path::PathBuf;

use jobs::Presenter;

use super::columns::Columns;
use super::csv::CsvLines;
use super::destination::{Destination, is_device};
use super::escape::printable;
use super::jsonl::JsonLines;
use super::text::Look;
use super::{Existing, Format, OutputError, check_target, text};
use crate::outcome::{Outcome, OutcomeBatch};

/// What to write, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultSettings {
    /// Results on the standard output.
    pub screen: Option<ScreenSettings>,
    /// Results in a file.
    pub file: Option<FileSettings>,
    /// Leave out what differs between runs: attempts, workers, times.
    pub reproducible: bool,
}

/// Results on the standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreenSettings {
    /// How they are written.
    pub format: Format,
    /// In text: say which worker did it.
    pub worker: bool,
    /// In text: failures in red.
    pub colour: bool,
}

/// Results in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSettings {
    /// Where.
    pub path: PathBuf,
    /// How they are written.
    pub format: Format,
    /// What becomes of a file that is there already.
    pub existing: Existing,
}

impl ResultSettings {
    /// Checks what can be known before anything is written.
    ///
    /// # Errors
    /// The file can't be where it should.
    pub fn check(&self) -> Result<(), OutputError> {
        match &self.file {
            Some(file) if !is_device(&file.path) => check_target(&file.path, file.existing),
            _ => Ok(()),
        }
    }
}

/// Takes a run's outcomes, many at a time, and writes them in the order in which they come.
pub struct Results {
    presenter: Box<dyn Presenter>,
    outlets: Vec<Outlet>,
}

/// A write of this many bytes is as good as a larger one, and fits the processor's cache.
const FLUSH_AT: usize = 128 << 10;

struct Outlet {
    lines: Lines,
    columns: Columns,
    // Kept from batch to batch, so that a line costs no allocation.
    buffer: String,
    destination: Destination,
}

enum Lines {
    Text(Look),
    Jsonl(JsonLines),
    Csv(CsvLines),
}

impl Results {
    /// Opens every destination; results for the screen go to the standard output.
    ///
    /// # Errors
    /// A file can't be created. Nothing is left behind then.
    pub fn open(settings: &ResultSettings, presenter: Box<dyn Presenter>) -> Result<Self, OutputError> {
        Self::open_with(settings, presenter, Box::new(std::io::stdout()))
    }

    /// As [`open`](Self::open), with another writer in the place of the standard output.
    ///
    /// # Errors
    /// As for [`open`](Self::open); or the writer refuses the header.
    pub fn open_with(
        settings: &ResultSettings,
        presenter: Box<dyn Presenter>,
        screen: Box<dyn Write + Send>,
    ) -> Result<Self, OutputError> {
        let columns = if settings.reproducible { Columns::Reproducible } else { Columns::All };
        let mut outlets = Vec::new();
        // The file first: what can fail is tried before anything is on the screen.
        if let Some(file) = &settings.file {
            let destination = Destination::open(&file.path, file.existing)?;
            outlets.push(Outlet::new(Lines::new(file.format, Look::default()), columns, destination));
        }
        if let Some(to) = settings.screen {
            let look = Look { worker: to.worker && !settings.reproducible, colour: to.colour };
            outlets.push(Outlet::new(Lines::new(to.format, look), columns, Destination::Screen(screen)));
        }
        for outlet in &mut outlets {
            outlet.write_header(&*presenter)?;
        }
        Ok(Self { presenter, outlets })
    }

    /// Writes a batch; see [`write_all`](Self::write_all).
    ///
    /// # Errors
    /// As for [`write_all`](Self::write_all).
    pub fn write(&mut self, batch: &OutcomeBatch) -> Result<(), OutputError> {
        self.write_all(|| batch.iter())
    }

    /// Writes what `outcomes` gives, which is asked once for each destination: one write for each, or a few where there
    /// is much. All of it has left when this returns, but for the end of a long file, which may be on its way.
    ///
    /// # Errors
    /// [`OutputError::Closed`] where the reader of the standard output has gone; otherwise the system refuses.
    pub fn write_all<'a, I>(&mut self, outcomes: impl Fn() -> I) -> Result<(), OutputError>
    where
        I: Iterator<Item = Outcome<'a>>,
    {
        for outlet in &mut self.outlets {
            outlet.write(outcomes(), &*self.presenter)?;
        }
        Ok(())
    }

    /// Writes the combined result, which ends the text on the standard output.
    ///
    /// # Errors
    /// As for [`write_all`](Self::write_all).
    pub fn push_combined(&mut self, line: &str) -> Result<(), OutputError> {
        for outlet in &mut self.outlets {
            if let (Lines::Text(_), Destination::Screen(_)) = (&outlet.lines, &outlet.destination) {
                outlet.buffer.push_str(&printable(line));
                outlet.buffer.push('\n');
                outlet.flush()?;
            }
        }
        Ok(())
    }

    /// What turns payloads and values into text.
    pub fn presenter(&self) -> &dyn Presenter {
        &*self.presenter
    }

    /// All outcomes are written: files take their places.
    ///
    /// # Errors
    /// The system refuses.
    pub fn finish(self) -> Result<(), OutputError> {
        self.outlets.into_iter().try_for_each(|outlet| outlet.destination.finish())
    }

    /// True where a file takes its place in the end.
    pub fn has_file(&self) -> bool {
        self.outlets.iter().any(|outlet| matches!(outlet.destination, Destination::File(_)))
    }

    /// Not all outcomes are written, and those that are shall be kept: the paths of partial files.
    ///
    /// # Errors
    /// The system refuses.
    pub fn keep(self) -> Result<Vec<PathBuf>, OutputError> {
        let kept: Result<Vec<_>, _> =
            self.outlets.into_iter().map(|outlet| outlet.destination.keep()).collect();
        Ok(kept?.into_iter().flatten().collect())
    }
}

impl Lines {
    fn new(format: Format, look: Look) -> Self {
        match format {
            Format::Text => Self::Text(look),
            Format::Jsonl => Self::Jsonl(JsonLines::default()),
            Format::Csv => Self::Csv(CsvLines::default()),
        }
    }
}

impl Outlet {
    fn new(lines: Lines, columns: Columns, destination: Destination) -> Self {
        Self { lines, columns, buffer: String::new(), destination }
    }

    fn write_header(&mut self, presenter: &dyn Presenter) -> Result<(), OutputError> {
        if let Lines::Csv(_) = self.lines {
            CsvLines::push_header(presenter, self.columns, &mut self.buffer);
        }
        self.flush()
    }

    fn write<'a>(
        &mut self,
        outcomes: impl Iterator<Item = Outcome<'a>>,
        presenter: &dyn Presenter,
    ) -> Result<(), OutputError> {
        for outcome in outcomes {
            match &mut self.lines {
                Lines::Text(look) => text::push_line(&outcome, presenter, *look, &mut self.buffer),
                Lines::Jsonl(lines) => lines.push_line(&outcome, presenter, self.columns, &mut self.buffer),
                Lines::Csv(lines) => lines.push_line(&outcome, presenter, self.columns, &mut self.buffer),
            }
            if self.buffer.len() >= FLUSH_AT {
                self.flush()?;
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.destination.append(&mut self.buffer)
    }
}
