//! Sides in turns, round by round. Nobody is always the first, or always after the same one.

use std::collections::BTreeMap;

use anyhow::bail;

use crate::build::Build;
use crate::comparison::{Comparison, Figures, Metric, Run, Side};
use crate::figures::median;

/// What came of one side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Measured {
    /// Its figures, a round each.
    Rounds(Vec<Figures>),
    /// It came to a wrong end.
    Failed(String),
    /// It can't be run here: this is missing.
    Missing(&'static str),
}

/// The order of `sides` in a round: each round begins with another one.
pub(crate) fn turn(sides: usize, round: usize) -> Vec<usize> {
    (0..sides).map(|place| (place + round) % sides).collect()
}

/// Runs every side in every round. A side that fails is told, and left out from then on; the others go on.
pub(crate) fn play(comparison: &Comparison<'_>, rounds: usize, this: &Build) -> Vec<Measured> {
    let mut measured: Vec<Measured> = comparison
        .sides
        .iter()
        .map(|side| match side.run {
            Run::Missing(what) => Measured::Missing(what),
            Run::Ours(_) | Run::Peer(_) => Measured::Rounds(Vec::new()),
        })
        .collect();
    let warm_up = usize::from(comparison.warm);
    for round in 0..rounds + warm_up {
        for place in turn(comparison.sides.len(), round) {
            let (Some(side), Some(so_far)) = (comparison.sides.get(place), measured.get_mut(place)) else {
                continue;
            };
            let Measured::Rounds(figures) = so_far else { continue };
            match one_round(side, comparison, this) {
                Ok(round_figures) if round >= warm_up => figures.push(round_figures),
                Ok(_) => {}
                Err(error) => {
                    eprintln!("FAILED: {}: {}: {error:#}", comparison.name, side.name);
                    *so_far = Measured::Failed(format!("{error:#}"));
                }
            }
        }
    }
    measured
}

fn one_round(side: &Side<'_>, comparison: &Comparison<'_>, this: &Build) -> anyhow::Result<Figures> {
    let runs: Vec<Figures> = (0..comparison.repeat)
        .map(|_| match &side.run {
            Run::Ours(run) => run(this),
            Run::Peer(run) => run(),
            Run::Missing(what) => bail!("{what} is not installed"),
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(median_of_runs(&comparison.metrics, &runs))
}

/// Metric by metric the median of a round's runs; what a side does not measure is not in it.
fn median_of_runs(metrics: &[Metric], runs: &[Figures]) -> Figures {
    let of = |metric: &Metric| {
        let values: Vec<f64> = runs.iter().filter_map(|run| run.get(&metric.key).copied()).collect();
        Some((metric.key.clone(), median(&values)?))
    };
    metrics.iter().filter_map(of).collect::<BTreeMap<_, _>>()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::PathBuf;

    use super::*;
    use crate::comparison::Unit;

    fn build(name: &str) -> Build {
        Build { name: name.into(), coordinator: PathBuf::from(name), bench_pool: None }
    }

    fn one(value: f64) -> Figures {
        Figures::from([("x".to_owned(), value)])
    }

    #[test]
    fn each_round_begins_with_another_side() {
        assert_eq!(turn(3, 0), [0, 1, 2]);
        assert_eq!(turn(3, 1), [1, 2, 0]);
        assert_eq!(turn(3, 5), [2, 0, 1]);
        assert_eq!(turn(0, 1), [0; 0]);
    }

    #[test]
    fn sides_run_in_turns_and_the_warm_up_does_not_count() {
        let order = RefCell::new(String::new());
        let side = |name: &'static str| {
            let order = &order;
            Side::peer(name, None, move || {
                order.borrow_mut().push_str(name);
                Ok(one(order.borrow().len() as f64))
            })
        };
        let metrics = vec![Metric::less("x", Unit::Seconds)];
        let comparison = Comparison::new("a name", metrics, vec![side("a"), side("b")]).warm();
        let measured = play(&comparison, 2, &build("this"));
        assert_eq!(*order.borrow(), "abbaab");
        assert_eq!(measured[0], Measured::Rounds(vec![one(4.0), one(5.0)]));
        assert_eq!(measured[1], Measured::Rounds(vec![one(3.0), one(6.0)]));
    }

    #[test]
    fn a_side_that_fails_is_left_out_and_the_others_go_on() {
        let tries = RefCell::new(0);
        let bad = Side::peer("bad", None, || {
            *tries.borrow_mut() += 1;
            bail!("a wrong answer")
        });
        let good = Side::ours("good", |_| Ok(one(1.0)));
        let gone = Side::peer("gone", Some("xargs"), || Ok(one(2.0)));
        let comparison =
            Comparison::new("a name", vec![Metric::more("x", Unit::Rate)], vec![bad, good, gone]);
        let measured = play(&comparison, 3, &build("this"));
        assert_eq!(*tries.borrow(), 1);
        assert_eq!(measured[0], Measured::Failed("a wrong answer".into()));
        assert_eq!(measured[1], Measured::Rounds(vec![one(1.0); 3]));
        assert_eq!(measured[2], Measured::Missing("xargs"));
    }

    #[test]
    fn a_round_is_the_median_of_its_runs() {
        let next = RefCell::new([9.0, 1.0, 5.0].into_iter());
        let side = Side::peer("a", None, || Ok(one(next.borrow_mut().next().unwrap())));
        let comparison = Comparison::new("n", vec![Metric::less("x", Unit::Seconds)], vec![side]).repeated(3);
        assert_eq!(play(&comparison, 1, &build("this")), [Measured::Rounds(vec![one(5.0)])]);
    }

    #[test]
    fn two_builds_are_compared_side_by_side_of_ours_and_peers_are_left_out() {
        let (this, other) = (build("this"), build("that"));
        let of_name =
            |build: &Build| Ok(one(build.name.len() as f64 + f64::from(u8::from(build.name == "that"))));
        let sides = vec![
            Side::ours("ours", of_name),
            Side::ours("batches of 1", of_name),
            Side::peer("Pool", None, || Ok(one(0.0))),
        ];
        let all =
            Comparison::new("tiny", vec![Metric::less("x", Unit::Seconds)], sides).of_builds(&this, &other);
        assert_eq!(
            all.iter().map(|each| each.name.as_str()).collect::<Vec<_>>(),
            ["tiny", "tiny: batches of 1"]
        );
        let names: Vec<_> = all[0].sides.iter().map(|side| side.name.as_str()).collect();
        assert_eq!(names, ["this", "that"]);
        let measured = play(&all[0], 1, &this);
        assert_eq!(measured, [Measured::Rounds(vec![one(4.0)]), Measured::Rounds(vec![one(5.0)])]);
    }
}
