//! π from random points, with `map_reduce`: the same for any number of workers.
//!
//! `cargo run --example pi -- 2`

use unhurt::{Error, Pool};

const POINTS: u64 = 100_000;

/// How many of so many random points lie in the quarter of a circle. The seed says which points.
fn hits(seed: u64) -> u64 {
    // SplitMix64 (Steele, Lea and Flood 2014).
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d);
    let mut random = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..POINTS).filter(|_| random().powi(2) + random().powi(2) < 1.0).count() as u64
}

fn main() -> Result<(), Error> {
    unhurt::worker().function(hits).serve();

    let workers = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2);
    let pool = Pool::builder().workers(workers).function(hits)?;
    let seeds = 0..64;
    let hits = pool.map_reduce(seeds.clone(), 0, |sum, hits| sum + hits)?;
    let points = POINTS * (seeds.end - seeds.start);
    println!("{hits} of {points} points: pi is about {:.6}", 4.0 * hits as f64 / points as f64);
    Ok(())
}
