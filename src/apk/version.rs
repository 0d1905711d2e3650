//! Versions and their order: `N{.N}…{letter}{_suffix{N}}…{~hash}{-rN}`, as apk 3.0 reads them.
//!
//! The order is apk's, not that of semantic versioning: `1.0` comes before `1.0-r0`, `1.0_rc1` before `1.0` and
//! `1.0_p1` after it, and a component after the first that begins with 0 is compared as text, so `1.05` comes before
//! `1.5`. Refused in a dependency is whatever is left over after the grammar: `0.99f7`, `1.0-r`, `1..2`. Packages of
//! such versions exist all the same; they are compared as far as the grammar goes, and what is left over comes before
//! nothing left. So does no version at all, the empty text, come before every version.

use std::cmp::Ordering;
use std::fmt;

use super::syntax::SyntaxError;

/// The suffixes in their order. Those before [`FINAL`] come before the bare version, the others after it.
const SUFFIXES: [&str; 9] = ["alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"];

/// How many of [`SUFFIXES`] mark a version that comes before the bare one.
const FINAL: usize = 4;

/// A version. Equality is that of apk's order, so `1.0-r0` equals `1.0-r00`, and `0.99f7` equals `0.99f8`.
#[derive(Clone, Debug)]
pub struct Version(Box<str>);

impl Version {
    /// Reads a version.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        match unread(text) {
            None => Ok(Self(text.into())),
            Some(rest) => Err(SyntaxError::Version { version: text.to_owned(), rest: rest.to_owned() }),
        }
    }

    /// Reads the version that a package says it has. apk installs packages of versions that it would take in no
    /// dependency, so only what cannot stand in a file name or a URL is refused.
    pub fn of_package(text: &str) -> Result<Self, SyntaxError> {
        let is_harmless =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '~' | '+' | '-');
        if text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.chars().all(is_harmless) {
            Ok(Self(text.into()))
        } else {
            Err(SyntaxError::Version { version: text.to_owned(), rest: text.to_owned() })
        }
    }

    /// Takes whatever stands where a version belongs. It is compared as far as it is one.
    pub(super) fn as_written(text: &str) -> Self {
        Self(text.into())
    }

    /// The version as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `prefix` or something more precise, as the operator `~` asks: `3.8.1` and `3.8-r0` begin with
    /// `3.8`, but `3.80` does not, and `3.8` does not begin with `3.8.1`.
    pub fn begins_with(&self, prefix: &Self) -> bool {
        compare_prefix(&self.0, &prefix.0) == Ordering::Equal
    }
}

