//! Keeps a bounded part of an unbounded number of things. Pure.

/// Keeps all of the first ones, then every second, every fourth, and so on: whatever comes is there from
/// beginning to end, and what is kept grows with the logarithm of what has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thin {
    /// How many more are kept before they are thinned out further.
    left: u32,
    step: u32,
    stride: u64,
    seen: u64,
    kept: u64,
}

impl Thin {
    /// Keeps the first `all`, then about `step` at each density.
    pub(super) fn new(all: u32, step: u32) -> Self {
        Self { left: all, step, stride: 1, seen: 0, kept: 0 }
    }

    /// Whether the next one is kept.
    pub(super) fn keep(&mut self) -> bool {
        let keep = self.seen.is_multiple_of(self.stride);
        self.seen += 1;
        if keep {
            self.kept += 1;
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                self.stride = self.stride.saturating_mul(2);
                self.left = self.step;
            }
        }
        keep
    }

    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    pub(super) fn kept(&self) -> u64 {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_spread_over_all() {
        let mut thin = Thin::new(1000, 100);
        let kept: Vec<u64> = (0..1_000_000).filter(|_| thin.keep()).collect();
        assert!(kept.iter().copied().take(1000).eq(0..1000));
        assert!(kept.len() < 2500, "{}", kept.len());
        assert!(kept.last().is_some_and(|last| *last > 990_000), "{:?}", kept.last());
        assert_eq!((thin.seen(), thin.kept()), (1_000_000, kept.len() as u64));
    }
}
