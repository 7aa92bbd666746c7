//! Amdahl's law through measured times.

use super::measurement::Measurement;

/// T(n) = serial + parallel / n, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Seconds that more workers don't shorten; never negative.
    pub serial_seconds: f64,
    /// Seconds that they share; never negative.
    pub parallel_seconds: f64,
    /// The serial share of one worker's time, from 0 to 1.
    pub serial_fraction: f64,
    /// Its standard error; `None` where there are no more times than unknowns.
    pub error: Option<f64>,
    /// How far the times are from the law: the root mean square of relative differences.
    pub misfit: f64,
}

impl Fit {
    /// The law's time on this many workers, in seconds.
    pub fn seconds(&self, workers: f64) -> f64 {
        self.serial_seconds + self.parallel_seconds / workers
    }

    /// The law's speedup over one worker.
    pub fn speedup(&self, workers: f64) -> f64 {
        self.seconds(1.0) / self.seconds(workers)
    }
}

/// The law that is nearest to the times in weighted least squares: differences count relative to the time, as
/// that is how times scatter. `None` for fewer than two numbers of workers.
pub fn fit(measurements: &[Measurement]) -> Option<Fit> {
    let sums = Sums::of(measurements)?;
    let (serial, parallel) = sums.solve();
    // Faster than ideal is no law: caches, or chance.
    let (serial, parallel) = match (serial < 0.0, parallel < 0.0) {
        (true, _) => (0.0, sums.xy / sums.xx),
        (_, true) => (sums.y / sums.one, 0.0),
        _ => (serial, parallel),
    };
    let total = serial + parallel;
    let squares: f64 = measurements
        .iter()
        .map(|one| ((serial + parallel / f64::from(one.workers)) / one.seconds - 1.0).powi(2))
        .sum();
    let count = measurements.len() as f64;
    // By the covariance of both, carried over to their ratio s = a / (a + b): ds = (b da − a db) / (a + b)².
    let error = (measurements.len() > 2).then(|| {
        let scatter = squares / (count - 2.0);
        let variance =
            (parallel * parallel * sums.xx + serial * serial * sums.one + 2.0 * serial * parallel * sums.x)
                / sums.determinant();
        (scatter * variance).max(0.0).sqrt() / (total * total)
    });
    Some(Fit {
        serial_seconds: serial,
        parallel_seconds: parallel,
        serial_fraction: serial / total,
        error,
        misfit: (squares / count).sqrt(),
    })
}

/// Weighted sums over x = 1/n and y = T(n), with the weight 1/y².
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    one: f64,
    x: f64,
    xx: f64,
    y: f64,
    xy: f64,
}

impl Sums {
    fn of(measurements: &[Measurement]) -> Option<Self> {
        let mut sums = Self::default();
        for one in measurements {
            let (x, y) = (1.0 / f64::from(one.workers), one.seconds);
            let weight = 1.0 / (y * y);
            sums.one += weight;
            sums.x += weight * x;
            sums.xx += weight * x * x;
            sums.y += weight * y;
            sums.xy += weight * x * y;
        }
        let distinct = measurements
            .iter()
            .any(|one| measurements.first().is_some_and(|first| first.workers != one.workers));
        (distinct && sums.determinant() > 0.0).then_some(sums)
    }

    fn determinant(&self) -> f64 {
        self.one * self.xx - self.x * self.x
    }

    /// Intercept and slope.
    fn solve(&self) -> (f64, f64) {
        let serial = (self.xx * self.y - self.x * self.xy) / self.determinant();
        let parallel = (self.one * self.xy - self.x * self.y) / self.determinant();
        (serial, parallel)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::analysis::tests::amdahl;
    use super::*;

    #[test]
    fn the_law_is_found_again() {
        for serial in [0.0, 0.02, 0.25, 0.5, 0.99] {
            let fit = fit(&amdahl(serial, &[1, 2, 3, 4])).unwrap();
            assert!((fit.serial_fraction - serial).abs() < 1e-9, "{serial}: {fit:?}");
            assert!(fit.error.unwrap() < 1e-6 && fit.misfit < 1e-9, "{fit:?}");
            assert!((fit.speedup(4.0) - 1.0 / (serial + (1.0 - serial) / 4.0)).abs() < 1e-9, "{fit:?}");
        }
    }

    #[test]
    fn the_error_says_how_far_off_it_may_be() {
        // Times that scatter by 3 % around a serial fraction of a half.
        let noise = [1.03, 0.97, 1.01, 0.99, 1.02, 0.98, 0.97, 1.03];
        let mut times = amdahl(0.5, &[1, 2, 3, 4, 1, 2, 3, 4]);
        times.iter_mut().zip(noise).for_each(|(one, factor)| one.seconds *= factor);
        let fit = fit(&times).unwrap();
        let error = fit.error.unwrap();
        assert!(error > 0.005 && error < 0.05, "{fit:?}");
        assert!((fit.serial_fraction - 0.5).abs() < 3.0 * error, "{fit:?}");
    }

    #[test]
    fn faster_than_ideal_is_no_negative_fraction() {
        let mut times = amdahl(0.0, &[1, 2, 4]);
        times[2].seconds *= 0.8;
        let fit = fit(&times).unwrap();
        assert_eq!(fit.serial_fraction, 0.0);
        assert!(fit.misfit > 0.01);
    }

    #[test]
    fn one_number_of_workers_tells_nothing_and_two_have_no_error() {
        assert_eq!(fit(&amdahl(0.5, &[2, 2, 2])), None);
        assert_eq!(fit(&amdahl(0.5, &[1, 2])).unwrap().error, None);
    }

    proptest! {
        #[test]
        fn any_times_give_a_fraction(times: Vec<(u8, u32)>) {
            let of = |(workers, micros): (u8, u32)| Measurement {
                workers: u32::from(workers) + 1,
                repeat: 1,
                seconds: (f64::from(micros) + 1.0) / 1e6,
            };
            let times: Vec<_> = times.into_iter().map(of).collect();
            if let Some(fit) = fit(&times) {
                prop_assert!((0.0..=1.0).contains(&fit.serial_fraction), "{:?}", fit);
                prop_assert!(fit.error.is_none_or(|error| error >= 0.0), "{:?}", fit);
            }
        }
    }
}
