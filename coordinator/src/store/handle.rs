//! An open store.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

/// The file that runs are stored in.
#[derive(Debug)]
pub struct Store {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
}

impl Store {
    /// Where the file is; absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
