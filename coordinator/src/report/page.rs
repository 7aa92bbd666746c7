//! The page as a whole.

use super::content::Report;
use super::escape::text;
use super::{charts, sections};
use crate::timeline::Digest;

const STYLE: &str = include_str!("page.css");

/// The whole page. It refers to nothing outside of itself.
pub fn html(report: &Report) -> String {
    let title = format!("{} · {}", text(&report.job), text(&report.run_id));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{}\n</body>\n</html>\n",
        body(report).join("\n")
    )
}

fn body(report: &Report) -> Vec<String> {
    let mut parts = vec![sections::head(report)];
    match &report.summary {
        None => parts.push(
            "<p class=\"faint\">The run has not come to its end: there is no summary of it, and no timeline.</p>".into(),
        ),
        Some(summary) => {
            parts.push(sections::tiles(summary));
            parts.push(sections::section("Result", &sections::result(report)));
            parts.push(sections::section("Failures", &sections::failures(report)));
            let time = charts::time_spent(&summary.time) + &sections::advice(summary);
            parts.push(sections::section("Where the time went", &time));
            match summary.timeline.as_ref().filter(|digest| digest.is_sound()) {
                Some(digest) => parts.extend(over_time(digest)),
                None => parts.push(
                    "<p class=\"faint\">No timeline was stored with this run: how it went over time can't be shown.</p>"
                        .into(),
                ),
            }
            parts.push(sections::section("Each worker", &sections::worker_table(summary)));
        }
    }
    if report.summary.is_none() {
        parts.push(sections::section("Failures", &sections::failures(report)));
    }
    parts.push(
        "<footer>Written by coordinator. Times leave out pauses; workers are OS processes.</footer>".into(),
    );
    parts.retain(|part| !part.is_empty());
    parts
}

fn over_time(digest: &Digest) -> [String; 3] {
    [
        sections::section("Tasks a second", &charts::throughput(digest)),
        sections::section("Workers over time", &charts::workers(digest)),
        sections::section("How long tasks took", &charts::histogram(digest)),
    ]
}
