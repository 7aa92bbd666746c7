//! Amounts of memory: `1GiB`, `512MB`, or a bare number of bytes.

use super::number::{ValueError, scaled, split_number};

/// Names in lower case, and bytes; within each base from small to large.
const UNITS: [(&str, u64); 9] = [
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
];

/// Reads an amount in bytes. Case doesn't matter, a space before the unit is allowed, and a fraction of a
/// byte is dropped.
///
/// # Errors
/// It is none, or more than 64 bits hold.
pub fn parse_size(text: &str) -> Result<u64, ValueError> {
    let wrong = || ValueError::new("not an amount of memory; for example 1GiB, 512MB, or a number of bytes");
    let (number, unit) = split_number(text.trim());
    let unit = unit.trim_start().to_lowercase();
    let factor = match UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => *factor,
        // Half the world reads `1G` as 10⁹ and the other half as 2³⁰.
        None if matches!(unit.as_str(), "k" | "m" | "g" | "t") => {
            let letter = unit.to_uppercase();
            return Err(ValueError::new(format!(
                "ambiguous: write {number}{letter}iB (powers of 1024) or {number}{letter}B (powers of 1000)"
            )));
        }
        None if unit.is_empty() => 1,
        None => return Err(wrong()),
    };
    let bytes = scaled(number, factor).ok_or_else(wrong)?;
    u64::try_from(bytes).map_err(|_| ValueError::new("too large"))
}

/// Writes an amount so that [`parse_size`] reads the same back: `1GiB`, `512MB`, `1000B`.
pub fn format_size(bytes: u64) -> String {
    const NAMES: [(&str, u64); 8] = [
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1_000),
    ];
    // Of the units that come out even, the one with the shortest number.
    NAMES
        .iter()
        .filter(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
        .min_by_key(|(_, factor)| bytes / factor)
        .map_or_else(|| format!("{bytes}B"), |(name, factor)| format!("{}{name}", bytes / factor))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_spellings_of_the_documentation_are_read() {
        assert_eq!(parse_size("1GiB"), Ok(1 << 30));
        assert_eq!(parse_size("512MB"), Ok(512_000_000));
        assert_eq!(parse_size("1.5 KiB"), Ok(1536));
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("2gb"), Ok(2_000_000_000));
        assert_eq!(parse_size("7B"), Ok(7));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "GiB", "-1GiB", "1XB", "1GiB2", "1.GiB", "lots", "1e9"] {
            let error = parse_size(text).unwrap_err();
            assert!(error.0.starts_with("not an amount of memory"), "{text}: {error}");
        }
        assert_eq!(parse_size("99999999TiB").unwrap_err().0, "too large");
    }

    #[test]
    fn a_unit_with_two_meanings_is_asked_about() {
        let error = parse_size("2g").unwrap_err().0;
        assert_eq!(error, "ambiguous: write 2GiB (powers of 1024) or 2GB (powers of 1000)");
    }

    #[test]
    fn round_amounts_are_written_short() {
        assert_eq!(format_size(1 << 30), "1GiB");
        assert_eq!(format_size(512_000_000), "512MB");
        assert_eq!(format_size(1000), "1kB");
        assert_eq!(format_size(1001), "1001B");
        assert_eq!(format_size(0), "0B");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes: u64, shift in 0u32..64) {
            let bytes = bytes >> shift;
            prop_assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,20}") {
            let _ = parse_size(&text);
        }
    }
}
