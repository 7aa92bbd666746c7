//! Runs kernels with the vector instructions that the processor has.
//!
//! The kernels are plain code that the compiler vectorises; all that differs is what it may use. No result
//! depends on it: the compiler neither reorders nor fuses floating-point operations.
#![expect(
    unsafe_code,
    reason = "calling functions compiled for more than the baseline processor; prefetching"
)]

/// A computation that gains from wide vectors.
pub(super) trait Kernel {
    /// What it computes.
    type Output;

    /// Computes it. Must be `#[inline(always)]`, or it is compiled for the baseline.
    fn run(self) -> Self::Output;
}

/// Bytes between what is loaded and what is asked for meanwhile. (1 to 4 KiB have been measured the same.)
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 2048;

/// Asks for the memory some way behind `group`, which a kernel that goes through memory in a row will soon
/// load: the processor does so by itself, but stops at the end of each page. Costs an instruction for 64
/// bytes, and saves about an eighth of the time of what is not in a cache.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn prefetch<T>(group: &T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for line in (0..size_of::<T>()).step_by(64) {
        let ahead = std::ptr::from_ref(group).cast::<i8>().wrapping_add(AHEAD + line);
        // SAFETY: a prefetch is a hint: it reads nothing that the program can see, and an address that is
        // not mapped is no fault. Every x86-64 processor has the instruction.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead) };
    }
}

/// Asks for nothing.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(super) fn prefetch<T>(_: &T) {}

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
