//! What all workers of a run do.

/// What all workers of a run do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The kind's name.
    pub kind: String,
    /// What the kind's plan says that every worker must know.
    pub setup: Vec<u8>,
}
