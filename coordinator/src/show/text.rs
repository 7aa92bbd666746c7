//! What the progress says, in lines that fit. Pure: how the run stands goes in, text comes out.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::observe::board::Standing;
use crate::output::{about, count, printable, rate, seconds};

/// The bar is never narrower or wider than this.
const BAR: std::ops::RangeInclusive<usize> = 8..=40;

/// Pieces that matter no more than this are said in passing.
const PASSING: u32 = 3;

/// What is shown beside the counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) job: &'a str,
    pub(super) standing: Standing,
    /// Tasks a second.
    pub(super) rate: Option<f64>,
    pub(super) remaining: Option<Duration>,
}

/// What one worker is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WorkerView {
    pub(super) name: String,
    /// The task's input, or that there is none.
    pub(super) what: String,
    pub(super) attempt: u32,
    /// For how long; none where it has no task.
    pub(super) elapsed: Option<Duration>,
}

/// A piece of a line: its text, its style, and how much it matters (less: dropped first).
struct Piece {
    text: String,
    style: Style,
    weight: u32,
}

fn piece(weight: u32, text: String) -> Piece {
    Piece { text, style: Style::new(), weight }
}

impl View<'_> {
    fn ended(&self) -> u64 {
        let Standing { skipped, ok, failed, .. } = self.standing;
        skipped + ok + failed
    }

    /// How much is done, from 0 to 1.
    fn part(&self) -> Option<f64> {
        let total = self.standing.total.filter(|total| *total > 0)?;
        Some((self.ended() as f64 / total as f64).clamp(0.0, 1.0))
    }

    fn percent(&self) -> Option<String> {
        // 100 % is said when it is all done.
        Some(format!("{:.0} %", (self.part()? * 100.0).floor()))
    }

    /// `2 failed`, `1 tried again`, `1 restart`, where there are any.
    fn trouble(&self) -> [(u64, String); 3] {
        let Standing { failed, retried, restarts, .. } = self.standing;
        let restarts = u64::from(restarts);
        let plural = if restarts == 1 { "" } else { "s" };
        [
            (failed, format!("{} failed", count(failed))),
            (retried, format!("{} tried again", count(retried))),
            (restarts, format!("{} restart{plural}", count(restarts))),
        ]
    }

    /// The overall line, at most `width` columns wide: the less a piece matters, the sooner it is left out.
    pub(super) fn line(&self, width: usize, colour: bool) -> String {
        let mut pieces = vec![piece(3, cut(&printable(self.job), 20))];
        let ended = count(self.ended());
        pieces.push(match self.standing.total {
            Some(total) => piece(9, format!("{ended}/{}", count(total))),
            None => piece(9, format!("{ended} done")),
        });
        pieces.extend(self.percent().map(|percent| piece(5, percent)));
        let colours = [AnsiColor::Red, AnsiColor::Yellow, AnsiColor::Yellow];
        for (((number, text), colour), weight) in self.trouble().into_iter().zip(colours).zip([8, 2, 1]) {
            if number > 0 {
                pieces.push(Piece { text, style: colour.on_default(), weight });
            }
        }
        pieces.extend(self.rate.map(|per_second| piece(6, rate(per_second))));
        pieces.push(match (self.remaining, self.standing.total) {
            (Some(left), Some(_)) => piece(7, format!("{} left", about(left.as_secs_f64()))),
            _ => piece(4, about(self.standing.elapsed.as_secs_f64())),
        });
        // The bar matters more than what is said in passing.
        let bar = BAR.start() + 2;
        while length(&pieces) + bar > width && self.part().is_some() && drop_least(&mut pieces, PASSING) {}
        fit(&mut pieces, width);
        self.join(&pieces, width, colour)
    }

    /// The pieces with two spaces between them, and the bar behind the first of them where there is room.
    fn join(&self, pieces: &[Piece], width: usize, colour: bool) -> String {
        let room = width.saturating_sub(length(pieces) + 2);
        let bar =
            self.part().filter(|_| room >= *BAR.start()).map(|part| bar(part, room.min(*BAR.end()), colour));
        let mut parts: Vec<String> = pieces.iter().map(|piece| styled(piece, colour)).collect();
        if let Some(bar) = bar {
            parts.insert(1.min(parts.len()), bar);
        }
        parts.join("  ")
    }

    /// The same for logs: a sentence that needs no terminal.
    pub(super) fn sentence(&self) -> String {
        let ended = count(self.ended());
        let mut text = match (self.standing.total, self.percent()) {
            (Some(total), Some(percent)) => {
                format!("{}: {ended} of {} tasks done ({percent})", printable(self.job), count(total))
            }
            _ => format!("{}: {ended} tasks done", printable(self.job)),
        };
        for (_, trouble) in self.trouble().into_iter().filter(|(number, _)| *number > 0) {
            text.push_str(", ");
            text.push_str(&trouble);
        }
        if let Some(per_second) = self.rate {
            text.push_str(&format!(", {}", rate(per_second)));
        }
        match (self.remaining, self.standing.total) {
            (Some(left), Some(_)) => text.push_str(&format!(", about {} left", about(left.as_secs_f64()))),
            _ => text.push_str(&format!(", {} so far", about(self.standing.elapsed.as_secs_f64()))),
        }
        text
    }
}

/// A line for each worker, at most `height` of them and `width` columns wide.
pub(super) fn worker_lines(workers: &[WorkerView], width: usize, height: usize) -> Vec<String> {
    let shown = if workers.len() <= height { workers.len() } else { height.saturating_sub(1) };
    let names = workers.iter().map(|worker| worker.name.width()).max().unwrap_or(0);
    let mut lines: Vec<String> =
        workers.iter().take(shown).map(|worker| worker_line(worker, names, width)).collect();
    if shown < workers.len() && height > 0 {
        lines.push(cut(&format!("  … and {} more workers", workers.len() - shown), width));
    }
    lines
}

