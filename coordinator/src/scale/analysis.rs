//! From times to a speedup for each number of workers, and to a recommendation.

use super::fit::{Fit, fit};
use super::measurement::Measurement;

/// What is known of one number of workers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// How many workers.
    pub workers: u32,
    /// The median of its times, in seconds.
    pub seconds: f64,
    /// The shortest of its times.
    pub least: f64,
    /// The longest of its times.
    pub most: f64,
    /// How many times faster than one worker (or than the fewest that were measured, taken as ideal).
    pub speedup: f64,
    /// The speedup for each worker; 1 is ideal.
    pub efficiency: f64,
    /// Karp–Flatt's serial fraction; `None` for one worker.
    pub karp_flatt: Option<f64>,
}

/// What the measurements say.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// The measured numbers of workers, ascending.
    pub rows: Vec<Row>,
    /// Amdahl's law through the times on up to `fitted` workers; `None` for fewer than two such numbers.
    pub fit: Option<Fit>,
    /// The most workers that the law is for.
    pub fitted: u32,
    /// Why it is for no more of them, where more were measured.
    pub limit: Option<Limit>,
    /// The job is over so soon that its times say little.
    pub too_short: bool,
    /// The fewest workers that are as fast as any, but for a twentieth.
    pub recommended: u32,
}

/// What keeps more workers from being faster, where it isn't the law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// This process may use no more cores than that.
    Cores,
    /// From there on the time stays the same: the tasks run no more of them beside each other, whatever they wait for.
    Plateau,
}

/// Below this many seconds, the starts of the workers and the clock of the machine make up the times.
const SHORT: f64 = 0.25;

/// Times that are no further off a law than this agree with it.
const NEAR: f64 = 0.05;

/// A loss of speed that is not worth another process.
const AS_FAST: f64 = 1.05;

/// What the measurements say on a machine that has `cores` to be used; `None` where there are none.
pub fn analyse(measurements: &[Measurement], cores: u32) -> Option<Scaling> {
    let mut counts: Vec<u32> = measurements.iter().map(|one| one.workers).collect();
    counts.sort_unstable();
    counts.dedup();
    let times = |workers: u32| {
        let of = measurements.iter().filter(move |one| one.workers == workers);
        let mut times: Vec<f64> = of.map(|one| one.seconds).collect();
        times.sort_unstable_by(f64::total_cmp);
        times
    };
    let fewest = *counts.first()?;
    // Where one worker was not measured, the fewest count as ideal.
    let base = median(&times(fewest))? * f64::from(fewest);
    let rows: Vec<Row> = counts.iter().filter_map(|workers| row(*workers, &times(*workers), base)).collect();
    let best = rows.iter().map(|row| row.seconds).min_by(f64::total_cmp)?;
    let recommended = rows.iter().find(|row| row.seconds <= best * AS_FAST)?.workers;
    let (fitted, limit) = range(measurements, &rows, cores);
    let fit = fit(&up_to(measurements, fitted));
    Some(Scaling { fit, fitted, limit, too_short: best < SHORT, rows, recommended })
}

/// Up to how many workers the times can follow the law, and why no further. Beyond the cores, workers take turns; and
/// tasks that wait for something of which there is little run no more of them beside each other than it allows.
fn range(measurements: &[Measurement], rows: &[Row], cores: u32) -> (u32, Option<Limit>) {
    let most = rows.last().map_or(0, |row| row.workers);
    let within: Vec<&Row> = rows.iter().filter(|row| row.workers <= cores).collect();
    let (fitted, limit) = match within.last() {
        // Two points are the least that a law goes through.
        Some(last) if within.len() >= 2 && last.workers < most => (last.workers, Some(Limit::Cores)),
        _ => (most, None),
    };
    let misfit = |workers| fit(&up_to(measurements, workers)).map_or(f64::MAX, |fit| fit.misfit);
    if misfit(fitted) <= NEAR {
        return (fitted, limit);
    }
    let plateau = rows.iter().enumerate().skip(1).find(|(index, row)| {
        let beyond = rows.iter().skip(index + 1).filter(|other| other.workers <= fitted);
        row.workers < fitted && beyond.clone().all(|other| (other.seconds / row.seconds - 1.0).abs() <= NEAR)
    });
    match plateau {
        Some((_, row)) if misfit(row.workers) <= NEAR => (row.workers, Some(Limit::Plateau)),
        _ => (fitted, limit),
    }
}

fn up_to(measurements: &[Measurement], workers: u32) -> Vec<Measurement> {
    measurements.iter().filter(|one| one.workers <= workers).copied().collect()
}

fn row(workers: u32, times: &[f64], base: f64) -> Option<Row> {
    let seconds = median(times)?;
    let (speedup, n) = (base / seconds, f64::from(workers));
    Some(Row {
        workers,
        seconds,
        least: *times.first()?,
        most: *times.last()?,
        speedup,
        efficiency: speedup / n,
        karp_flatt: (workers > 1).then(|| (1.0 / speedup - 1.0 / n) / (1.0 - 1.0 / n)),
    })
}

