//! What was found, for people: a table, a small chart, and sentences.

use std::fmt::Write as _;

use super::analysis::{Limit, Row, Scaling};

/// The widest bar, in columns.
const WIDTH: f64 = 40.0;
/// Beyond this the times are called far from the law.
const FAR: f64 = 0.05;

/// The table, the chart and the sentences; `tasks` is how many tasks the job has, where that is known.
pub fn text(scaling: &Scaling, tasks: Option<u64>) -> String {
    let mut text = "workers       time   speedup  efficiency  serial (Karp-Flatt)\n".to_owned();
    for row in &scaling.rows {
        let serial = row.karp_flatt.map_or_else(|| "-".to_owned(), percent);
        // Writing to text can't fail.
        let _ = writeln!(
            text,
            "{:>7}  {:>7.3} s  {:>6.2} x  {:>10}  {serial:>19}",
            row.workers,
            row.seconds,
            row.speedup,
            percent(row.efficiency),
        );
    }
    text.push('\n');
    push_bars(&scaling.rows, &mut text);
    text.push('\n');
    push_sentences(scaling, tasks, &mut text);
    text
}

/// A bar for each speedup, with a mark where the ideal one would end.
fn push_bars(rows: &[Row], text: &mut String) {
    let widest = rows.iter().map(|row| row.speedup.max(f64::from(row.workers))).fold(1.0, f64::max);
    for row in rows {
        let columns = |speedup: f64| (speedup / widest * WIDTH).round() as usize;
        let (bar, ideal) = (columns(row.speedup), columns(f64::from(row.workers)));
        let mut line: String = "#".repeat(bar);
        if ideal > bar {
            line += &" ".repeat(ideal - bar - 1);
            line.push('|');
        }
        let _ = writeln!(text, "{:>7}  {line}", row.workers);
    }
    let _ = writeln!(text, "         # speedup, | ideal");
}

fn push_sentences(scaling: &Scaling, tasks: Option<u64>, text: &mut String) {
    match &scaling.fit {
        None => text.push_str("serial fraction: needs at least two numbers of workers\n"),
        Some(fit) => {
            let error = fit.error.map_or_else(String::new, |error| format!(" ± {}", percent(error)));
            let _ = writeln!(text, "serial fraction: {}{error} (Amdahl's law)", percent(fit.serial_fraction));
            push_limit(scaling, text);
            if fit.serial_fraction >= 0.0005 {
                let most = 1.0 / fit.serial_fraction;
                let _ = writeln!(text, "by that law, no number of workers gives a speedup above {most:.1}");
            }
            if fit.misfit > FAR {
                let _ = writeln!(
                    text,
                    "the times are {} off that law: take it with care, or measure more often (--repeat)",
                    percent(fit.misfit)
                );
            }
        }
    }
    if scaling.too_short {
        text.push_str("the job is too short to tell: starting workers is much of it; give it more to do\n");
    }
    let most = scaling.rows.last().map_or(0, |row| row.workers);
    if let Some(tasks) = tasks.filter(|tasks| *tasks < u64::from(most)) {
        let _ = writeln!(text, "the job has {tasks} tasks: more workers than that have nothing to do");
    }
    let _ = writeln!(
        text,
        "recommended: {} (the fewest that are within 5 % of the fastest)",
        if scaling.recommended == 1 {
            "1 worker".to_owned()
        } else {
            format!("{} workers", scaling.recommended)
        }
    );
}

/// Up to how many workers the law was fitted, and how it went beyond.
fn push_limit(scaling: &Scaling, text: &mut String) {
    let fitted = scaling.fitted;
    let at = |workers: u32| scaling.rows.iter().find(|row| row.workers == workers).map(|row| row.seconds);
    let (Some(limit), Some(last)) = (scaling.limit, scaling.rows.last()) else { return };
    let _ = match limit {
        Limit::Cores => {
            writeln!(
                text,
                "fitted up to {fitted} workers: no more cores may be used, so that more take turns"
            )
        }
        Limit::Plateau => writeln!(
            text,
            "fitted up to {fitted} workers: from there on the time stays the same, as if no\n\
             more tasks could run beside each other"
        ),
    };
    if let Some(seconds) = at(fitted) {
        let times = last.seconds / seconds;
        let _ = writeln!(text, "past them, {} workers take {times:.2} x the time of {fitted}", last.workers);
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::analyse;
    use super::super::analysis::tests::amdahl;
    use super::super::measurement::Measurement;
    use super::*;

    #[test]
    fn the_text_tells_times_bars_the_law_and_what_to_do() {
        let text = text(&analyse(&amdahl(0.5, &[1, 2, 4]), 4).unwrap(), Some(3));
        for part in [
            "      2    7.500 s    1.33 x      66.7 %               50.0 %\n",
            "      1  ##########\n",
            "      4  ################                       |\n",
            "serial fraction: 50.0 % ± 0.0 % (Amdahl's law)\n",
            "no number of workers gives a speedup above 2.0\n",
            "the job has 3 tasks",
            "recommended: 4 workers",
        ] {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn what_is_past_the_cores_is_told_apart_from_the_law() {
        let time = |n: u32| 10.0 / f64::from(n.min(2));
        let times: Vec<_> =
            (1..=6).map(|workers| Measurement { workers, repeat: 1, seconds: time(workers) }).collect();
        for (cores, why) in [(2, "no more cores may be used"), (8, "the time stays the same")] {
            let text = text(&analyse(&times, cores).unwrap(), None);
            for part in [
                "serial fraction: 0.0 %",
                "fitted up to 2 workers: ",
                why,
                "past them, 6 workers take 1.00 x",
            ] {
                assert!(text.contains(part), "{part:?} is missing in\n{text}");
            }
            assert!(!text.contains("no number of workers"), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
        let short = [Measurement { workers: 1, repeat: 1, seconds: 0.01 }];
        assert!(text(&analyse(&short, 2).unwrap(), None).contains("too short to tell"));
    }
}
