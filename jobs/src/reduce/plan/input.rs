//! The input of a job, as planning knows it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::reduce::dtype::Dtype;
use crate::reduce::file::Pinned;
use crate::reduce::payload::Item;
use crate::reduce::setup::Source;

/// Where the numbers are.
#[derive(Debug, Clone)]
pub(super) enum Input {
    Items(Arc<[Item]>),
    Range { from: i64, to: i64 },
    Arrays { dtype: Dtype, files: Arc<[Array]> },
    Tables { delimiter: u8, label: String, files: Arc<[Rows]> },
}

/// A file of elements.
#[derive(Debug, Clone)]
pub(super) struct Array {
    pub(super) file: Pinned,
    /// Bytes before the first element.
    pub(super) offset: u64,
    /// Elements.
    pub(super) count: u64,
}

/// A table.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub(super) file: Pinned,
    /// Bytes before the first row.
    pub(super) first: u64,
    /// Counted from 0.
    pub(super) column: usize,
    /// True where it is known to have no row.
    pub(super) is_empty: bool,
}

impl Input {
    /// The files.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        match self {
            Self::Items(_) | Self::Range { .. } => Vec::new(),
            Self::Arrays { files, .. } => files.iter().map(|array| array.file.path.clone()).collect(),
            Self::Tables { files, .. } => files.iter().map(|rows| rows.file.path.clone()).collect(),
        }
    }

    /// How many numbers there are, where that can be known without reading them all.
    pub(super) fn count(&self) -> Option<u64> {
        match self {
            Self::Items(items) => Some(items.len() as u64),
            Self::Range { from, to } => Some(to.abs_diff(*from)),
            // Elements have a byte at least, and no file system holds 2⁶⁴ of them.
            Self::Arrays { files, .. } => {
                Some(files.iter().fold(0, |sum, file| file.count.saturating_add(sum)))
            }
            // How many rows a table has, only reading all of it tells; but for one that has none.
            Self::Tables { files, .. } => files.iter().all(|rows| rows.is_empty).then_some(0),
        }
    }

    /// True where the numbers are known to have fractions.
    pub(super) fn is_float(&self) -> bool {
        match self {
            Self::Items(items) => items.iter().any(|item| matches!(item, Item::Float(_))),
            Self::Arrays { dtype, .. } => dtype.is_float(),
            Self::Range { .. } | Self::Tables { .. } => false,
        }
    }

    pub(super) fn source(&self) -> Source {
        match self {
            Self::Items(_) => Source::Items,
            Self::Range { .. } => Source::Range,
            Self::Arrays { dtype, .. } => Source::Array(*dtype),
            Self::Tables { delimiter, label, .. } => {
                Source::Table { delimiter: *delimiter, label: label.clone() }
            }
        }
    }
}
