//! Reads `[params]` and its steps.

use super::kernels::{self, Flip, Polarity, ResizeFilter, ThresholdKind};
use super::step::{Adaptive, Blur, Size, Step};
use crate::spec::{Item, SpecError, SpecErrors, Table};

/// What steps are called, for messages.
const OPS: &str = "grayscale, threshold, otsu, adaptive-threshold, resize, blur, edges, crop, tile, rotate, flip, \
                   invert, histogram, info";
/// The largest side of an image that anything here can make or cut.
const MAX_SIDE: usize = 1 << 24;
/// Tiles are files, and their levels travel in one value.
const MAX_TILES: usize = 10_000;

/// Reads all steps, noting in `errors` what is wrong with any of them.
pub(super) fn steps(params: &mut Table, errors: &mut SpecErrors) -> Vec<Step> {
    let mut steps = Vec::new();
    let item = params.take("step");
    let shown = item.as_ref().and_then(step_hint);
    let list = item.map(|item| {
        let error = item.error(format!("{} is not a list of steps", item.describe()));
        item.into_list()
            .map_err(|told| if shown.is_some() { SpecError { hint: shown, ..error } } else { told })
    });
    let list = match list {
        None => return steps,
        Some(Ok(list)) => list,
        Some(Err(error)) => {
            errors.push(error);
            return steps;
        }
    };
    let mut tiled = false;
    for item in list {
        let place = item.error("");
        let hint = step_hint(&item);
        let table = match item.into_table() {
            Ok(table) => table,
            Err(error) => {
                let error = SpecError { hint, ..error };
                errors.push(error);
                continue;
            }
        };
        match one_step(table) {
            Ok(step) if tiled && (step.observes() || matches!(step, Step::Tile { .. })) => {
                let message = "can't come after `tile`: it is about one image, not about many".into();
                errors.push(SpecError { message, ..place });
            }
            Ok(step) => {
                tiled |= matches!(step, Step::Tile { .. });
                steps.push(step);
            }
            Err(more) => errors.0.extend(more.0),
        }
    }
    steps
}

/// What a step looks like in a job file, for one that is only named, or not in a list.
fn step_hint(item: &Item) -> Option<String> {
    let op = match item.text() {
        Ok(op) => op.replace("greyscale", "grayscale"),
        Err(_) => "grayscale".to_owned(),
    };
    let known = OPS.split(", ").any(|known| known == op);
    let op = if known { &op } else { "grayscale" };
    Some(format!("each step has a table of its own:\n[[params.step]]\nop = \"{op}\""))
}

/// A colour: `#rrggbb`, or one of the two that need no numbers.
pub(super) fn colour(item: &Item) -> Result<[u8; 3], SpecError> {
    let text = item.text()?;
    let wrong = || {
        let hint = Some(r##"for example: "white", "black", "#ffcc00""##.into());
        SpecError { hint, ..item.error(format!("{} is no colour", item.describe())) }
    };
    match text {
        "white" => return Ok([255; 3]),
        "black" => return Ok([0; 3]),
        _ => {}
    }
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
    let digits =
        digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())).ok_or_else(wrong)?;
    let number = u32::from_str_radix(digits, 16).map_err(|_| wrong())?;
    let [_, red, green, blue] = number.to_be_bytes();
    Ok([red, green, blue])
}

/// A table whose keys are being taken, and what was wrong with them so far.
struct Reader {
    table: Table,
    errors: SpecErrors,
}

fn one_step(table: Table) -> Result<Step, SpecErrors> {
    let mut reader = Reader { table, errors: SpecErrors::default() };
    let op = reader.table.take("op");
    let step = match &op {
        None => {
            let hint = Some(format!("one of {OPS}"));
            reader.errors.push(SpecError { hint, ..reader.table.error("op", "is required") });
            return Err(reader.errors);
        }
        Some(item) => match item.text() {
            Ok(name) => reader.step(name),
            Err(error) => return Err(error.into()),
        },
    };
    let Some(step) = step else {
        if let (Some(item), true) = (&op, reader.errors.0.is_empty()) {
            let message = format!("{} is not a step", item.describe());
            let meant = item.text().ok().and_then(|name| crate::words::nearest(name, OPS.split(", ")));
            let hint = match meant {
                Some(name) => format!("did you mean \"{name}\"?"),
                None => format!("one of {OPS}"),
            };
            reader.errors.push(SpecError { hint: Some(hint), ..item.error(message) });
        }
        return Err(reader.errors);
    };
    reader.errors.0.extend(reader.table.unknown_keys().0);
    reader.errors.into_result().map(|()| step)
}

