//! Sizes for people: decimal units, as registries and package lists use them.

/// `bytes` with a unit and about three digits: `812 B`, `9.8 MB`, `104 MB`.
pub(super) fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 || value >= 99.95 { format!("{value:.0} {name}") } else { format!("{value:.1} {name}") }
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn about_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (99_949, "99.9 kB"),
            (99_950, "100 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (9_840_000, "9.8 MB"),
            (25_000_000_000, "25.0 GB"),
        ] {
            assert_eq!(human(bytes), text, "{bytes}");
        }
    }
}
