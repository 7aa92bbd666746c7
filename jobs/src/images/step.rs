//! What a pipeline does, read from `[[params.step]]` tables.

use serde::{Deserialize, Serialize};

use super::kernels::{Flip, Polarity, ResizeFilter, ThresholdKind};

/// One step of a pipeline, checked: whatever it says can be done to some image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Step {
    Grayscale,
    Threshold { level: i32, max: u8, kind: ThresholdKind },
    Otsu { max: u8, kind: ThresholdKind },
    Adaptive { method: Adaptive, block: usize, c: f64, max: u8, polarity: Polarity },
    Resize { size: Size, filter: ResizeFilter },
    Blur(Blur),
    Sobel,
    Canny { low: i32, high: i32 },
    Crop { x: usize, y: usize, width: usize, height: usize },
    Tile { rows: usize, columns: usize },
    // Quarter turns, clockwise.
    Rotate { quarters: u8 },
    Flip(Flip),
    Invert,
    Histogram,
    Info,
}

/// What the neighbourhood's mean is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Adaptive {
    Mean,
    Gaussian,
}

/// The size to resize to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Size {
    Exact { width: usize, height: usize },
    Inside { width: usize, height: usize },
    Width(usize),
    Height(usize),
}

/// How to blur; sizes are odd.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Blur {
    Box { size: usize },
    Gaussian { size: usize, sigma: Option<f64> },
    Median { size: usize },
}

impl Step {
    /// True for steps whose result is grey, whatever they are given.
    pub(super) fn needs_gray(&self) -> bool {
        matches!(
            self,
            Self::Grayscale | Self::Otsu { .. } | Self::Adaptive { .. } | Self::Sobel | Self::Canny { .. }
        )
    }

    /// True for steps that look at the image and leave it alone.
    pub(super) fn observes(&self) -> bool {
        matches!(self, Self::Histogram | Self::Info)
    }
}
