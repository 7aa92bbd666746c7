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
    /// Amdahl's law through all the times; `None` for fewer than two numbers of workers.
    pub fit: Option<Fit>,
    /// The fewest workers that are as fast as any, but for a twentieth.
    pub recommended: u32,
}

/// A loss of speed that is not worth another process.
const AS_FAST: f64 = 1.05;

/// What the measurements say; `None` where there are none.
pub fn analyse(measurements: &[Measurement]) -> Option<Scaling> {
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
    Some(Scaling { fit: fit(measurements), rows, recommended })
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
        let scaling = analyse(&amdahl(0.0, &[1, 2, 4])).unwrap();
        for row in &scaling.rows {
            assert!((row.speedup - f64::from(row.workers)).abs() < 1e-9, "{row:?}");
            assert!((row.efficiency - 1.0).abs() < 1e-9, "{row:?}");
            assert!(row.karp_flatt.is_none_or(|e| e.abs() < 1e-9), "{row:?}");
        }
        assert_eq!(scaling.recommended, 4);
    }

    #[test]
    fn karp_and_flatt_find_the_serial_fraction_in_each_row() {
        let scaling = analyse(&amdahl(0.3, &[1, 2, 3, 8])).unwrap();
        for row in scaling.rows.iter().skip(1) {
            assert!((row.karp_flatt.unwrap() - 0.3).abs() < 1e-9, "{row:?}");
        }
    }

    #[test]
    fn a_row_is_the_median_of_its_times_whatever_their_order() {
        let times = [3.0, 1.0, 2.0, 100.0];
        let one = |(repeat, seconds): (u32, f64)| Measurement { workers: 2, repeat, seconds };
        let scaling = analyse(&(1..).zip(times).map(one).collect::<Vec<_>>()).unwrap();
        let row = scaling.rows[0];
        assert_eq!((row.least, row.seconds, row.most), (1.0, 2.5, 100.0));
        assert!((row.speedup - 2.0).abs() < 1e-9, "the fewest workers count as ideal");
    }

    #[test]
    fn workers_that_hardly_help_are_not_recommended() {
        let at = |workers, seconds| Measurement { workers, repeat: 1, seconds };
        let flat = [at(1, 10.0), at(2, 5.0), at(3, 4.9), at(4, 4.85), at(5, 6.0)];
        assert_eq!(analyse(&flat).unwrap().recommended, 2);
        assert!(analyse(&[]).is_none());
    }
}