/// The median of sorted times.
fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 { Some(upper) } else { Some((sorted.get(middle - 1)? + upper) / 2.0) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Times of a job of 10 s with this serial fraction.
    pub(in crate::scale) fn amdahl(serial: f64, counts: &[u32]) -> Vec<Measurement> {
        let time = |n: u32| 10.0 * (serial + (1.0 - serial) / f64::from(n));
        counts.iter().map(|n| Measurement { workers: *n, repeat: 1, seconds: time(*n) }).collect()
    }

    #[test]
    fn a_perfectly_parallel_job_is_told_as_such() {
        let scaling = analyse(&amdahl(0.0, &[1, 2, 4]), 64).unwrap();
        for row in &scaling.rows {
            assert!((row.speedup - f64::from(row.workers)).abs() < 1e-9, "{row:?}");
            assert!((row.efficiency - 1.0).abs() < 1e-9, "{row:?}");
            assert!(row.karp_flatt.is_none_or(|e| e.abs() < 1e-9), "{row:?}");
        }
        assert_eq!(scaling.recommended, 4);
    }

    #[test]
    fn karp_and_flatt_find_the_serial_fraction_in_each_row() {
        let scaling = analyse(&amdahl(0.3, &[1, 2, 3, 8]), 64).unwrap();
        for row in scaling.rows.iter().skip(1) {
            assert!((row.karp_flatt.unwrap() - 0.3).abs() < 1e-9, "{row:?}");
        }
    }

    #[test]
    fn a_row_is_the_median_of_its_times_whatever_their_order() {
        let times = [3.0, 1.0, 2.0, 100.0];
        let one = |(repeat, seconds): (u32, f64)| Measurement { workers: 2, repeat, seconds };
        let scaling = analyse(&(1..).zip(times).map(one).collect::<Vec<_>>(), 64).unwrap();
        let row = scaling.rows[0];
        assert_eq!((row.least, row.seconds, row.most), (1.0, 2.5, 100.0));
        assert!((row.speedup - 2.0).abs() < 1e-9, "the fewest workers count as ideal");
    }

    #[test]
    fn workers_that_hardly_help_are_not_recommended() {
        let at = |workers, seconds| Measurement { workers, repeat: 1, seconds };
        let flat = [at(1, 10.0), at(2, 5.0), at(3, 4.9), at(4, 4.85), at(5, 6.0)];
        assert_eq!(analyse(&flat, 64).unwrap().recommended, 2);
        assert!(analyse(&[], 4).is_none());
    }

    fn flat_beyond(slots: u32, counts: &[u32]) -> Vec<Measurement> {
        let time = |n: u32| 10.0 / f64::from(n.min(slots));
        counts.iter().map(|n| Measurement { workers: *n, repeat: 1, seconds: time(*n) }).collect()
    }

    #[test]
    fn a_parallel_job_stays_one_beyond_the_cores() {
        for cores in [2, 3, 4] {
            let scaling = analyse(&flat_beyond(cores, &[1, 2, 3, 4, 5, 6]), cores).unwrap();
            assert_eq!((scaling.fitted, scaling.limit), (cores, Some(Limit::Cores)));
            assert!(scaling.fit.unwrap().serial_fraction < 1e-9, "{scaling:?}");
            assert_eq!((scaling.rows.len(), scaling.recommended), (6, cores), "all is told");
        }
    }

    #[test]
    fn a_job_with_fewer_slots_than_there_are_cores_is_fitted_up_to_them() {
        let scaling = analyse(&flat_beyond(2, &[1, 2, 3, 4, 5, 6]), 64).unwrap();
        assert_eq!((scaling.fitted, scaling.limit), (2, Some(Limit::Plateau)));
        assert!(scaling.fit.unwrap().serial_fraction < 1e-9, "{scaling:?}");
        // What a serial fraction makes flatter and flatter is no plateau.
        for serial in [0.1, 0.5, 0.9, 1.0] {
            let scaling = analyse(&amdahl(serial, &[1, 2, 3, 4, 6, 8, 16]), 64).unwrap();
            assert_eq!((scaling.fitted, scaling.limit), (16, None), "{serial}");
        }
    }

    #[test]
    fn one_core_leaves_all_times_to_the_law() {
        let scaling = analyse(&amdahl(1.0, &[1, 2, 3]), 1).unwrap();
        assert_eq!((scaling.fitted, scaling.limit), (3, None));
        assert!(scaling.fit.is_some());
    }

    #[test]
    fn a_job_of_no_time_is_too_short_to_tell() {
        let at = |workers, seconds| Measurement { workers, repeat: 1, seconds };
        assert!(analyse(&[at(1, 0.03), at(2, 0.02)], 2).unwrap().too_short);
        assert!(!analyse(&[at(1, 3.0), at(2, 1.5)], 2).unwrap().too_short);
    }
}
