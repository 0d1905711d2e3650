//! What the image may weigh: `[size]`.

use toml::de::DeValue;

use super::field::wrong_type;
use super::grammar::Grammar;
use super::problem::Problem;
use super::section::Section;
use super::text::not_a;

/// The recipe's `[size]`, in bytes; `None`: any size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeLimits {
    /// The files, one by one.
    pub unpacked: Option<u64>,
    /// The layers as a registry stores them.
    pub compressed: Option<u64>,
}

impl SizeLimits {
    /// Reads `[size]`.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self { unpacked: section.value("unpacked", size), compressed: section.value("compressed", size) }
    }
}

/// Reads a number of bytes: `25MB`, `24 MiB`, `1.5GB`, or a plain number.
fn size(key: &str, value: &DeValue<'_>) -> Result<u64, Problem> {
    let units = [
        ("B", 1),
        ("kB", 1_000),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
    ];
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) if number.radix() == 10 => format!("{}B", number.as_str()),
        _ => return Err(wrong_type(key, "a size", value)),
    };
    scaled(&text, &units)
        .and_then(|bytes| u64::try_from(bytes).ok())
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| not_a(Grammar::Size, &text))
}

/// A decimal number with a unit, times what the unit stands for; what is left of a fraction below one is dropped.
pub(super) fn scaled(text: &str, units: &[(&str, u128)]) -> Option<u128> {
    let digits = |text: &str| !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, unit) = text.split_at_checked(end)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start_matches(' '))?;
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (number, "0"),
    };
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let below = fraction.parse::<u128>().ok()?.checked_mul(*factor)?
        / 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    whole.parse::<u128>().ok()?.checked_mul(*factor)?.checked_add(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        let read = |text: &str| size("size.unpacked", &DeValue::String(text.into()));
        for (text, bytes) in [
            ("25MB", 25_000_000),
            ("24MiB", 25_165_824),
            ("24 MiB", 25_165_824),
            ("1.5kB", 1500),
            ("100KiB", 102_400),
            ("2GB", 2_000_000_000),
            ("7B", 7),
            ("0.5MB", 500_000),
        ] {
            assert_eq!(read(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "25", "MB", "25M", "25mb", "0MB", "0.1B", "-1MB", "1.MB", ".5MB", "1.2.3MB", "1e3MB", "25MBs"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read("999999999999999999GiB").is_err());
        assert!(read("9999999999999999999MB").is_err());
    }
}
