//! The kernels of `images` on one core, in nanoseconds of processor time a pixel, beside OpenCV's on one thread.
//! Both programs print a line a kernel: its name, `N.NNN fastest`, `N.NNN median`; the fastest of their rounds counts.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;

use crate::comparison::{Comparison, Figures, Metric, Side, Unit};
use crate::programs::{command, run};
use crate::suites::Bench;

/// As both programs call them.
const KERNELS: [&str; 22] = [
    "gray",
    "threshold",
    "otsu",
    "adaptive mean 11",
    "adaptive mean 31",
    "adaptive gaussian 11",
    "adaptive gaussian 31",
    "copy",
    "box blur 11",
    "gaussian blur 11",
    "median 3",
    "median 5",
    "sobel",
    "resize to 1200 × 900",
    "resize to 640 × 480",
    "resize to 1200 × 900, bilinear",
    "resize to 640 × 480, bilinear",
    "JPEG decode",
    "JPEG decode, luma",
    "PNG encode, gray",
    "PNG encode, mask",
    "JPEG encode, gray",
];

pub(super) fn comparisons(bench: &Bench) -> Vec<Comparison<'_>> {
    let ours = || print(cargo_bench(&bench.root));
    let opencv = || {
        let mut command = bench.peers.python("opencv_kernels.py");
        // Where our side has left its files.
        command.arg(bench.root.join("target/tmp/images-speed"));
        print(command)
    };
    let metrics = KERNELS.map(|name| Metric::less(name, Unit::Nanos).named(name)).into();
    // A build of another time can't be run this way: its kernels are not in its programs.
    let sides = vec![
        Side::peer("ours", None, ours),
        Side::peer("OpenCV", bench.peers.lacks(&["numpy", "cv2"]), opencv),
    ];
    vec![Comparison::new("kernels, a pixel", metrics, sides)]
}

fn cargo_bench(root: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command([cargo]);
    command.args(["bench", "--quiet", "--package", "unhurt-jobs", "--bench", "images"]).current_dir(root);
    command
}

fn print(command: Command) -> anyhow::Result<Figures> {
    let figures = parse(&String::from_utf8(run(command, b"")?.out)?);
    ensure!(figures.len() > KERNELS.len() / 2, "only {} kernels were told", figures.len());
    Ok(figures)
}

/// Lines of a name, a figure and `fastest`.
fn parse(text: &str) -> Figures {
    let line = |line: &str| {
        let (name, _) = line.split_once(" fastest")?;
        let (name, figure) = name.trim_end().rsplit_once(' ')?;
        Some((name.trim().to_owned(), figure.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_with_spaces_and_its_fastest_round() {
        let text = "noise\nresize to 640 × 480       0.155 fastest  0.197 median\ngray   0.209 fastest\n";
        let wanted = [("resize to 640 × 480".to_owned(), 0.155), ("gray".to_owned(), 0.209)];
        assert_eq!(parse(text), Figures::from(wanted));
    }
}