/// One part of a version. The order of the kinds matters: where two versions are equal so far, the one whose next part
/// is of the earlier kind is greater.
#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    First(&'a str),
    Number(&'a str),
    Letter(u8),
    Suffix(usize),
    SuffixNumber(&'a str),
    Hash(&'a str),
    Revision(&'a str),
}

impl Part<'_> {
    fn rank(self) -> u8 {
        match self {
            Self::First(_) => 0,
            Self::Number(_) => 1,
            Self::Letter(_) => 2,
            Self::Suffix(_) => 3,
            Self::SuffixNumber(_) => 4,
            Self::Hash(_) => 5,
            Self::Revision(_) => 6,
        }
    }

    /// Whether a version that goes on with this part comes before the one that ends here.
    fn is_before_final(self) -> bool {
        matches!(self, Self::Suffix(index) if index < FINAL)
    }
}

/// The parts of a version, one after another. Ends early at anything that is none; what is left then is `rest`.
struct Parts<'a> {
    rest: &'a str,
    last: Option<u8>,
}

impl<'a> Parts<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, last: None }
    }

    /// Splits off the letters for which `belongs` holds, at least one.
    fn take(text: &'a str, belongs: impl Fn(u8) -> bool) -> Option<(&'a str, &'a str)> {
        let length = text.bytes().take_while(|&byte| belongs(byte)).count();
        if length == 0 { None } else { text.split_at_checked(length) }
    }

    /// Whether the whole text was a version, once no part is left.
    fn is_at_end(&self) -> bool {
        self.last.is_some() && self.rest.is_empty()
    }

    fn digits(text: &'a str) -> Option<(&'a str, &'a str)> {
        Self::take(text, |byte| byte.is_ascii_digit())
    }

    fn read(&self) -> Option<(Part<'a>, &'a str)> {
        let Some(last) = self.last else {
            return Self::digits(self.rest).map(|(number, rest)| (Part::First(number), rest));
        };
        let first = *self.rest.as_bytes().first()?;
        let after = self.rest.get(1..)?;
        match first {
            b'.' if last <= 1 => Self::digits(after).map(|(number, rest)| (Part::Number(number), rest)),
            b'a'..=b'z' if last <= 1 => Some((Part::Letter(first), after)),
            b'_' if last <= 4 => {
                let (word, rest) = Self::take(after, |byte| byte.is_ascii_lowercase())?;
                SUFFIXES.iter().position(|&suffix| suffix == word).map(|index| (Part::Suffix(index), rest))
            }
            b'0'..=b'9' if last == 3 => {
                Self::digits(self.rest).map(|(number, rest)| (Part::SuffixNumber(number), rest))
            }
            b'~' if last <= 4 => Self::take(after, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                .map(|(hash, rest)| (Part::Hash(hash), rest)),
            b'-' if last <= 5 => {
                Self::digits(after.strip_prefix('r')?).map(|(number, rest)| (Part::Revision(number), rest))
            }
            _ => None,
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let (part, rest) = self.read()?;
        self.last = Some(part.rank());
        self.rest = rest;
        Some(part)
    }
}

/// What of `text` is left when all parts of a version have been taken from it; `None` where `text` is a version.
fn unread(text: &str) -> Option<&str> {
    let mut parts = Parts::new(text);
    while parts.next().is_some() {}
    if parts.is_at_end() { None } else { Some(parts.rest) }
}

/// Whether `text` is a version.
pub(crate) fn is_version(text: &str) -> bool {
    unread(text).is_none()
}

/// Compares two versions as they are written.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    compare_parts(left, right, false)
}

/// Like [`compare`], but equal already where `left` only goes on after `prefix` ends.
pub(crate) fn compare_prefix(left: &str, prefix: &str) -> Ordering {
    compare_parts(left, prefix, true)
}

fn compare_parts(left: &str, right: &str, is_prefix: bool) -> Ordering {
    let (mut left_parts, mut right_parts) = (Parts::new(left), Parts::new(right));
    loop {
        let (left, right) = match (left_parts.next(), right_parts.next()) {
            (_, None) if is_prefix && right_parts.is_at_end() => return Ordering::Equal,
            // One that ends comes after one in which something is left over.
            (None, None) => return left_parts.is_at_end().cmp(&right_parts.is_at_end()),
            (Some(left), None) => return if left.is_before_final() { Ordering::Less } else { Ordering::Greater },
            (None, Some(right)) => return if right.is_before_final() { Ordering::Greater } else { Ordering::Less },
            (Some(left), Some(right)) => (left, right),
        };
        let order = match (left, right) {
            (Part::Number(left), Part::Number(right)) if left.starts_with('0') || right.starts_with('0') => {
                left.cmp(right)
            }
            (Part::First(left), Part::First(right))
            | (Part::Number(left), Part::Number(right))
            | (Part::SuffixNumber(left), Part::SuffixNumber(right))
            | (Part::Revision(left), Part::Revision(right)) => compare_numbers(left, right),
            (Part::Letter(left), Part::Letter(right)) => left.cmp(&right),
            (Part::Suffix(left), Part::Suffix(right)) => left.cmp(&right),
            (Part::Hash(left), Part::Hash(right)) => left.cmp(right),
            (left, _) if left.is_before_final() => Ordering::Less,
            (_, right) if right.is_before_final() => Ordering::Greater,
            (left, right) => right.rank().cmp(&left.rank()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Compares digits by the number they make. As in apk it has 64 bits and begins again at 0 beyond them.
fn compare_numbers(left: &str, right: &str) -> Ordering {
    let number = |digits: &str| {
        digits.bytes().fold(0_u64, |number, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
    };
    number(left).cmp(&number(right))
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

#[cfg(test)]
#[path = "version_tests.rs"]
mod tests;
