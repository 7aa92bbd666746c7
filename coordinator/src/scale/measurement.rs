//! What is measured.

/// A time that was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// How many workers.
    pub workers: u32,
    /// Which repetition, from 1.
    pub repeat: u32,
    /// How long the job took, in seconds; above zero.
    pub seconds: f64,
}
