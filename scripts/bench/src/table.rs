//! The one table, in Markdown. Pure: from what was measured to lines.

use crate::comparison::{Comparison, Metric};
use crate::figures::{better_by, digits, median, text};
use crate::rounds::Measured;

/// The head of the table.
pub(crate) const HEAD: &str =
    "| what | who | median | least to most | the first is better by | goal |\n|---|---|---|---|---|---|";

/// The lines of one comparison, and whether all is well: no side failed, and no goal is missed.
pub(crate) fn rows(comparison: &Comparison<'_>, measured: &[Measured]) -> (Vec<String>, bool) {
    let mut lines = Vec::new();
    let mut well = !measured.iter().any(|side| matches!(side, Measured::Failed(_)));
    for (number, metric) in comparison.metrics.iter().enumerate() {
        let mut what = if metric.name.is_empty() {
            comparison.name.clone()
        } else {
            format!("{}, {}", comparison.name, metric.name)
        };
        let first = values(measured.first(), metric);
        for (place, (side, of_side)) in comparison.sides.iter().zip(measured).enumerate() {
            let line = match of_side {
                Measured::Failed(_) if number == 0 => format!("| {what} | {} | FAILED | | | |", side.name),
                Measured::Missing(_) if number == 0 => {
                    format!("| {what} | {} | not installed | | | |", side.name)
                }
                Measured::Failed(_) | Measured::Missing(_) => continue,
                Measured::Rounds(_) => {
                    let values = values(Some(of_side), metric);
                    // Not every side measures everything.
                    let Some(cells) = cells(metric, &values) else { continue };
                    let ratio = better_by(&first, &values, metric.more).filter(|_| place > 0);
                    let (goal, met) = goal(metric, &side.name, median(&values), ratio);
                    well &= met;
                    let ratio = ratio.map(|ratio| format!("× {}", digits(ratio))).unwrap_or_default();
                    format!("| {what} | {} | {cells} | {ratio} | {goal} |", side.name)
                }
            };
            lines.push(line);
            what.clear();
        }
    }
    (lines, well)
}

fn values(measured: Option<&Measured>, metric: &Metric) -> Vec<f64> {
    match measured {
        Some(Measured::Rounds(rounds)) => {
            rounds.iter().filter_map(|round| round.get(&metric.key).copied()).collect()
        }
        _ => Vec::new(),
    }
}

/// The median, and the least and the most.
fn cells(metric: &Metric, values: &[f64]) -> Option<String> {
    let least = values.iter().copied().min_by(f64::total_cmp)?;
    let most = values.iter().copied().max_by(f64::total_cmp)?;
    Some(format!("{} | {} to {}", text(median(values)?, metric), text(least, metric), text(most, metric)))
}

fn goal(metric: &Metric, side: &str, median: Option<f64>, ratio: Option<f64>) -> (String, bool) {
    let Some(goal) = metric.goal.as_ref().filter(|goal| goal.side == side) else {
        return (String::new(), true);
    };
    let (value, most) = match goal.of_ratio {
        true => (ratio, format!("× {}", digits(goal.most))),
        false => (median, text(goal.most, metric)),
    };
    let met = value.is_some_and(|value| value <= goal.most);
    (format!("at most {most}: {}", if met { "met" } else { "missed" }), met)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::{Figures, Goal, Side, Unit};

    fn side(name: &str) -> Side<'static> {
        Side::peer(name, None, || Ok(Figures::new()))
    }

    fn rounds(key: &str, values: &[f64]) -> Measured {
        Measured::Rounds(values.iter().map(|value| Figures::from([(key.to_owned(), *value)])).collect())
    }

    #[test]
    fn a_line_has_the_median_the_spread_and_the_ratio_to_the_first() {
        let metrics = vec![Metric::more("per_second", Unit::Rate)];
        let comparison = Comparison::new("tiny tasks", metrics, vec![side("ours"), side("Pool")]);
        let measured = [rounds("per_second", &[3e7, 4e7, 5e7]), rounds("per_second", &[3e4, 4e4, 5e4])];
        let (lines, well) = rows(&comparison, &measured);
        assert!(well);
        assert_eq!(
            lines,
            [
                "| tiny tasks | ours | 40 M/s | 30 M/s to 50 M/s |  |  |",
                "|  | Pool | 40 k/s | 30 k/s to 50 k/s | × 1000 |  |",
            ]
        );
    }

    #[test]
    fn what_failed_or_is_missing_has_a_line_and_a_failure_is_not_well() {
        let metrics = vec![Metric::less("s", Unit::Seconds), Metric::less("cpu", Unit::Seconds).named("CPU")];
        let comparison = Comparison::new("sum", metrics, vec![side("ours"), side("A"), side("B")]);
        let measured = [rounds("s", &[0.5]), Measured::Failed("why".into()), Measured::Missing("numpy")];
        let (lines, well) = rows(&comparison, &measured);
        assert!(!well);
        assert_eq!(
            lines,
            [
                "| sum | ours | 500 ms | 500 ms to 500 ms |  |  |",
                "|  | A | FAILED | | | |",
                "|  | B | not installed | | | |",
            ]
        );
    }

    #[test]
    fn a_side_without_a_metric_has_no_line_for_it() {
        let metrics = vec![
            Metric::less("s", Unit::Seconds),
            Metric::less("busy", Unit::Seconds).named("workers alone"),
        ];
        let comparison = Comparison::new("sum", metrics, vec![side("`run`"), side("floor")]);
        let both = Figures::from([("s".to_owned(), 0.2), ("busy".to_owned(), 0.1)]);
        let (lines, _) = rows(&comparison, &[Measured::Rounds(vec![both]), rounds("busy", &[0.05])]);
        assert_eq!(
            lines,
            [
                "| sum | `run` | 200 ms | 200 ms to 200 ms |  |  |",
                "| sum, workers alone | `run` | 100 ms | 100 ms to 100 ms |  |  |",
                "|  | floor | 50 ms | 50 ms to 50 ms | × 0.5 |  |",
            ]
        );
    }

    #[test]
    fn a_goal_that_is_missed_is_told_and_is_not_well() {
        let goal = Goal { side: "stored", most: 1.25, of_ratio: true };
        let metrics = vec![Metric::more("x", Unit::Rate).with_goal(goal)];
        let comparison = Comparison::new("a run", metrics, vec![side("none"), side("stored")]);
        let (lines, well) = rows(&comparison, &[rounds("x", &[10.0]), rounds("x", &[9.0])]);
        assert!(well);
        assert!(lines[1].ends_with("| × 1.11 | at most × 1.25: met |"), "{}", lines[1]);
        let (lines, well) = rows(&comparison, &[rounds("x", &[10.0]), rounds("x", &[5.0])]);
        assert!(!well);
        assert!(lines[1].ends_with("| at most × 1.25: missed |"), "{}", lines[1]);
    }
}
