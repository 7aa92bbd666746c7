//! Canny's edges (J. Canny, 1986), equal to OpenCV's `Canny` with its default aperture (3) and norm (L1).

use super::border::Border;
use super::edges::gradients;
use crate::images::raster::{Buffers, Raster};

/// What a pixel may be while edges are followed.
const NONE: u8 = 0;
const WEAK: u8 = 1;
const EDGE: u8 = 255;

/// White lines one pixel wide where the gradient (|gx| + |gy|) of a grey image has a ridge above `high`, and
/// where ridges above `low` are joined to those. Levels are rounded down; `low` ≤ `high`.
pub fn canny(gray: &Raster, low: i32, high: i32, buffers: &mut Buffers) -> Raster {
    let gradient = Gradient::of(gray);
    let mut edges = buffers.like(gray, 1);
    let mut strong = Vec::new();
    let width = gray.width();
    for (y, row) in edges.data_mut().chunks_exact_mut(width).enumerate() {
        for (x, edge) in row.iter_mut().enumerate() {
            let magnitude = gradient.magnitude_at(x, y);
            *edge = match magnitude > low && gradient.is_ridge(x, y) {
                true if magnitude > high => {
                    strong.push((x, y));
                    EDGE
                }
                true => WEAK,
                false => NONE,
            };
        }
    }
    follow(&mut edges, strong);
    edges.data_mut().iter_mut().for_each(|edge| *edge &= EDGE * u8::from(*edge == EDGE));
    edges
}

/// Turns weak pixels that touch an edge into edges, until none is left that does.
fn follow(edges: &mut Raster, mut frontier: Vec<(usize, usize)>) {
    let (width, height) = (edges.width(), edges.height());
    while let Some((x, y)) = frontier.pop() {
        for row in y.saturating_sub(1)..height.min(y + 2) {
            for column in x.saturating_sub(1)..width.min(x + 2) {
                let edge = &mut edges.data_mut()[row * width + column];
                if *edge == WEAK {
                    *edge = EDGE;
                    frontier.push((column, row));
                }
            }
        }
    }
}

/// Gradients with a margin of zero magnitude on all sides.
struct Gradient {
    width: usize,
    across: Vec<i16>,
    down: Vec<i16>,
    // (width + 2) × (height + 2)
    magnitude: Vec<i16>,
}

impl Gradient {
    fn of(gray: &Raster) -> Self {
        let (width, height) = (gray.width(), gray.height());
        let (mut across, mut down) = (Vec::with_capacity(gray.pixels()), Vec::with_capacity(gray.pixels()));
        let mut magnitude = Vec::with_capacity((width + 2) * (height + 2));
        magnitude.resize(width + 2, 0);
        gradients(gray, Border::Replicate, |gx, gy| {
            across.extend_from_slice(gx);
            down.extend_from_slice(gy);
            magnitude.push(0);
            magnitude.extend(gx.iter().zip(gy).map(|(gx, gy)| gx.abs() + gy.abs()));
            magnitude.push(0);
        });
        magnitude.resize((width + 2) * (height + 2), 0);
        Self { width, across, down, magnitude }
    }

    fn magnitude_at(&self, x: usize, y: usize) -> i32 {
        i32::from(self.magnitude[self.center(x, y)])
    }

    fn center(&self, x: usize, y: usize) -> usize {
        (y + 1) * (self.width + 2) + x + 1
    }

    /// True where no neighbour along the gradient is larger. Directions are told apart at 22.5° and 67.5°, in
    /// fixed point with 15 bits.
    fn is_ridge(&self, x: usize, y: usize) -> bool {
        const TAN_22_5: i32 = 13573;
        let (gx, gy) = (i32::from(self.across[y * self.width + x]), i32::from(self.down[y * self.width + x]));
        let (center, row) = (self.center(x, y), self.width + 2);
        let at = |index: usize| self.magnitude[index];
        let here = at(center);
        let steep = gy.abs() << 15;
        let flat = gx.abs() * TAN_22_5;
        if steep < flat {
            here > at(center - 1) && here >= at(center + 1)
        } else if steep > flat + (gx.abs() << 16) {
            here > at(center - row) && here >= at(center + row)
        } else if (gx ^ gy) < 0 {
            here > at(center - row + 1) && here > at(center + row - 1)
        } else {
            here > at(center - row - 1) && here > at(center + row + 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_ridge_counts_only_where_it_joins_a_strong_one() {
        // The step is high at the top and fades towards the bottom; alone, its lower half is no edge.
        let row = |step: u8| [0, 0, 0, step, step, step, step, step, step];
        let fading: Vec<u8> = (20..=40).rev().step_by(2).flat_map(row).collect();
        let strong = Raster::new(9, 11, 1, fading.clone()).unwrap();
        let joined = canny(&strong, 50, 150, &mut Buffers::new());
        assert!(joined.rows().all(|row| row.contains(&255)), "{:?}", joined.data());
        let weak = Raster::new(9, 5, 1, fading[6 * 9..].to_vec()).unwrap();
        assert!(canny(&weak, 50, 150, &mut Buffers::new()).data().iter().all(|edge| *edge == 0));
    }
}
