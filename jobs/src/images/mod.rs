//! The kind `images`: every image goes through a pipeline of steps, one task each.
//!
//! The plan finds the files, checks every key and refuses outputs that would overwrite each other. A worker
//! reads, decodes, works and encodes one image at a time within `params.max_pixels`; outputs appear under
//! their final name when they are whole. Results equal OpenCV's where [`kernels`] says so.
//!
//! An existing output with the same bytes is kept, so that a job can run again (and an attempt after a crash);
//! one with other bytes fails the task unless `--force` is given. Values are the same in every run unless
//! `params.timings` adds times to them.

pub mod kernels;

mod apply;
mod decode;
mod encode;
mod inputs;
mod jpeg_end;
mod keys;
mod outputs;
mod pipeline;
mod raster;
mod read;
mod report;
mod setup;
mod simd;
mod step;
mod write;

pub use raster::{Buffers, Raster};

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use protocol::{Handler, Payloads, TaskError};

use self::encode::Format;
use self::setup::{Output, Payload, Setup};
use crate::spec::{Item, JobSpec, SpecError, SpecErrors};
use crate::{BadValue, Key, Kind, Outputs, Plan, PlanError, PlanOptions, Presenter, Tasks};

/// The kind `images`.
pub(crate) struct Images;

/// The setup travels in one message.
const MAX_SETUP_BYTES: usize = 48 << 10;

impl Kind for Images {
    fn name(&self) -> &'static str {
        "images"
    }

    fn about(&self) -> &'static str {
        "runs images through steps such as grayscale, threshold, resize and tile"
    }

    fn keys(&self) -> &'static [Key] {
        keys::KEYS
    }

    fn example(&self) -> &'static str {
        include_str!("../../images.toml")
    }

    fn lines(&self) -> Option<&'static str> {
        Some("files")
    }

    fn reads_one_input_each(&self) -> bool {
        true
    }

    fn same_work(&self, one: &[u8], other: &[u8]) -> bool {
        let work = |bytes: &[u8]| {
            let mut setup: Setup = serde_json::from_slice(bytes).ok()?;
            if let Some(output) = &mut setup.output {
                output.force = false;
            }
            Some(setup)
        };
        work(one).is_some_and(|one| work(other) == Some(one))
    }

    fn outputs(&self, setup: &[u8]) -> Result<Option<Box<dyn Outputs>>, BadValue> {
        let outputs = outputs::ImageOutputs::new(decode_setup(setup)?);
        Ok(outputs.map(|outputs| Box::new(outputs) as Box<dyn Outputs>))
    }

    fn plan(&self, job: &mut JobSpec, options: &PlanOptions) -> Result<Plan, SpecErrors> {
        let mut errors = SpecErrors::default();
        let setup = read_setup(job, options, &mut errors);
        let inputs = inputs::find(job, options.items.as_ref(), setup.output.as_ref(), &mut errors);
        if let Some(output) = &setup.output {
            errors.0.extend(inputs::check_collisions(&inputs, output, setup.tiles().is_some(), job).0);
        }
        let encoded = serde_json::to_vec(&setup)
            .map_err(|error| job.params.error("", format!("can't be sent to workers: {error}")))?;
        if encoded.len() > MAX_SETUP_BYTES {
            errors.push(job.params.error("step", "are too many steps"));
        }
        errors.into_result()?;
        let files = inputs.iter().map(|input| job.base().join(&input.path)).collect();
        let payload = |input: inputs::Input| {
            let (path, stem) = (input.path.into_os_string(), input.stem.into_os_string());
            Payload { input: path.as_bytes(), stem: stem.as_bytes() }.encode()
        };
        Ok(Plan {
            total: Some(inputs.len() as u64),
            tasks: Box::new(Files(inputs.into_iter().map(payload))),
            setup: encoded,
            combine: None,
            inputs: files,
        })
    }

    fn handler(&self, setup: &[u8]) -> Result<Box<dyn Handler>, TaskError> {
        let setup = serde_json::from_slice(setup)
            .map_err(|error| TaskError::new(format!("the setup is not one of an images job: {error}")))?;
        Ok(Box::new(pipeline::Pipeline::new(setup)))
    }

    fn presenter(&self, setup: &[u8]) -> Result<Box<dyn Presenter>, BadValue> {
        Ok(Box::new(report::ImagePresenter::new(&decode_setup(setup)?)))
    }
}

