//! The worker's side: one image through all stages.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Instant;

use protocol::{Handler, Task, TaskError};
use rustix::fs::OFlags;

use super::apply::Bench;
use super::decode::{self, DecodeError, Wanted};
use super::encode;
use super::outputs::tile_suffix;
use super::raster::Raster;
use super::report::{Micros, Report};
use super::setup::{Output, Payload, Setup};
use super::write;

/// Runs images through the setup's steps; keeps its buffers from image to image.
pub(super) struct Pipeline {
    setup: Setup,
    max_pixels: u64,
    bench: Bench,
    file: Vec<u8>,
    encoded: Vec<u8>,
}

impl Handler for Pipeline {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let payload = Payload::decode(task.payload)
            .ok_or_else(|| TaskError::new("the payload is not one of an images job"))?;
        // The input itself stands beside the failure, wherever that is shown.
        let report = self.image(&payload)?;
        let json = serde_json::to_vec(&report).map_err(|error| TaskError::new(error.to_string()))?;
        value.extend_from_slice(&json);
        Ok(())
    }
}

impl Pipeline {
    pub(super) fn new(setup: Setup) -> Self {
        // The limit that the worker has set itself, or been set.
        let memory = rustix::process::getrlimit(rustix::process::Resource::As).current;
        let max_pixels = setup.max_pixels(memory);
        Self { bench: Bench::new(max_pixels), max_pixels, setup, file: Vec::new(), encoded: Vec::new() }
    }

    fn image(&mut self, payload: &Payload<'_>) -> Result<Report, TaskError> {
        let mut watch = Stopwatch::start();
        self.read(&self.setup.base.join(OsStr::from_bytes(payload.input)))?;
        watch.lap(|micros| &mut micros.read);

        let Setup { luma, background, .. } = self.setup;
        let wanted = Wanted { max_pixels: self.max_pixels, luma, background };
        let (image, format) = decode::decode(&self.file, wanted, &mut self.bench.buffers)?;
        watch.lap(|micros| &mut micros.decode);

        let mut report = Report {
            width: image.width() as u64,
            height: image.height() as u64,
            pixels: image.pixels() as u64,
            ..Report::default()
        };
        let images = self.bench.run(&self.setup.steps, image, format, &mut report)?;
        watch.lap(|micros| &mut micros.steps);

        if let Some(output) = &self.setup.output {
            self.encoded.clear();
            save(&images, &self.setup, output, payload.stem, &mut self.encoded, &mut report, &mut watch)?;
        }
        images.into_iter().for_each(|image| self.bench.buffers.give(image.into_data()));
        report.micros = self.setup.timings.then_some(watch.micros);
        Ok(report)
    }

    /// Reads the file at `path` into the buffer, as far as a file may go.
    fn read(&mut self, path: &Path) -> Result<(), TaskError> {
        let limit = decode::max_file_bytes(self.max_pixels);
        self.file.clear();
        let fail = |error: std::io::Error| failure(format!("can't be read: {error}"), error.kind());
        // Without waiting: what was a file when the job was planned may be a pipe without a writer by now.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file =
            File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path).map_err(fail)?;
        if !file.metadata().map_err(fail)?.is_file() {
            return Err(TaskError::new("is no regular file").for_good());
        }
        let read = file.take(limit.saturating_add(1)).read_to_end(&mut self.file).map_err(fail)?;
        if read as u64 > limit {
            return Err(TaskError::memory(format!("the file is larger than {limit} bytes")).for_good());
        }
        Ok(())
    }
}

/// Encodes and writes all images, and says so in the report. `file` is scratch.
fn save(
    images: &[Raster],
    setup: &Setup,
    output: &Output,
    stem: &[u8],
    file: &mut Vec<u8>,
    report: &mut Report,
    watch: &mut Stopwatch,
) -> Result<(), TaskError> {
    let (tiles, mask) = (setup.tiles(), setup.makes_masks());
    let mut bytes = 0;
    for (index, image) in images.iter().enumerate() {
        file.clear();
        encode::encode(image, output.format, output.quality, mask, file).map_err(|error| {
            TaskError::new(format!("can't be written as {:?}: {error}", output.format)).for_good()
        })?;
        watch.lap(|micros| &mut micros.encode);
        let path = output.path(&output.dir, stem, &tile_suffix(tiles, Some(index)));
        write::put(&path, file, output.force)
            .map_err(|error| failure(format!("can't write {}: {error}", path.display()), error.kind()))?;
        watch.lap(|micros| &mut micros.write);
        bytes += file.len() as u64;
    }
    let shown = output.path(Path::new(&output.shown), stem, &tile_suffix(tiles, None));
    report.output = Some(shown.to_string_lossy().into_owned());
    report.files = u32::try_from(images.len()).ok();
    report.bytes = Some(bytes);
    Ok(())
}

/// A failure of the file system's, for good if it says that nothing is there, or nothing of that kind, or nothing
/// for us: a second look finds the same.
fn failure(message: String, kind: ErrorKind) -> TaskError {
    let certain = matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::AlreadyExists
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidFilename
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::FileTooLarge
    );
    let error = TaskError::new(message);
    if certain { error.for_good() } else { error }
}

impl From<DecodeError> for TaskError {
    fn from(error: DecodeError) -> Self {
        // The same file would be decoded in the same way.
        let error = match error {
            DecodeError::TooLarge(..) | DecodeError::Memory(_) => Self::memory(error.to_string()),
            DecodeError::Broken(_) => Self::new(error.to_string()),
        };
        error.for_good()
    }
}

/// Says how long each stage took.
struct Stopwatch {
    last: Instant,
    micros: Micros,
}

impl Stopwatch {
    fn start() -> Self {
        Self { last: now(), micros: Micros::default() }
    }

    /// Books the time since the last lap.
    fn lap(&mut self, stage: impl FnOnce(&mut Micros) -> &mut u64) {
        let now = now();
        *stage(&mut self.micros) += now.duration_since(self.last).as_micros() as u64;
        self.last = now;
    }
}

#[expect(clippy::disallowed_methods, reason = "the stages are measured where they run: in the worker")]
fn now() -> Instant {
    Instant::now()
}
