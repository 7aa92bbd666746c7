//! Every key that the kind reads.

use crate::{Key, Section};

/// Shorthand for a table of keys.
const fn key(
    section: Section,
    name: &'static str,
    kind: &'static str,
    default: Option<&'static str>,
    about: &'static str,
    example: &'static str,
) -> Key {
    Key { section, name, kind, default, about, example }
}

use Section::{Input, Output, Params};

/// Keys of `[input]`, `[params]`, each `[[params.step]]` and `[output]`.
pub(super) const KEYS: &[Key] = &[
    key(Input, "glob", "text or list of text", None, GLOB, r#""photos/**/*.jpg""#),
    key(Input, "files", "list of text", None, FILES, r#"["a.jpg", "more/b.png"]"#),
    key(Params, "decode", r#""colour" or "luma""#, Some(r#""colour""#), DECODE, r#""luma""#),
    key(Params, "background", "colour", None, BACKGROUND, r##""#ffffff""##),
    key(Params, "max_pixels", "integer", Some("as `run.memory` allows"), MAX_PIXELS, "20000000"),
    key(Params, "timings", "true or false", Some("false"), TIMINGS, "true"),
    key(Params, "step.op", "text", None, OP, r#""grayscale""#),
    key(Params, "step.value", "number", None, "threshold: the level; samples above it are bright", "127"),
    key(
        Params,
        "step.max",
        "integer",
        Some("255"),
        "threshold, otsu, adaptive-threshold: what white is",
        "200",
    ),
    key(Params, "step.type", "text", Some(r#""binary""#), TYPE, r#""binary-inv""#),
    key(Params, "step.method", "text", None, METHOD, r#""gaussian""#),
    key(Params, "step.block", "integer", None, BLOCK, "11"),
    key(Params, "step.c", "number", None, "adaptive-threshold: what is taken off the local mean", "2"),
    key(Params, "step.width", "integer", None, WIDTH, "640"),
    key(Params, "step.height", "integer", None, "resize, crop: in pixels", "480"),
    key(Params, "step.fit", r#""exact" or "inside""#, Some(r#""exact""#), FIT, r#""inside""#),
    key(Params, "step.filter", "text", Some(r#""linear""#), FILTER, r#""lanczos""#),
    key(Params, "step.size", "integer", None, SIZE, "5"),
    key(Params, "step.sigma", "number", None, SIGMA, "1.5"),
    key(
        Params,
        "step.low",
        "number",
        Some("50"),
        "edges by canny: the level below which none is followed",
        "50",
    ),
    key(
        Params,
        "step.high",
        "number",
        Some("150"),
        "edges by canny: the level above which one starts",
        "150",
    ),
    key(Params, "step.x", "integer", Some("0"), "crop: the first column", "100"),
    key(Params, "step.y", "integer", Some("0"), "crop: the first row", "50"),
    key(Params, "step.rows", "integer", None, "tile: how many rows of tiles", "20"),
    key(Params, "step.columns", "integer", None, "tile: how many tiles in a row", "20"),
    key(Params, "step.degrees", "90, 180 or 270", None, "rotate: how far, clockwise", "90"),
    key(Params, "step.direction", r#""horizontal" or "vertical""#, None, DIRECTION, r#""horizontal""#),
    key(Output, "dir", "text", None, DIR, r#""out/photos""#),
    key(Output, "format", "text", Some(r#""png""#), FORMAT, r#""jpeg""#),
    key(Output, "quality", "integer from 1 to 100", Some("90"), "how good a JPEG is", "75"),
];

const GLOB: &str = "which files: `*` and `?` stay within a folder, `**` spans folders, `{a,b}` is either; files \
     below `output.dir` are left out, the rest are sorted by path, each once; this or `files` is required";
const FILES: &str = "which files, one by one, in this order; in place of `glob`";
const DECODE: &str = "`luma` takes a JPEG's brightness plane as it is stored: faster, grey, and a level or two \
     beside what `grayscale` makes of the colours; at saturated edges (a red line on white) dozens";
const BACKGROUND: &str = "what shows through where images are transparent: white, black or #rrggbb; without it alpha is \
     dropped, as by OpenCV, and colours stay as they are stored";
const MAX_PIXELS: &str = "larger images fail for want of memory before they are decoded; without it, a pixel for each 16 \
     bytes of a worker's memory (of 4 GiB, where that has no limit: 268435456)";
const TIMINGS: &str = "adds `micros`, the time of each stage, to each value, which then differs between runs";
const OP: &str = "one of grayscale (or greyscale), threshold, otsu, adaptive-threshold, resize, blur, edges, crop, tile, rotate, \
     flip, invert, histogram, info";
const TYPE: &str = "threshold, otsu: binary, binary-inv, trunc, tozero or tozero-inv; adaptive-threshold: binary \
     or binary-inv";
const METHOD: &str = "adaptive-threshold: mean or gaussian (required); blur: box, gaussian (default) or median; \
     edges: sobel (default) or canny";
const BLOCK: &str = "adaptive-threshold: side of the neighbourhood, odd, from 3 to 1023";
const WIDTH: &str = "resize, crop: in pixels; resize takes one side from the other where only one is given";
const FIT: &str = "resize: to exactly that size, or keeping the ratio inside of it";
const FILTER: &str = "resize: nearest, linear or lanczos";
const SIZE: &str =
    "blur: side of the window, odd, up to 255; a gaussian takes it from sigma where it is absent";
const SIGMA: &str = "blur by gaussian: in pixels, up to 40; taken from the size where it is absent";
const DIRECTION: &str = "flip: left for right, or top for bottom";
const DIR: &str = "where images go, made where it is missing; required unless a step is histogram or info. Names \
     keep the path below the pattern's first `*`, or below the folder that all `files` share; tiles add `_r00_c00`. An existing file that differs \
     needs --force";
const FORMAT: &str = "png, jpeg (or jpg), webp (lossless), tiff or pnm";
