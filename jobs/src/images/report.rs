//! The value of a task: what happened to one image.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::setup::{Payload, Setup};
use super::step::Step;
use crate::{BadValue, Presenter};

/// What a worker says about one image; travels and is shown as JSON, whose keys are the columns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    /// The file that was written, relative as the job's `output.dir`; for tiles with `*` for the numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<String>,
    /// How many files were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) files: Option<u32>,
    /// The size of all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<u64>,
    /// Of the image as it was read, upright.
    pub(super) width: u64,
    pub(super) height: u64,
    pub(super) pixels: u64,
    /// The levels that Otsu's method found, image by image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) otsu: Option<Vec<u8>>,
    /// From `info`: the format that the file was in, the channels, the top left pixel and each channel's mean,
    /// where the step stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channels: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_left: Option<Vec<u8>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mean: Option<Vec<f64>>,
    /// For each channel, how many samples have each level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) histogram: Option<Vec<Vec<u32>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) micros: Option<Micros>,
}

/// Microseconds of each stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Micros {
    pub(super) read: u64,
    pub(super) decode: u64,
    pub(super) steps: u64,
    pub(super) encode: u64,
    pub(super) write: u64,
}

/// The columns that a job's values have, in the order of [`Report`]'s fields.
fn columns(setup: &Setup) -> Vec<&'static str> {
    let writes = setup.output.is_some();
    let info = setup.has(|step| matches!(step, Step::Info));
    let all = [
        ("output", writes),
        ("files", writes),
        ("bytes", writes),
        ("width", true),
        ("height", true),
        ("pixels", true),
        ("otsu", setup.has(|step| matches!(step, Step::Otsu { .. }))),
        ("format", info),
        ("channels", info),
        ("top_left", info),
        ("mean", info),
        ("histogram", setup.has(|step| matches!(step, Step::Histogram))),
        ("micros", setup.timings),
    ];
    all.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
}

/// Shows images' payloads and reports.
pub(super) struct ImagePresenter {
    columns: Vec<&'static str>,
}

impl ImagePresenter {
    pub(super) fn new(setup: &Setup) -> Self {
        Self { columns: columns(setup) }
    }

    /// The report in `value`, with exactly this job's columns.
    fn read(&self, value: &[u8]) -> Result<(Report, String), BadValue> {
        let bad = |error: serde_json::Error| BadValue(format!("no report about an image: {error}"));
        let report: Report = serde_json::from_slice(value).map_err(bad)?;
        let json = serde_json::to_value(&report).map_err(bad)?;
        let keys = json.as_object().into_iter().flat_map(|object| object.keys());
        if !keys.eq(self.columns.iter()) {
            return Err(BadValue("the report about an image lacks columns, or has others".into()));
        }
        Ok((report, json.to_string()))
    }
}

impl Presenter for ImagePresenter {
    fn columns(&self) -> &[&'static str] {
        &self.columns
    }

    fn input(&self, payload: &[u8], text: &mut String) -> Result<(), BadValue> {
        text.push_str(&decoded(payload)?.shown());
        Ok(())
    }

    fn value(&self, payload: &[u8], value: &[u8], json: &mut String) -> Result<(), BadValue> {
        decoded(payload)?;
        json.push_str(&self.read(value)?.1);
        Ok(())
    }

    fn text(&self, payload: &[u8], value: &[u8], line: &mut String) -> Result<(), BadValue> {
        let input = decoded(payload)?.shown();
        let (report, _) = self.read(value)?;
        report.describe(&input, line).map_err(|error| BadValue(error.to_string()))
    }
}

fn decoded(payload: &[u8]) -> Result<Payload<'_>, BadValue> {
    Payload::decode(payload).ok_or_else(|| BadValue("no payload of an images job".into()))
}

impl Report {
    fn describe(&self, input: &str, line: &mut String) -> std::fmt::Result {
        write!(line, "{input}: {} × {}", self.width, self.height)?;
        if let (Some(format), Some(channels)) = (&self.format, self.channels) {
            let colours = if channels == 1 { "grey" } else { "colour" };
            write!(line, " {colours} {format}")?;
        }
        if let Some(pixel) = &self.top_left {
            write!(line, ", top left {pixel:?}")?;
        }
        if let Some(mean) = &self.mean {
            write!(line, ", mean {mean:.2?}")?;
        }
        if let Some([level]) = self.otsu.as_deref() {
            write!(line, ", Otsu's level {level}")?;
        }
        if let (Some(output), Some(files), Some(bytes)) = (&self.output, self.files, self.bytes) {
            let files = if files == 1 { String::new() } else { format!("{files} files, ") };
            write!(line, " → {output} ({files}{bytes} bytes)")?;
        }
        Ok(())
    }
}
