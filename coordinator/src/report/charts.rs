//! Charts as SVG without text, stretched to the page's width; what there is to read stands beside them as
//! HTML, in a size that can be read on a phone.

use std::fmt::Write as _;

use crate::output::{count, rate, seconds};
use crate::summary::TimeSummary;
use crate::timeline::{Digest, histogram_floor};

// Writing to a String can't fail.

/// A part of a chart: where it begins, how wide and how high it is, how it looks, what it says when touched.
struct Bar<'a> {
    x: f64,
    width: f64,
    y: f64,
    height: f64,
    look: &'a str,
    opacity: f64,
    says: String,
}

/// An SVG of so many units, stretched; bars say what they mean when they are pointed at.
fn svg(class: &str, width: f64, height: f64, label: &str, bars: &[Bar<'_>]) -> String {
    let mut text = format!(
        "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{label}\">"
    );
    for Bar { x, width, y, height, look, opacity, says } in bars {
        let faint = if *opacity < 1.0 { format!(" opacity=\"{opacity:.2}\"") } else { String::new() };
        let _ = write!(
            text,
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" class=\"{look}\"{faint}>\
             <title>{says}</title></rect>"
        );
    }
    text.push_str("</svg>");
    text
}

/// `from … to` under a chart.
fn axis(class: &str, labels: &[String]) -> String {
    let spans: String = labels.iter().map(|label| format!("<span>{label}</span>")).collect();
    format!("<div class=\"axis {class}\">{spans}</div>")
}

/// How long a slot of a digest was; the last one ends with the run.
fn slot_length(digest: &Digest, index: usize) -> f64 {
    (digest.end_seconds - index as f64 * digest.slot_seconds)
        .clamp(digest.slot_seconds / 10.0, digest.slot_seconds)
}

/// Tasks a second over time, failed attempts on top.
pub(super) fn throughput(digest: &Digest) -> String {
    let rates: Vec<(f64, f64)> = (0..digest.ok.len())
        .map(|index| {
            let of =
                |counts: &[u64]| counts.get(index).copied().unwrap_or(0) as f64 / slot_length(digest, index);
            (of(&digest.ok), of(&digest.failed))
        })
        .collect();
    let most = rates.iter().map(|(ok, failed)| ok + failed).fold(0.0, f64::max);
    if most <= 0.0 {
        return String::new();
    }
    let mut bars = Vec::new();
    for (index, (ok, failed)) in rates.iter().enumerate() {
        let (x, from) = (index as f64, seconds(index as f64 * digest.slot_seconds));
        let (ok_height, failed_height) = (ok / most * 100.0, failed / most * 100.0);
        let bar = |y, height, look, says| Bar { x, width: 0.9, y, height, look, opacity: 1.0, says };
        bars.push(bar(100.0 - ok_height, ok_height, "fill-ok", format!("{} at {from}", rate(*ok))));
        if *failed > 0.0 {
            let says = format!("{} failed attempts at {from}", rate(*failed));
            bars.push(bar(100.0 - ok_height - failed_height, failed_height, "fill-bad", says));
        }
    }
    format!(
        "<figure><figcaption>at most {} · attempts that failed in red</figcaption>{}{}</figure>",
        rate(most),
        svg("chart", rates.len() as f64, 100.0, "tasks a second over time", &bars),
        axis("", &ends(digest))
    )
}

/// The beginning, the middle and the end of the time that a digest covers.
fn ends(digest: &Digest) -> [String; 3] {
    let whole = digest.slot_seconds * digest.ok.len() as f64;
    ["0".to_owned(), seconds(whole / 2.0), seconds(whole)]
}

/// A row for each worker: the darker, the busier; deaths in red.
pub(super) fn workers(digest: &Digest) -> String {
    let mut text = String::from(
        "<figure><figcaption>the stronger the colour, the more of that time was spent in tasks · red: its process \
         died</figcaption>",
    );
    for (index, busy) in digest.busy.iter().enumerate() {
        let number = index + 1;
        let mut bars: Vec<Bar<'_>> =
            (0..).zip(busy).filter(|(_, part)| **part > 0).map(worker_bar(digest)).collect();
        let deaths = digest.marks.iter().filter(|mark| mark.worker as usize == number);
        bars.extend(deaths.map(|mark| Bar {
            x: mark.at / digest.slot_seconds - 0.2,
            width: 0.4,
            y: 0.0,
            height: 10.0,
            look: "fill-bad",
            opacity: 1.0,
            says: format!("{}: {}", seconds(mark.at), super::escape::text(&mark.what)),
        }));
        let label = format!("when worker-{number} was busy");
        let chart = svg("", busy.len() as f64, 10.0, &label, &bars);
        let _ = write!(text, "<div class=\"row\"><span>worker-{number}</span>{chart}</div>");
    }
    let _ = write!(text, "{}</figure>", axis("indent", &ends(digest)));
    if digest.more_workers > 0 {
        let _ =
            write!(text, "<p class=\"faint\">… and {} more workers</p>", count(digest.more_workers.into()));
    }
    if digest.more_marks > 0 {
        let _ = write!(text, "<p class=\"faint\">… and {} more deaths</p>", count(digest.more_marks));
    }
    text
}

fn worker_bar(digest: &Digest) -> impl Fn((u32, &u8)) -> Bar<'static> {
    let slot = digest.slot_seconds;
    move |(index, part)| Bar {
        x: index.into(),
        width: 1.0,
        y: 0.0,
        height: 10.0,
        look: "fill-ok",
        opacity: f64::from(*part).clamp(8.0, 100.0) / 100.0,
        says: format!("busy for {part} % of the {} from {}", seconds(slot), seconds(f64::from(index) * slot)),
    }
}

