//! Which parts of a memory nobody has. Lowest addresses first, so that memory which was touched is touched again.

use std::collections::BTreeMap;
use std::ops::Range;

/// Parts begin and end at multiples of this, in bytes: a page, so that each can be mapped alone.
pub(super) const GRAIN: usize = 4096;

/// The free parts of a memory.
#[derive(Debug)]
pub(crate) struct FreeParts {
    // Starts and lengths. Invariant: multiples of GRAIN, disjoint, and no two that touch.
    parts: BTreeMap<usize, usize>,
}

impl FreeParts {
    /// All of a memory; what does not fill a grain at its end is left out.
    pub(crate) fn new(size: usize) -> Self {
        let size = size - size % GRAIN;
        Self { parts: if size == 0 { BTreeMap::new() } else { BTreeMap::from([(0, size)]) } }
    }

    /// Takes the lowest part that is long enough, rounded up to whole grains.
    pub(crate) fn take(&mut self, length: usize) -> Option<Range<usize>> {
        let size = length.max(1).checked_next_multiple_of(GRAIN)?;
        let (start, found) = self.parts.iter().find(|(_, found)| **found >= size)?;
        let (start, found) = (*start, *found);
        self.parts.remove(&start);
        if found > size {
            self.parts.insert(start + size, found - size);
        }
        Some(start..start + size)
    }

    /// Takes back what [`take`](Self::take) gave.
    pub(crate) fn give_back(&mut self, range: Range<usize>) {
        let Range { mut start, mut end } = range;
        if let Some(length) = self.parts.remove(&end) {
            end += length;
        }
        if let Some((before, length)) =
            self.parts.range(..start).next_back().map(|(at, length)| (*at, *length))
            && before + length == start
        {
            start = before;
        }
        self.parts.insert(start, end - start);
    }

    /// True where all of a memory of `size` bytes is free again.
    #[cfg(test)]
    pub(super) fn is_all_of(&self, size: usize) -> bool {
        self.parts == BTreeMap::from([(0, size)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn random(state: &mut u64) -> usize {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = *state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) as usize >> 1
    }

    #[test]
    fn whatever_is_taken_and_given_back_no_two_parts_overlap_and_none_is_lost() {
        const GRAINS: usize = 64;
        for seed in 0..500 {
            let mut state = seed;
            let mut free = FreeParts::new(GRAINS * GRAIN + random(&mut state) % GRAIN);
            // A grain each: the slow and obvious way.
            let mut owned = [false; GRAINS];
            let mut taken: Vec<Range<usize>> = Vec::new();
            for _ in 0..300 {
                if random(&mut state).is_multiple_of(2) || taken.is_empty() {
                    let wanted = random(&mut state) % (10 * GRAIN);
                    let grains = wanted.max(1).div_ceil(GRAIN);
                    let lowest = owned.windows(grains).position(|part| part.iter().all(|owned| !owned));
                    let got = free.take(wanted);
                    let expected = lowest.map(|at| at * GRAIN..(at + grains) * GRAIN);
                    assert_eq!(got, expected, "seed {seed}: {wanted} bytes");
                    if let Some(range) = got {
                        owned[range.start / GRAIN..range.end / GRAIN].fill(true);
                        taken.push(range);
                    }
                } else {
                    let range = taken.swap_remove(random(&mut state) % taken.len());
                    owned[range.start / GRAIN..range.end / GRAIN].fill(false);
                    free.give_back(range);
                }
            }
            taken.drain(..).for_each(|range| free.give_back(range));
            assert!(free.is_all_of(GRAINS * GRAIN), "seed {seed}: {free:?}");
        }
    }

    #[test]
    fn a_memory_without_a_whole_part_has_none() {
        assert_eq!(FreeParts::new(GRAIN - 1).take(1), None);
        assert_eq!(FreeParts::new(GRAIN).take(usize::MAX), None);
    }
}
