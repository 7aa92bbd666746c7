//! Runs a kernel with the widest instructions that this library is tested with, and with the same results
//! everywhere.
//!
//! A kernel is plain Rust that the compiler vectorises. [`widest`] compiles it twice, for AVX2 with FMA and
//! for the build's baseline, and picks one when it runs. Kernels use [`f32::mul_add`] wherever rounding
//! shows, so that both give the same bits. AVX-512 is left out on purpose: the vectoriser's AVX-512 code for
//! these loops was measured to be up to ten times slower.

#![allow(unsafe_code, reason = "a function with more target features is called after asking the processor")]

/// Runs `kernel`, a closure that must be `#[inline(always)]`, as must be all that it calls: what is not inlined
/// is compiled for the baseline, and may be a hundred times slower.
pub(crate) fn widest<R>(kernel: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has just said that it knows AVX2 and FMA, the only features asked for.
        return unsafe { with_avx2(kernel) };
    }
    kernel()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

/// Has the processor fetch `data` into its first-level cache, and goes on at once.
#[inline(always)]
pub(crate) fn prefetch(data: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in data.chunks(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is that of a slice's byte, and a prefetch is a hint that changes nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = data;
}

/// Pixels that [`gray_blocks`] takes at once.
pub(crate) const GRAY_BLOCK: usize = 32;

/// `(9798 R + 19235 G + 3735 B + 2¹⁴) >> 15` for each pixel, by hand: the vectoriser takes three times as long
/// to part the channels. Returns `false`, and does nothing, on processors without AVX2.
pub(crate) fn gray_blocks(colours: &[[u8; 3 * GRAY_BLOCK]], grays: &mut [[u8; GRAY_BLOCK]]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has just said that it knows AVX2, the only feature asked for.
        unsafe { gray_blocks_avx2(colours, grays) };
        return true;
    }
    let _ = (colours, grays);
    false
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn gray_blocks_avx2(colours: &[[u8; 3 * GRAY_BLOCK]], grays: &mut [[u8; GRAY_BLOCK]]) {
    for (colours, gray) in colours.iter().zip(grays) {
        *gray = gray_block_avx2(colours);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn gray_block_avx2(colours: &[u8; 3 * GRAY_BLOCK]) -> [u8; GRAY_BLOCK] {
    use std::arch::x86_64::*;

    // Each 128-bit half holds four pixels: 12 bytes, from byte 0 in the lower and from byte 4 in the upper.
    let red_green = _mm256_setr_epi8(
        0, -1, 1, -1, 3, -1, 4, -1, 6, -1, 7, -1, 9, -1, 10, -1, 4, -1, 5, -1, 7, -1, 8, -1, 10, -1, 11, -1,
        13, -1, 14, -1,
    );
    let blue = _mm256_setr_epi8(
        2, -1, -1, -1, 5, -1, -1, -1, 8, -1, -1, -1, 11, -1, -1, -1, 6, -1, -1, -1, 9, -1, -1, -1, 12, -1,
        -1, -1, 15, -1, -1, -1,
    );
    let eight = |pixels: &[u8; 24]| {
        let word = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&pixels[at..at + 8]);
            i64::from_le_bytes(bytes)
        };
        let both = _mm256_set_epi64x(word(16), word(8), word(8), word(0));
        let sum = _mm256_add_epi32(
            _mm256_madd_epi16(_mm256_shuffle_epi8(both, red_green), _mm256_set1_epi32(19235 << 16 | 9798)),
            _mm256_madd_epi16(_mm256_shuffle_epi8(both, blue), _mm256_set1_epi32(3735)),
        );
        _mm256_srli_epi32::<15>(_mm256_add_epi32(sum, _mm256_set1_epi32(1 << 14)))
    };
    let groups = colours.as_chunks::<24>().0;
    let first = _mm256_packus_epi32(eight(&groups[0]), eight(&groups[1]));
    let second = _mm256_packus_epi32(eight(&groups[2]), eight(&groups[3]));
    // Packing works in each half on its own: put the quadruples in order.
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let grays = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(first, second), order);
    let mut bytes = [0; GRAY_BLOCK];
    let words = [
        _mm256_extract_epi64::<0>(grays),
        _mm256_extract_epi64::<1>(grays),
        _mm256_extract_epi64::<2>(grays),
        _mm256_extract_epi64::<3>(grays),
    ];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    bytes
}