/// `  worker-1    3.2 s  photos/cat.jpg (attempt 2)`.
fn worker_line(worker: &WorkerView, names: usize, width: usize) -> String {
    let time = worker.elapsed.map(|elapsed| seconds(elapsed.as_secs_f64())).unwrap_or_default();
    let attempt = if worker.attempt > 1 { format!(" (attempt {})", worker.attempt) } else { String::new() };
    let head = format!("  {:names$}  {time:>11}  ", worker.name);
    let room = width.saturating_sub(head.width() + attempt.width());
    cut(&format!("{head}{}{attempt}", cut(&printable(&worker.what), room)), width)
}

/// Drops the piece that matters least, where it matters no more than this; false where there is none.
fn drop_least(pieces: &mut Vec<Piece>, weight: u32) -> bool {
    let places = pieces.iter().enumerate().filter(|(_, piece)| piece.weight <= weight);
    let Some(least) = places.min_by_key(|(_, piece)| piece.weight).map(|(index, _)| index) else {
        return false;
    };
    pieces.remove(least);
    true
}

/// Drops the pieces that matter least until the rest fits; the last one is cut.
fn fit(pieces: &mut Vec<Piece>, width: usize) {
    while length(pieces) > width && pieces.len() > 1 && drop_least(pieces, u32::MAX) {}
    if let [piece] = pieces.as_mut_slice() {
        piece.text = cut(&piece.text, width);
    }
}

fn length(pieces: &[Piece]) -> usize {
    let texts: usize = pieces.iter().map(|piece| piece.text.width()).sum();
    texts + 2 * pieces.len().saturating_sub(1)
}

fn styled(piece: &Piece, colour: bool) -> String {
    let style = if colour { piece.style } else { Style::new() };
    format!("{style}{}{style:#}", piece.text)
}

fn bar(part: f64, width: usize, colour: bool) -> String {
    let full = ((part * width as f64).floor() as usize).min(width);
    let style = if colour { AnsiColor::Green.on_default() } else { Style::new() };
    let faint = if colour { Style::new().dimmed() } else { Style::new() };
    format!("{style}{}{style:#}{faint}{}{faint:#}", "━".repeat(full), "╌".repeat(width - full))
}

/// The beginning of a text, at most `width` columns wide; one that was cut ends with `…`.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used >= width {
            break;
        }
        short.push(c);
    }
    if width > 0 {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn view(total: Option<u64>) -> View<'static> {
        let standing = Standing {
            total,
            ok: 44_998,
            failed: 2,
            retried: 3,
            restarts: 1,
            elapsed: Duration::from_secs(75),
            ..Standing::default()
        };
        View { job: "primes", standing, rate: Some(12_345.0), remaining: Some(Duration::from_secs(65)) }
    }

    #[test]
    fn the_line_says_what_fits() {
        let view = view(Some(100_000));
        let at = |width| view.line(width, false);
        assert_eq!(
            at(120),
            "primes  ━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  45,000/100,000  45 %  2 failed  3 tried again  \
             1 restart  12,345/s  1 min 05 s left"
        );
        assert_eq!(at(79), "primes  ━━━━━╌╌╌╌╌╌╌  45,000/100,000  45 %  2 failed  12,345/s  1 min 05 s left");
        assert_eq!(at(41), "45,000/100,000  2 failed  1 min 05 s left");
        assert_eq!(at(14), "45,000/100,000");
        assert_eq!(at(5), "45,0…");
    }

    #[test]
    fn an_unknown_total_gives_a_rate_and_no_end() {
        let view = view(None);
        let line = view.line(100, false);
        assert_eq!(line, "primes  45,000 done  2 failed  3 tried again  1 restart  12,345/s  1 min 15 s");
        assert!(!view.sentence().contains("left"));
    }

    #[test]
    fn the_sentence_needs_no_terminal() {
        assert_eq!(
            view(Some(100_000)).sentence(),
            "primes: 45,000 of 100,000 tasks done (45 %), 2 failed, 3 tried again, 1 restart, 12,345/s, \
             about 1 min 05 s left"
        );
    }

    #[test]
    fn workers_beyond_the_height_are_counted() {
        let worker = |number: u64| WorkerView {
            name: format!("worker-{number}"),
            what: "photos/a very long name of a picture of a cat.jpg".into(),
            attempt: number as u32,
            elapsed: Some(Duration::from_millis(number * 1500)),
        };
        let workers: Vec<_> = (1..=12).map(worker).collect();
        let lines = worker_lines(&workers, 60, 3);
        assert_eq!(
            lines,
            [
                "  worker-1        1.50 s  photos/a very long name of a pict…",
                "  worker-2        3.00 s  photos/a very long na… (attempt 2)",
                "  … and 10 more workers"
            ]
        );
        assert!(worker_lines(&workers, 60, 0).is_empty());
        assert_eq!(worker_lines(&workers, 60, 12).len(), 12);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_it_may_be(
            job in any::<String>(), what in any::<String>(), width in 0..200_usize, total in any::<Option<u64>>(),
        ) {
            let mut view = view(total);
            view.job = &job;
            prop_assert!(view.line(width, false).width() <= width);
            let worker = WorkerView { name: job.clone(), what, attempt: 7, elapsed: None };
            for line in worker_lines(&[worker], width, 1) {
                prop_assert!(line.width() <= width && !line.contains('\n'));
            }
        }
    }
}
