//! Rules for single words that several parts of a recipe share.

use globset::GlobBuilder;

use crate::address::Address;

use super::grammar::Grammar;
use super::problem::Problem;

/// The problem that `value` is not what `grammar` says.
pub(super) fn not_a(grammar: Grammar, value: &str) -> Problem {
    Problem::NotA { grammar, value: Address::new(value).to_string() }
}

/// Any text without a NUL, at which every C string ends.
pub(super) fn text(text: &str) -> Result<String, Problem> {
    if text.contains('\0') { Err(not_a(Grammar::Text, text)) } else { Ok(text.to_owned()) }
}

/// Text for names and paths: without control characters, which a line of the installed database, of a PAX record or of
/// /etc/passwd could not hold.
pub(super) fn plain(text: &str) -> Result<String, Problem> {
    if text.contains(char::is_control) {
        return Err(Problem::ControlCharacter { value: text.to_owned() });
    }
    Ok(text.to_owned())
}

/// The name of a user or group, as adduser(8) takes it.
pub(super) fn name_of_account(text: &str) -> Result<String, Problem> {
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if begins && text.len() <= 32 && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(not_a(Grammar::AccountName, text))
    }
}

/// Whether `text` is a glob.
pub(super) fn glob(text: &str) -> Result<(), Problem> {
    match GlobBuilder::new(text).literal_separator(true).build() {
        Ok(_) => plain(text).map(drop),
        Err(error) => Err(Problem::Glob { pattern: text.to_owned(), reason: error.kind().to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_have_plain_names() {
        for name in ["appuser", "_apt", "www-data", "a.b", "App2"] {
            assert_eq!(name_of_account(name).as_deref(), Ok(name));
        }
        let long = "x".repeat(33);
        for wrong in ["", "1a", "-a", "a b", "a:b", "a/b", "\u{e9}", long.as_str()] {
            assert!(name_of_account(wrong).is_err(), "{wrong}");
        }
    }
}
