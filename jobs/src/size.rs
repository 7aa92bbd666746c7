//! Sizes as people write them.

/// A size in bytes: `4GiB` (1,024 each step), `100MB` (1,000 each step), `5`.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 8] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
        ("", 1),
    ];
    let (digits, unit) = UNITS.into_iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
    digits.trim_end().parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, size) in
            [("5", 5), ("5B", 5), ("2KB", 2_000), ("2KiB", 2_048), ("100MB", 100_000_000), ("4 GiB", 4 << 30)]
        {
            assert_eq!(bytes(text), Some(size), "{text}");
        }
        for text in ["", "GiB", "-1", "1.5GiB", "4gib", "18446744073709551615GiB", "1TB"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
