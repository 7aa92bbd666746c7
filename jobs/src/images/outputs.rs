//! What the files that tasks write are called.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::setup::{Output, Payload, Setup};
use crate::{BadValue, Outputs};

/// Names the files of each task.
pub(super) struct ImageOutputs {
    output: Output,
    tiles: Option<(usize, usize)>,
}

impl ImageOutputs {
    /// `None` where the job writes no images.
    pub(super) fn new(setup: Setup) -> Option<Self> {
        let tiles = setup.tiles();
        setup.output.map(|output| Self { output, tiles })
    }
}

impl Outputs for ImageOutputs {
    fn files(&self, payload: &[u8]) -> Result<Vec<PathBuf>, BadValue> {
        let payload =
            Payload::decode(payload).ok_or_else(|| BadValue("no payload of an images job".into()))?;
        let count = self.tiles.map_or(1, |(rows, columns)| rows.saturating_mul(columns));
        let file =
            |index| self.output.path(&self.output.dir, payload.stem, &tile_suffix(self.tiles, Some(index)));
        Ok((0..count).map(file).collect())
    }
}

/// What the name of tile `index` ends in, with as many digits as the last tile needs (at least two); stars
/// stand for all tiles. Nothing where images are not cut.
pub(super) fn tile_suffix(tiles: Option<(usize, usize)>, index: Option<usize>) -> String {
    let Some((rows, columns)) = tiles else { return String::new() };
    let Some(index) = index else { return "_r*_c*".to_owned() };
    let digits = |count: usize| (count - 1).to_string().len().max(2);
    let (row, column) = (index / columns, index % columns);
    format!("_r{row:0down$}_c{column:0across$}", down = digits(rows), across = digits(columns))
}

impl Output {
    /// The file below `dir` for an image.
    pub(super) fn path(&self, dir: &Path, stem: &[u8], suffix: &str) -> PathBuf {
        let name = [stem, suffix.as_bytes(), b".", self.format.extension().as_bytes()].concat();
        dir.join(OsStr::from_bytes(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_numbered_so_that_names_sort() {
        assert_eq!(tile_suffix(Some((20, 20)), Some(0)), "_r00_c00");
        assert_eq!(tile_suffix(Some((20, 101)), Some(101 * 3 + 7)), "_r03_c007");
        assert_eq!(tile_suffix(Some((20, 20)), None), "_r*_c*");
        assert_eq!(tile_suffix(None, Some(0)), "");
    }
}
