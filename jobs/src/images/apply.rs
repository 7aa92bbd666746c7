//! Runs steps on decoded images.

use protocol::TaskError;

use super::kernels::{self, ResizeFilter, Resizer};
use super::raster::{Buffers, Raster};
use super::report::Report;
use super::step::{Adaptive, Blur, Size, Step};

/// What steps need from image to image.
pub(super) struct Bench {
    pub(super) buffers: Buffers,
    resizer: Resizer,
    max_pixels: u64,
}

impl Bench {
    pub(super) fn new(max_pixels: u64) -> Self {
        Self { buffers: Buffers::new(), resizer: Resizer::default(), max_pixels }
    }

    /// The images that are left of `image` after all steps: one, or as many as there are tiles. What the
    /// steps find out goes into the report.
    ///
    /// # Errors
    /// A step that this image has no room for, or whose result would be too large.
    pub(super) fn run(
        &mut self,
        steps: &[Step],
        image: Raster,
        format: &str,
        report: &mut Report,
    ) -> Result<Vec<Raster>, TaskError> {
        let mut images = vec![image];
        for step in steps {
            match step {
                Step::Tile { rows, columns } => self.tile(&mut images, *rows, *columns)?,
                Step::Info | Step::Histogram => {
                    images.iter().for_each(|image| observe(image, step, format, report));
                }
                step => {
                    for image in &mut images {
                        self.step(image, step, report)?;
                    }
                }
            }
        }
        Ok(images)
    }

    fn tile(&mut self, images: &mut Vec<Raster>, rows: usize, columns: usize) -> Result<(), TaskError> {
        let Some(image) = images.pop() else { return Ok(()) };
        let (width, height) = (image.width(), image.height());
        if rows > height || columns > width {
            let message = format!("{width} × {height} pixels can't be cut into {columns} × {rows} tiles");
            return Err(TaskError::new(message).for_good());
        }
        for row in 0..rows {
            for column in 0..columns {
                let across = kernels::tile_bounds(width, columns, column);
                let down = kernels::tile_bounds(height, rows, row);
                images.push(kernels::crop(&image, across, down, &mut self.buffers));
            }
        }
        self.buffers.give(image.into_data());
        Ok(())
    }

    /// Replaces `image` by what `step` makes of it. Steps that compare levels take colours as grey.
    fn step(&mut self, image: &mut Raster, step: &Step, report: &mut Report) -> Result<(), TaskError> {
        if step.needs_gray() && image.channels() > 1 {
            let gray = kernels::grayscale(image, &mut self.buffers);
            self.replace(image, gray);
        }
        match step {
            Step::Threshold { level, max, kind } => kernels::threshold(image, *level, *max, *kind),
            Step::Otsu { max, kind } => {
                let level = kernels::histogram(image).first().map_or(0, kernels::otsu);
                report.otsu.get_or_insert_default().push(level);
                kernels::threshold(image, i32::from(level), *max, *kind);
            }
            Step::Invert => kernels::invert(image),
            Step::Flip(axis) => kernels::flip(image, *axis),
            step => {
                if let Some(made) = self.made(image, step)? {
                    self.replace(image, made);
                }
            }
        }
        Ok(())
    }

    /// The new image that `step` makes; `None` for steps that make none.
    fn made(&mut self, image: &Raster, step: &Step) -> Result<Option<Raster>, TaskError> {
        let buffers = &mut self.buffers;
        Ok(Some(match step {
            Step::Adaptive { method: Adaptive::Mean, block, c, max, polarity } => {
                kernels::adaptive_mean(image, *block, *c, *max, *polarity, buffers)
            }
            Step::Adaptive { method: Adaptive::Gaussian, block, c, max, polarity } => {
                kernels::adaptive_gaussian(image, *block, *c, *max, *polarity, buffers)
            }
            Step::Blur(Blur::Box { size }) => kernels::box_blur(image, *size, buffers),
            Step::Blur(Blur::Gaussian { size, sigma }) => {
                kernels::gaussian_blur(image, *size, *sigma, buffers)
            }
            Step::Blur(Blur::Median { size }) => kernels::median_blur(image, *size, buffers),
            Step::Sobel => kernels::sobel(image, buffers),
            Step::Canny { low, high } => kernels::canny(image, *low, *high, buffers),
            Step::Rotate { quarters } => kernels::rotate(image, *quarters, buffers),
            Step::Crop { x, y, width, height } => {
                let (right, bottom) = (x + width, y + height);
                if right > image.width() || bottom > image.height() {
                    return Err(TaskError::new(format!(
                        "columns {x}…{right} and rows {y}…{bottom} are not all in an image of {} × {} pixels",
                        image.width(),
                        image.height()
                    ))
                    .for_good());
                }
                kernels::crop(image, *x..right, *y..bottom, buffers)
            }
            Step::Resize { size, filter } => return self.resize(image, size.of(image), *filter).map(Some),
            _ => return Ok(None),
        }))
    }

    fn resize(
        &mut self,
        image: &Raster,
        size: (usize, usize),
        filter: ResizeFilter,
    ) -> Result<Raster, TaskError> {
        if size.0.saturating_mul(size.1) as u64 > self.max_pixels {
            let (width, height) = size;
            let message = format!("{width} × {height} pixels are more than `params.max_pixels` allows");
            return Err(TaskError::memory(message).for_good());
        }
        let resized = self.resizer.resize(image, size, filter, &mut self.buffers);
        resized.ok_or_else(|| TaskError::new("a side is too long to resize").for_good())
    }

    fn replace(&mut self, image: &mut Raster, by: Raster) {
        self.buffers.give(std::mem::replace(image, by).into_data());
    }
}

impl Size {
    /// The size for this image, at least 1 × 1.
    fn of(self, image: &Raster) -> (usize, usize) {
        let (width, height) = (image.width(), image.height());
        let scaled = |side: usize, by: usize, to: usize| {
            ((side as f64 * to as f64 / by as f64).round() as usize).max(1)
        };
        match self {
            Self::Exact { width, height } => (width, height),
            Self::Inside { width: across, height: down } => {
                kernels::fit_inside((width, height), (across, down))
            }
            Self::Width(to) => (to, scaled(height, width, to)),
            Self::Height(to) => (scaled(width, height, to), to),
        }
    }
}

fn observe(image: &Raster, step: &Step, format: &str, report: &mut Report) {
    if matches!(step, Step::Histogram) {
        report.histogram = Some(kernels::histogram(image).iter().map(|counts| counts.to_vec()).collect());
        return;
    }
    report.format = Some(format.to_owned());
    report.channels = Some(image.channels() as u8);
    report.top_left = Some(image.data().iter().copied().take(image.channels()).collect());
    report.mean = Some(kernels::mean(image));
}