/// The task at this part of all tasks, shortest first: a time in seconds.
fn quantile(digest: &Digest, part: f64) -> f64 {
    let all = digest.histogram.iter().fold(0_u64, |all, number| all.saturating_add(*number));
    let wanted = (all as f64 * part).ceil() as u64;
    let mut passed = 0_u64;
    for (place, number) in digest.histogram.iter().enumerate() {
        passed = passed.saturating_add(*number);
        if passed >= wanted && *number > 0 {
            return histogram_floor(place) as f64 / 1e6;
        }
    }
    digest.longest_micros as f64 / 1e6
}

/// How many tasks took how long.
pub(super) fn histogram(digest: &Digest) -> String {
    let Some(first) = digest.histogram.iter().position(|number| *number > 0) else { return String::new() };
    let places = digest.histogram.get(first..).unwrap_or_default();
    let most = places.iter().copied().max().unwrap_or(1).max(1) as f64;
    let at = |place: usize| histogram_floor(first + place) as f64 / 1e6;
    let bars: Vec<Bar<'_>> = (0..)
        .zip(places)
        .map(|(place, number)| Bar {
            x: place as f64,
            width: 0.92,
            y: 100.0 - *number as f64 / most * 100.0,
            height: *number as f64 / most * 100.0,
            look: "fill-ok",
            opacity: 1.0,
            says: format!(
                "{} tasks took {} to {}",
                count(*number),
                seconds(at(place)),
                seconds(at(place + 1))
            ),
        })
        .collect();
    let labels = [at(0), at(places.len() / 2), at(places.len())].map(seconds);
    let [median, ninety, hundredth] = [0.5, 0.9, 0.99].map(|part| seconds(quantile(digest, part)));
    format!(
        "<figure><figcaption>half took about {median} or less, nine in ten {ninety}, ninety-nine in a hundred \
         {hundredth}; the longest {}</figcaption>{}{}</figure>",
        seconds(digest.longest_micros as f64 / 1e6),
        svg("chart", places.len() as f64, 100.0, "how many tasks took how long", &bars),
        axis("", &labels)
    )
}

/// What the time was spent on: one bar, and what its colours mean.
pub(super) fn time_spent(time: &TimeSummary) -> String {
    let parts = [
        ("starting", "starting workers", time.starting),
        ("planning", "waiting for planning", time.planning),
        ("tasks", "tasks", time.tasks),
        ("output", "waiting for output or store", time.output),
        ("ending", "last tasks", time.ending),
    ];
    let whole: f64 = parts.iter().map(|(.., part)| part).sum();
    if whole.is_nan() || whole <= 0.0 {
        return String::new();
    }
    let (mut bars, mut legend, mut x) = (Vec::new(), String::new(), 0.0);
    for (look, name, part) in parts.into_iter().filter(|(.., part)| *part > 0.0) {
        let width = part / whole * 100.0;
        let says = format!("{name}: {}", seconds(part));
        let _ = write!(legend, "<li><i class=\"{look}\"></i>{name} {width:.0} %</li>");
        bars.push(Bar { x, width, y: 0.0, height: 10.0, look, opacity: 1.0, says });
        x += width;
    }
    let bar = svg("stack", 100.0, 10.0, "what the time was spent on", &bars);
    format!("{bar}<ul class=\"legend\">{legend}</ul>")
}
