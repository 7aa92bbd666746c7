//! What every worker of an images job is told once.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::encode::Format;
use super::step::Step;

/// The plan's decisions, sent as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setup {
    /// The job file's folder, absolute: where relative inputs start.
    pub(super) base: PathBuf,
    pub(super) output: Option<Output>,
    /// As the job file says; otherwise it goes with a worker's memory.
    pub(super) max_pixels: Option<u64>,
    /// What shows through where images are transparent; absent: alpha is dropped, and colours stay as they are stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) background: Option<[u8; 3]>,
    /// Take a JPEG's brightness plane instead of its colours.
    pub(super) luma: bool,
    pub(super) timings: bool,
    pub(super) steps: Vec<Step>,
}

/// Where images go, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Output {
    /// Absolute.
    pub(super) dir: PathBuf,
    /// As the job file has it, for people.
    pub(super) shown: String,
    pub(super) format: Format,
    pub(super) quality: u8,
    /// Replace files that differ.
    pub(super) force: bool,
}

/// Bytes of memory for each pixel of the largest image: its file decoded, with 16 bits a sample or as coefficients, and
/// what a step makes of it beside.
const PIXEL_BYTES: u64 = 16;
/// What a worker is taken to have where it has no limit.
const MEMORY: u64 = 4 << 30;

impl Setup {
    /// The most pixels of an image, in a worker that may have `memory` bytes.
    pub(super) fn max_pixels(&self, memory: Option<u64>) -> u64 {
        self.max_pixels.unwrap_or_else(|| (memory.unwrap_or(MEMORY) / PIXEL_BYTES).max(1))
    }

    pub(super) fn tiles(&self) -> Option<(usize, usize)> {
        self.steps.iter().find_map(|step| match step {
            Step::Tile { rows, columns } => Some((*rows, *columns)),
            _ => None,
        })
    }

    pub(super) fn has(&self, wanted: impl Fn(&Step) -> bool) -> bool {
        self.steps.iter().any(wanted)
    }

    /// True where images leave the pipeline with two levels or few: such compress best unfiltered.
    pub(super) fn makes_masks(&self) -> bool {
        let keeps_levels = |step: &&Step| {
            let moves =
                matches!(step, Step::Crop { .. } | Step::Tile { .. } | Step::Rotate { .. } | Step::Flip(_));
            moves || matches!(step, Step::Invert) || step.observes()
        };
        let last = self.steps.iter().rev().find(|step| !keeps_levels(step));
        matches!(
            last,
            Some(Step::Threshold { .. } | Step::Otsu { .. } | Step::Adaptive { .. } | Step::Canny { .. })
        )
    }
}

/// One task: which file, and what its outputs are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Payload<'a> {
    /// The input's path, relative to the job file's folder or absolute.
    pub(super) input: &'a [u8],
    /// The output's path below the output folder, without extension.
    pub(super) stem: &'a [u8],
}

impl<'a> Payload<'a> {
    /// The bytes that travel: no path holds a zero.
    pub(super) fn encode(&self) -> Vec<u8> {
        [self.input, self.stem].join(&0)
    }

    /// `None` where the bytes are no payload of this kind.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut parts = bytes.split(|byte| *byte == 0);
        let payload = Self { input: parts.next()?, stem: parts.next()? };
        parts.next().is_none().then_some(payload)
    }

    /// The input's path as text.
    pub(super) fn shown(&self) -> std::borrow::Cow<'a, str> {
        String::from_utf8_lossy(self.input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_image_goes_with_the_memory() {
        let setup = |max_pixels| Setup {
            base: PathBuf::new(),
            output: None,
            max_pixels,
            background: None,
            luma: false,
            timings: false,
            steps: Vec::new(),
        };
        assert_eq!(setup(None).max_pixels(Some(2 << 30)), 134_217_728, "a phone's 108 MP fit into 2 GiB");
        assert_eq!(setup(None).max_pixels(None), 268_435_456);
        assert_eq!(setup(Some(5)).max_pixels(Some(2 << 30)), 5, "what is said wins");
    }

    #[test]
    fn a_payload_survives_the_way_to_a_worker() {
        let payload = Payload { input: b"photos/\xFF.jpg", stem: b"\xFF" };
        assert_eq!(Payload::decode(&payload.encode()), Some(payload));
        assert_eq!(Payload::decode(b"one part"), None);
        assert_eq!(Payload::decode(b"one\0two\0three"), None);
    }
}
