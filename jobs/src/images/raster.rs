//! Decoded images, and the buffers they live in.

/// An image of 8-bit samples: rows from the top, pixels from the left, channels interleaved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    // Invariant: width, height ≥ 1, channels is 1 or 3, data.len() = width × height × channels.
    width: usize,
    height: usize,
    channels: usize,
    data: Vec<u8>,
}

impl Raster {
    /// An image of these samples; `None` where their number does not fit the shape, where the shape is
    /// empty, or where there are neither one (grey) nor three channels (red, green, blue).
    pub fn new(width: usize, height: usize, channels: usize, data: Vec<u8>) -> Option<Self> {
        let samples = width.checked_mul(height)?.checked_mul(channels)?;
        let sound = samples > 0 && samples == data.len() && (channels == 1 || channels == 3);
        sound.then_some(Self { width, height, channels, data })
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Samples of a pixel: 1 (grey) or 3 (red, green, blue).
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Samples in a row.
    pub fn row_len(&self) -> usize {
        self.width * self.channels
    }

    /// How many pixels it has.
    pub fn pixels(&self) -> usize {
        self.width * self.height
    }

    /// All samples.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// All samples, to change.
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// The samples of row `y`, which must be below the height.
    pub fn row(&self, y: usize) -> &[u8] {
        let len = self.row_len();
        &self.data[y * len..][..len]
    }

    /// All rows, from the top.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.data.chunks_exact(self.row_len())
    }

    /// Its buffer, to use again.
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }
}

/// Buffers to use again: a fresh large one costs a page fault for every 4 KiB.
#[derive(Debug, Default)]
pub struct Buffers {
    spare: Vec<Vec<u8>>,
}

impl Buffers {
    /// More spare buffers than a pipeline turns over at once are of no use.
    const MAX_SPARE: usize = 4;

    /// No buffers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer of `len` bytes that hold anything.
    pub fn take(&mut self, len: usize) -> Vec<u8> {
        // The smallest that is large enough, or else the largest, so that large ones stay for large images.
        let fits = |buffer: &Vec<u8>| (buffer.capacity() < len, buffer.capacity().abs_diff(len));
        let best = self.spare.iter().enumerate().min_by_key(|(_, buffer)| fits(buffer));
        let index = best.map(|(index, _)| index);
        let mut buffer = index.map(|index| self.spare.swap_remove(index)).unwrap_or_default();
        if buffer.capacity() < len {
            // Growing would copy what nobody wants any more, and a zeroed allocation comes without a pass.
            return vec![0; len];
        }
        buffer.resize(len, 0);
        buffer
    }

    /// Takes a buffer back.
    pub fn give(&mut self, buffer: Vec<u8>) {
        if self.spare.len() == Self::MAX_SPARE {
            let smallest = self.spare.iter().enumerate().min_by_key(|(_, spare)| spare.capacity());
            if let Some((index, _)) = smallest {
                self.spare.swap_remove(index);
            }
        }
        self.spare.push(buffer);
    }

    /// An empty copy of `image`'s shape with `channels` channels, whose samples hold anything.
    pub(crate) fn like(&mut self, image: &Raster, channels: usize) -> Raster {
        self.raster(image.width, image.height, channels)
    }

    /// An image of this shape whose samples hold anything. The shape must not be empty.
    pub(crate) fn raster(&mut self, width: usize, height: usize, channels: usize) -> Raster {
        debug_assert!(width > 0 && height > 0 && (channels == 1 || channels == 3));
        Raster { width, height, channels, data: self.take(width * height * channels) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_as_many_samples_as_its_shape_says() {
        assert!(Raster::new(2, 3, 3, vec![0; 18]).is_some());
        assert!(Raster::new(2, 3, 1, vec![0; 7]).is_none());
        assert!(Raster::new(0, 3, 1, vec![]).is_none());
        assert!(Raster::new(2, 1, 2, vec![0; 4]).is_none());
        assert!(Raster::new(usize::MAX, 2, 1, vec![]).is_none());
    }

    #[test]
    fn a_buffer_given_back_is_the_next_one_taken() {
        let mut buffers = Buffers::new();
        buffers.give(vec![1; 100]);
        buffers.give(vec![2; 1000]);
        assert_eq!(buffers.take(90).len(), 90);
        assert!(buffers.take(10).capacity() >= 1000, "the large one is what is left");
    }
}
