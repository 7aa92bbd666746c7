//! The speedup curve as a picture: measured points, the ideal line, the law.

use std::fmt::Write as _;

use super::analysis::Scaling;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;
/// About how many marks an axis has.
const MARKS: f64 = 8.0;

/// A whole SVG document, of fixed size and readable on any background; `title` is the job's name.
pub fn svg(scaling: &Scaling, title: &str) -> String {
    let most = f64::from(scaling.rows.last().map_or(1, |row| row.workers));
    let fastest = scaling.rows.iter().map(|row| row.speedup).fold(1.0, f64::max);
    let plot = Plot { across: most.max(2.0), up: fastest.max(most).max(2.0) };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"28\" font-size=\"16\">Speedup of {}</text>\n",
        escaped(title)
    );
    plot.push_axes(&mut svg);
    plot.push_line(&mut svg, "#999", "6 4", |workers| workers);
    if let Some(fit) = &scaling.fit {
        plot.push_line(&mut svg, "#c2410c", "none", |workers| fit.speedup(workers));
    }
    let base = scaling.rows.first().map_or(1.0, |row| row.speedup * row.seconds);
    for row in &scaling.rows {
        let (x, y) = (plot.x(f64::from(row.workers)), plot.y(row.speedup));
        let (low, high) = (plot.y(base / row.most), plot.y(base / row.least));
        // Writing to text can't fail.
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{low:.1}\" x2=\"{x:.1}\" y2=\"{high:.1}\" stroke=\"#1d4ed8\"/>"
        );
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"#1d4ed8\"><title>{} workers: {:.3} s, {:.2} x</title></circle>",
            row.workers, row.seconds, row.speedup
        );
    }
    push_legend(scaling, &mut svg);
    svg.push_str("</svg>\n");
    svg
}

/// Where things are: from 0 to `across` workers and to `up` times the speed.
struct Plot {
    across: f64,
    up: f64,
}

impl Plot {
    fn x(&self, workers: f64) -> f64 {
        LEFT + workers / self.across * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, speedup: f64) -> f64 {
        HEIGHT - BOTTOM - (speedup / self.up).min(1.05) * (HEIGHT - TOP - BOTTOM)
    }

    fn push_axes(&self, svg: &mut String) {
        let (left, right, bottom, top) = (self.x(0.0), self.x(self.across), self.y(0.0), self.y(self.up));
        let _ = writeln!(
            svg,
            "<path d=\"M{left:.1} {top:.1}V{bottom:.1}H{right:.1}\" fill=\"none\" stroke=\"#222\"/>"
        );
        for mark in marks(self.across) {
            let (x, label) = (self.x(mark), bottom + 18.0);
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{label:.1}\" text-anchor=\"middle\">{mark}</text>");
        }
        for mark in marks(self.up) {
            let (y, label) = (self.y(mark), left - 8.0);
            let _ = writeln!(svg, "<path d=\"M{left:.1} {y:.1}H{right:.1}\" stroke=\"#eee\"/>");
            let _ = writeln!(
                svg,
                "<text x=\"{label:.1}\" y=\"{:.1}\" text-anchor=\"end\">{mark}</text>",
                y + 4.0
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">workers</text>",
            right,
            bottom + 36.0
        );
    }

    /// A curve from one worker on.
    fn push_line(&self, svg: &mut String, colour: &str, dash: &str, speedup: impl Fn(f64) -> f64) {
        const STEPS: u32 = 100;
        let mut path = String::new();
        for step in 0..=STEPS {
            let workers = 1.0 + (self.across - 1.0) * f64::from(step) / f64::from(STEPS);
            let _ = write!(
                path,
                "{}{:.1} {:.1}",
                if step == 0 { 'M' } else { 'L' },
                self.x(workers),
                self.y(speedup(workers))
            );
        }
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>"
        );
    }
}

fn push_legend(scaling: &Scaling, svg: &mut String) {
    let law = scaling.fit.as_ref().map(|fit| {
        let error = fit.error.map_or_else(String::new, |error| format!(" ± {:.1}", error * 100.0));
        format!("Amdahl's law, {:.1}{error} % serial", fit.serial_fraction * 100.0)
    });
    let entries =
        [("#1d4ed8", Some("measured".to_owned())), ("#c2410c", law), ("#999", Some("ideal".to_owned()))];
    for (line, (colour, label)) in
        (0..).zip(entries.into_iter().filter_map(|(colour, label)| Some((colour, label?))))
    {
        let y = TOP + 16.0 + 18.0 * f64::from(line);
        let _ = writeln!(
            svg,
            "<rect x=\"{}\" y=\"{:.1}\" width=\"14\" height=\"3\" fill=\"{colour}\"/>",
            LEFT + 14.0,
            y - 5.0
        );
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{y:.1}\">{}</text>", LEFT + 34.0, escaped(&label));
    }
}

/// Round numbers up to `end`, about eight.
fn marks(end: f64) -> impl Iterator<Item = f64> {
    let rough = end / MARKS;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough);
    let step = step.unwrap_or(end).max(1.0);
    (1..).map(move |index| step * f64::from(index)).take_while(move |mark| *mark <= end + 1e-9)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::analyse;
    use super::super::analysis::tests::amdahl;
    use super::*;

    #[test]
    fn the_picture_has_a_point_for_each_row_and_no_number_that_is_none() {
        let svg = svg(&analyse(&amdahl(0.2, &[1, 2, 3, 16]), 16).unwrap(), "a <b> & c");
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(svg.contains("Speedup of a &lt;b&gt; &amp; c"));
        assert!(svg.contains("20.0 ± 0.0 % serial"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn marks_are_round_numbers() {
        assert_eq!(marks(2.0).collect::<Vec<_>>(), [1.0, 2.0]);
        assert_eq!(marks(64.0).collect::<Vec<_>>(), [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
    }
}
