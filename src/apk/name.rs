//! The name of a package, or of anything that a package provides: `python3`, `so:libc.musl-x86_64.so.1`, `cmd:sh`,
//! `/bin/sh`. To apk they are all just names.
//!
//! Refused: nothing at all, white space, control characters, a leading `!`, and what would end a name in a dependency
//! (`<`, `>`, `=`, `~`, `@`).

use std::borrow::Borrow;
use std::fmt;

use super::syntax::SyntaxError;

/// A name that packages are known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName(Box<str>);

impl PackageName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        check(text)?;
        Ok(Self(text.into()))
    }

    /// A name that was read before.
    pub(super) fn checked(text: &str) -> Self {
        Self(text.into())
    }

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a package itself may go by `text`, which becomes part of a file name and of a URL then: the letters of
    /// apk-package(5)'s `pkgname`, beginning with a letter, a digit or `_`.
    pub fn is_for_package(text: &str) -> bool {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        text.bytes().next().is_some_and(word)
            && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'+' | b'-'))
    }
}

/// Whether `text` is a name, and what is wrong with it otherwise.
pub(super) fn check(text: &str) -> Result<(), SyntaxError> {
    if text.is_empty() {
        return Err(SyntaxError::EmptyName { text: text.to_owned() });
    }
    let ends_a_name =
        |letter: char| letter.is_whitespace() || letter.is_control() || matches!(letter, '<' | '>' | '=' | '~' | '@');
    let wrong = if text.starts_with('!') { Some('!') } else { text.chars().find(|&letter| ends_a_name(letter)) };
    match wrong {
        Some(letter) => Err(SyntaxError::NameLetter { name: text.to_owned(), letter }),
        None => Ok(()),
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl AsRef<str> for PackageName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for PackageName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_packages_provide_is_a_name() {
        for name in ["python3", "so:libc.musl-x86_64.so.1", "cmd:[", "/bin/sh", "pc:x11", "gtk+3.0", "a!b", ".meta"] {
            assert_eq!(PackageName::parse(name).unwrap().to_string(), name);
        }
        for wrong in ["", " ", "a b", "a\tb", "!a", "a=1", "a~", "a@b", "a>b", "a<b", "a\u{7f}", "a\u{a0}b"] {
            PackageName::parse(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_package_goes_by_fewer_names() {
        for name in ["python3", "gtk+3.0", "_x", "py3-pip", "7zip", "libstdc++"] {
            assert!(PackageName::is_for_package(name), "{name}");
        }
        for wrong in ["", "so:x", "/bin/sh", "../x", ".meta", "-x", "a/b", "é"] {
            assert!(!PackageName::is_for_package(wrong), "{wrong}");
        }
    }
}
