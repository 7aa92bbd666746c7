//! What lies beyond an image's edges.

/// How an image goes on beyond its edges, in OpenCV's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Border {
    /// `aaa|abcd|ddd`
    Replicate,
    /// `dcb|abcd|cba`
    Reflect101,
}

impl Border {
    /// The index in `0..len` that stands for `index`, which may lie any distance outside; `len` ≥ 1.
    pub(super) fn index(self, index: isize, len: usize) -> usize {
        let last = len as isize - 1;
        let inside = match self {
            Self::Replicate => index.clamp(0, last),
            Self::Reflect101 if last == 0 => 0,
            Self::Reflect101 => {
                let place = index.rem_euclid(2 * last);
                if place > last { 2 * last - place } else { place }
            }
        };
        inside as usize
    }

    /// Fills the `margin` pixels on both sides of the `width` pixels in the middle of `row`, where each
    /// pixel has `channels` samples.
    pub(super) fn pad<T: Copy>(self, row: &mut [T], width: usize, margin: usize, channels: usize) {
        for step in 1..=margin {
            let left = margin + self.index(-(step as isize), width);
            let right = margin + self.index((width - 1 + step) as isize, width);
            for channel in 0..channels {
                row[(margin - step) * channels + channel] = row[left * channels + channel];
                row[(margin + width - 1 + step) * channels + channel] = row[right * channels + channel];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_go_on_as_opencv_draws_them() {
        let line = |border: Border| (-4..8).map(|index| border.index(index, 4)).collect::<Vec<_>>();
        assert_eq!(line(Border::Replicate), [0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 3, 3]);
        assert_eq!(line(Border::Reflect101), [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]);
        assert_eq!(Border::Reflect101.index(-3, 1), 0);
    }

    #[test]
    fn both_margins_of_a_colour_row_are_filled() {
        let mut row = [0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0];
        Border::Reflect101.pad(&mut row, 2, 2, 2);
        assert_eq!(row, [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
    }
}