impl Reader {
    /// `None`: it is no step, or its errors say why it is a wrong one.
    fn step(&mut self, op: &str) -> Option<Step> {
        match op {
            // Either spelling is a word.
            "grayscale" | "greyscale" => Some(Step::Grayscale),
            "threshold" => {
                let level = self.float("value", None);
                let (max, kind) = (self.max(), self.threshold_kind());
                Some(Step::Threshold { level: floor(level?), max: max?, kind: kind? })
            }
            "otsu" => {
                let (max, kind) = (self.max(), self.threshold_kind());
                Some(Step::Otsu { max: max?, kind: kind? })
            }
            "adaptive-threshold" => self.adaptive(),
            "resize" => self.resize(),
            "blur" => self.blur(),
            "edges" => self.edges(),
            "crop" => {
                let (x, y) =
                    (self.integer("x", Some(0), 0, MAX_SIDE), self.integer("y", Some(0), 0, MAX_SIDE));
                let (width, height) = (self.side("width"), self.side("height"));
                Some(Step::Crop { x: x?, y: y?, width: width?, height: height? })
            }
            "tile" => self.tile(),
            "rotate" => {
                let choices = [("90", 1), ("180", 2), ("270", 3)];
                let quarters = self.choice("degrees", None, &choices, |item| item.integer());
                Some(Step::Rotate { quarters: quarters? })
            }
            "flip" => {
                let choices = [("horizontal", Flip::Horizontal), ("vertical", Flip::Vertical)];
                Some(Step::Flip(self.word("direction", None, &choices)?))
            }
            "invert" => Some(Step::Invert),
            "histogram" => Some(Step::Histogram),
            "info" => Some(Step::Info),
            _ => None,
        }
    }

    fn adaptive(&mut self) -> Option<Step> {
        let methods = [("mean", Adaptive::Mean), ("gaussian", Adaptive::Gaussian)];
        let types = [("binary", Polarity::Binary), ("binary-inv", Polarity::BinaryInv)];
        let method = self.word("method", None, &methods);
        let (block, c) = (self.odd("block", 3, 1023), self.float("c", None));
        let (max, polarity) = (self.max(), self.word("type", Some(Polarity::Binary), &types));
        Some(Step::Adaptive { method: method?, block: block?, c: c?, max: max?, polarity: polarity? })
    }

    fn resize(&mut self) -> Option<Step> {
        let filters = [
            ("nearest", ResizeFilter::Nearest),
            ("linear", ResizeFilter::Linear),
            ("lanczos", ResizeFilter::Lanczos),
        ];
        let filter = self.word("filter", Some(ResizeFilter::Linear), &filters);
        let inside = self.word("fit", Some(false), &[("exact", false), ("inside", true)]);
        let mut side = |key| if self.table.has(key) { self.side(key).map(Some) } else { Some(None) };
        let size = match (side("width")?, side("height")?) {
            (None, None) => {
                return self.require("width");
            }
            (Some(width), None) => Size::Width(width),
            (None, Some(height)) => Size::Height(height),
            (Some(width), Some(height)) if inside? => Size::Inside { width, height },
            (Some(width), Some(height)) => Size::Exact { width, height },
        };
        Some(Step::Resize { size, filter: filter? })
    }

    fn blur(&mut self) -> Option<Step> {
        let method = self.word(
            "method",
            Some("gaussian"),
            &[("box", "box"), ("gaussian", "gaussian"), ("median", "median")],
        )?;
        if method != "gaussian" {
            let size = self.odd("size", 1, 255)?;
            return Some(Step::Blur(if method == "box" {
                Blur::Box { size }
            } else {
                Blur::Median { size }
            }));
        }
        let sigma = match self.table.has("sigma") {
            true => Some(self.sigma()?),
            false => None,
        };
        let size = match sigma {
            Some(sigma) if !self.table.has("size") => kernels::size_for_sigma(sigma),
            _ => self.odd("size", 1, 255)?,
        };
        Some(Step::Blur(Blur::Gaussian { size, sigma }))
    }

    fn sigma(&mut self) -> Option<f64> {
        let item = self.table.take("sigma")?;
        match item.float() {
            Ok(sigma) if sigma > 0.0 && sigma <= 40.0 => Some(sigma),
            Ok(_) => self.wrong(item.error(format!("{} is not above 0 and up to 40", item.describe()))),
            Err(error) => self.wrong(error),
        }
    }