fn decode_setup(bytes: &[u8]) -> Result<Setup, BadValue> {
    serde_json::from_slice(bytes)
        .map_err(|error| BadValue(format!("the setup is not one of an images job: {error}")))
}

/// Hands out what the plan found.
struct Files<I>(I);

impl<I: Iterator<Item = Vec<u8>> + Send> Tasks for Files<I> {
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
        let before = into.len();
        self.0.by_ref().take(max).for_each(|payload| into.push(&payload));
        Ok(into.len() > before)
    }
}

/// Everything but the inputs.
fn read_setup(job: &mut JobSpec, options: &PlanOptions, errors: &mut SpecErrors) -> Setup {
    // One name for one folder, from wherever the job is started.
    let base = match job.base() {
        base if base.as_os_str().is_empty() => Path::new("."),
        base => base,
    };
    let base = base.canonicalize().or_else(|_| std::path::absolute(base)).unwrap_or_else(|_| base.to_owned());
    let mut keys = Keys { errors };
    let params = &mut job.params;
    let luma = keys.read(params.take("decode"), false, |item| {
        choose(item, &[("colour", false), ("luma", true)], &[("color", false)])
    });
    let max_pixels = keys.read(params.take("max_pixels"), None, |item| match item.number() {
        Ok(0) => Err(item.error("must be above 0")),
        other => other.map(Some),
    });
    let background = keys.read(params.take("background"), None, |item| read::colour(item).map(Some));
    let timings = keys.read(params.take("timings"), false, Item::bool);
    let steps = read::steps(params, keys.errors);

    let dir = keys.read(job.output.take("dir"), None, |item| item.text().map(|text| Some(text.to_owned())));
    let format = keys
        .read(job.output.take("format"), Format::Png, |item| choose(item, &Format::NAMES, &Format::ALIASES));
    let quality = keys.read(job.output.take("quality"), 90, |item| match item.number() {
        Ok(quality @ 1..=100) => Ok(quality),
        Ok(_) => Err(item.error(format!("{} is not from 1 to 100", item.describe()))),
        Err(error) => Err(error),
    });
    if dir.is_none() && !steps.iter().any(step::Step::observes) {
        let hint = Some(r#"for example: dir = "out/photos""#.into());
        errors.push(SpecError { hint, ..job.output.error("dir", "is required: where should images go?") });
    }
    let output =
        dir.map(|dir| Output { dir: base.join(&dir), shown: dir, format, quality, force: options.force });
    Setup { base, output, max_pixels, background, luma, timings, steps }
}

/// Reads keys one after the other and collects what is wrong with any of them.
struct Keys<'a> {
    errors: &'a mut SpecErrors,
}

impl Keys<'_> {
    fn read<T>(
        &mut self,
        item: Option<Item>,
        default: T,
        parse: impl FnOnce(&Item) -> Result<T, SpecError>,
    ) -> T {
        match item.as_ref().map(parse) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                self.errors.push(error);
                default
            }
        }
    }
}

/// The one of `choices` that is named, by its own name or by one of the `others` that people have for it.
fn choose<T: Copy>(item: &Item, choices: &[(&str, T)], others: &[(&str, T)]) -> Result<T, SpecError> {
    let text = item.text()?;
    let mut names = choices.iter().chain(others);
    let found = names.find(|(name, _)| *name == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let meant = crate::words::nearest(text, names.iter().copied());
        let hint = meant.map(|name| format!("did you mean \"{name}\"?"));
        let message = format!("{} is not one of {}", item.describe(), names.join(", "));
        SpecError { hint, ..item.error(message) }
    })
}
