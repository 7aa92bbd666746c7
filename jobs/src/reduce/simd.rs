//! Runs kernels with the vector instructions that the processor has.
//!
//! The kernels are plain code that the compiler vectorises; all that differs is what it may use. No result
//! depends on it: the compiler neither reorders nor fuses floating-point operations.
#![expect(unsafe_code, reason = "calling functions compiled for more than the baseline processor")]

/// A computation that gains from wide vectors.
pub(super) trait Kernel {
    /// What it computes.
    type Output;

    /// Computes it. Must be `#[inline(always)]`, or it is compiled for the baseline.
    fn run(self) -> Self::Output;
}

/// Runs `kernel` with 256-bit vectors where the processor has them. (Not wider: automatically vectorised
/// 512-bit code has been measured up to ten times slower.)
#[cfg(target_arch = "x86_64")]
pub(super) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    #[target_feature(enable = "avx2,fma,bmi1,bmi2,popcnt")]
    fn wide<K: Kernel>(kernel: K) -> K::Output {
        kernel.run()
    }
    let has_all = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt");
    if has_all {
        // SAFETY: the processor has just said that it has every feature that `wide` is compiled for.
        unsafe { wide(kernel) }
    } else {
        kernel.run()
    }
}

/// Runs `kernel`.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}