    fn edges(&mut self) -> Option<Step> {
        if !self.word("method", Some(false), &[("sobel", false), ("canny", true)])? {
            return Some(Step::Sobel);
        }
        let (low, high) = (self.float("low", Some(50.0)), self.float("high", Some(150.0)));
        let (low, high) = (floor(low?), floor(high?));
        if low > high {
            return self.wrong(self.table.error("low", "is above `high`"));
        }
        Some(Step::Canny { low, high })
    }

    fn tile(&mut self) -> Option<Step> {
        let (rows, columns) =
            (self.integer("rows", None, 1, MAX_TILES), self.integer("columns", None, 1, MAX_TILES));
        let (rows, columns) = (rows?, columns?);
        if rows * columns > MAX_TILES {
            return self.wrong(self.table.error("", format!("more than {MAX_TILES} tiles an image")));
        }
        Some(Step::Tile { rows, columns })
    }

    fn threshold_kind(&mut self) -> Option<ThresholdKind> {
        self.word(
            "type",
            Some(ThresholdKind::Binary),
            &[
                ("binary", ThresholdKind::Binary),
                ("binary-inv", ThresholdKind::BinaryInv),
                ("trunc", ThresholdKind::Trunc),
                ("tozero", ThresholdKind::ToZero),
                ("tozero-inv", ThresholdKind::ToZeroInv),
            ],
        )
    }

    fn max(&mut self) -> Option<u8> {
        self.integer("max", Some(255), 0, 255).and_then(|max| u8::try_from(max).ok())
    }

    fn side(&mut self, key: &str) -> Option<usize> {
        self.integer(key, None, 1, MAX_SIDE)
    }

    fn odd(&mut self, key: &str, from: usize, to: usize) -> Option<usize> {
        let Some(item) = self.table.take(key) else { return self.require(key) };
        match item.number::<usize>() {
            Ok(number) if number % 2 == 1 && (from..=to).contains(&number) => Some(number),
            Ok(_) => {
                self.wrong(item.error(format!("{} is not odd and from {from} to {to}", item.describe())))
            }
            Err(error) => self.wrong(error),
        }
    }

    fn integer(&mut self, key: &str, default: Option<usize>, from: usize, to: usize) -> Option<usize> {
        let Some(item) = self.table.take(key) else {
            return default.or_else(|| self.require(key));
        };
        match item.number::<usize>() {
            Ok(number) if (from..=to).contains(&number) => Some(number),
            Ok(_) => self.wrong(item.error(format!("{} is not from {from} to {to}", item.describe()))),
            Err(error) => self.wrong(error),
        }
    }

    fn float(&mut self, key: &str, default: Option<f64>) -> Option<f64> {
        let Some(item) = self.table.take(key) else {
            return default.or_else(|| self.require(key));
        };
        match item.float() {
            Ok(number) if number.is_finite() => Some(number),
            Ok(_) => self.wrong(item.error("is not finite")),
            Err(error) => self.wrong(error),
        }
    }

    fn word<T: Copy>(&mut self, key: &str, default: Option<T>, choices: &[(&str, T)]) -> Option<T> {
        self.choice(key, default, choices, |item| item.text())
    }

    fn choice<T: Copy>(
        &mut self,
        key: &str,
        default: Option<T>,
        choices: &[(&str, T)],
        read: impl Fn(&Item) -> Result<&str, SpecError>,
    ) -> Option<T> {
        let Some(item) = self.table.take(key) else {
            return default.or_else(|| self.require(key));
        };
        let name = match read(&item) {
            Ok(name) => name,
            Err(error) => return self.wrong(error),
        };
        let found = choices.iter().find(|(choice, _)| *choice == name).map(|(_, value)| *value);
        found.or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.wrong(item.error(format!("{} is not one of {}", item.describe(), names.join(", "))))
        })
    }

    fn require<T>(&mut self, key: &str) -> Option<T> {
        self.wrong(self.table.error(key, "is required"))
    }

    fn wrong<T>(&mut self, error: SpecError) -> Option<T> {
        self.errors.push(error);
        None
    }
}

/// OpenCV rounds levels down. Floats beyond the range of levels stay beyond it.
fn floor(level: f64) -> i32 {
    level.floor() as i32
}
