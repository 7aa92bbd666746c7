//! The wheel of 30: beyond 2, 3 and 5 a prime leaves one of eight remainders modulo 30, so that one byte, a
//! bit per remainder, stands for 30 numbers.

/// The remainders coprime to 30. Bit `k` of byte `b` stands for `30 b + RESIDUES[k]`.
pub(super) const RESIDUES: [u64; 8] = [1, 7, 11, 13, 17, 19, 23, 29];

/// From each remainder to the next one.
const GAPS: [usize; 8] = [6, 4, 2, 4, 2, 4, 6, 2];

/// For each remainder modulo 30: how far the next number coprime to 30 is (0: here), and which one it is.
pub(super) const NEXT: [(u8, u8); 30] = next_table();

/// One multiple of a prime `30 a + RESIDUES[class]` in the cycle of eight.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// What to keep of the byte that holds the multiple: all bits but its own.
    pub(super) keep: u8,
    /// The next multiple is `gap * a + carry` bytes further on.
    pub(super) gap: usize,
    /// See `gap`.
    pub(super) carry: usize,
}

/// Indexed by the prime's class, then by the class of the cofactor. Eight steps advance by `p` bytes.
pub(super) const STEPS: [[Step; 8]; 8] = step_table();

/// The class of a number coprime to 30: which of [`RESIDUES`] it leaves.
pub(super) fn class_of(number: u64) -> usize {
    // Below 30, so that both conversions and the index hold.
    usize::from(NEXT[(number % 30) as usize].1)
}

const fn next_table() -> [(u8, u8); 30] {
    let mut table = [(0, 0); 30];
    let mut residue = 0;
    while residue < 30 {
        let mut class = 0;
        while RESIDUES[class] < residue as u64 {
            class += 1;
        }
        table[residue] = ((RESIDUES[class] - residue as u64) as u8, class as u8);
        residue += 1;
    }
    table
}

const fn step_table() -> [[Step; 8]; 8] {
    let mut table = [[Step { keep: 0, gap: 0, carry: 0 }; 8]; 8];
    let mut class = 0;
    while class < 8 {
        let mut cofactor = 0;
        while cofactor < 8 {
            let product = RESIDUES[class] * RESIDUES[cofactor];
            let next = RESIDUES[class] * (RESIDUES[cofactor] + GAPS[cofactor] as u64);
            table[class][cofactor] = Step {
                keep: !(1 << NEXT[(product % 30) as usize].1),
                gap: GAPS[cofactor],
                carry: (next / 30 - product / 30) as usize,
            };
            cofactor += 1;
        }
        class += 1;
    }
    table
}
